"""One room's decisions: every method changes the room and returns what has to be done.

A publisher that renegotiates, or comes back on a new transport within its session, keeps its subscribers: they get a
new offer on the transport they have. Offers on a transport are serialised: what changes while one is open goes into
the next. A publisher that is closed takes its subscriptions with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from rheon_engine.types import ForwardParameters
from rheon_media_node.negotiation import PublishedTrack
from rheon_media_node.router.effects import (
    AddForward,
    AddTrack,
    CloseTransport,
    Effect,
    Emit,
    Offer,
    PublisherClosed,
    PublisherReady,
    RemoveForward,
    RemoveTrack,
    RoomEvent,
    SetLayers,
    SetMuted,
    SubscriptionClosed,
    SubscriptionReady,
)
from rheon_media_node.router.state import Member, Publisher, Room, Subscription
from rheon_media_node.router.values import (
    CloseReason,
    Layers,
    OfferId,
    TrackId,
    TransportId,
    UserId,
)


class Router:
    """Decides for one room. Callers have checked that what they name exists."""

    def __init__(self, room: Room, new_offer_id: Callable[[], int]) -> None:
        self.room = room
        self._new_offer_id = new_offer_id

    # Publishing -----------------------------------------------------------------------------------------------------

    def publish(self, member: Member, transport: TransportId, tracks: Sequence[PublishedTrack]) -> list[Effect]:
        """The participant publishes exactly these tracks on this transport: new, changed, or a new transport."""
        effects: list[Effect] = []
        publisher = member.publisher
        if publisher is None:
            publisher = member.publisher = Publisher(transport)
        elif publisher.transport != transport:
            effects.append(CloseTransport(publisher.transport))
            publisher.transport, publisher.connected = transport, False
            publisher.tracks.clear()
            publisher.muted.clear()
        before = publisher.listed()
        publisher.tracks = {track.track_id: track for track in tracks}
        publisher.muted.intersection_update(publisher.tracks)
        effects += self._track_changes(transport, before, publisher.listed())
        if effects:
            effects += self._reoffer_to_subscribers(member.participant.user)
            if publisher.connected:
                effects.append(_ready(member, publisher))
        return effects

    def close_publisher(self, member: Member, reason: CloseReason, *, told: bool) -> list[Effect]:
        """End what the member publishes, and every subscription to it. `told`: its gateway gets an event."""
        publisher, member.publisher = member.publisher, None
        if publisher is None:
            return []
        effects: list[Effect] = [CloseTransport(publisher.transport)]
        if told:
            effects.append(_emit(member, PublisherClosed(member.participant, reason)))
        user = member.participant.user
        for subscriber, _ in self.room.subscribers_of(user):
            effects += self.close_subscription(subscriber, user, CloseReason.PUBLISHER_LEFT, told=True)
        return effects

    def publisher_connected(self, member: Member) -> list[Effect]:
        """SRTP keys of the publish transport are installed."""
        publisher = member.publisher
        if publisher is None or publisher.connected:
            return []
        publisher.connected = True
        return [_ready(member, publisher)]

    @staticmethod
    def set_muted(member: Member, publisher: Publisher, tracks: Iterable[TrackId], *, muted: bool) -> list[Effect]:
        """Forward these tracks of the publisher to nobody, or to its subscribers again."""
        changed = [track for track in tracks if (track in publisher.muted) != muted]
        if not changed:
            return []
        publisher.muted.symmetric_difference_update(changed)
        effects: list[Effect] = [SetMuted(publisher.transport, track, muted) for track in changed]
        if publisher.connected:
            effects.append(_ready(member, publisher))
        return effects

    # Subscribing ----------------------------------------------------------------------------------------------------

    def subscribe(self, member: Member, publisher: UserId, transport: TransportId) -> tuple[list[Effect], Offer]:
        """A fresh subscription on a fresh transport, in place of an earlier one of the pair; its offer is due."""
        effects = self.close_subscription(member, publisher, CloseReason.REPLACED, told=False)
        subscription = Subscription(transport, OfferId(self._new_offer_id()))
        member.subscriptions[publisher] = subscription
        return effects, self._offer(member, publisher, subscription)

    def offer_again(self, member: Member, publisher: UserId, subscription: Subscription) -> Offer:
        """Another offer for an existing subscription; one that is open is void."""
        subscription.offer = OfferId(self._new_offer_id())
        subscription.answered = subscription.stale = False
        return self._offer(member, publisher, subscription)

    def answered(
        self,
        member: Member,
        publisher: UserId,
        subscription: Subscription,
        accepted: Mapping[TrackId, ForwardParameters],
    ) -> list[Effect]:
        """The open offer has its answer: `accepted` is what the subscriber takes."""
        first = not subscription.ever_answered
        subscription.answered = subscription.ever_answered = True
        subscription.accepted = dict(accepted)
        effects = list(self._align_forwards(publisher, subscription))
        if first and subscription.connected:
            effects.append(_emit(member, SubscriptionReady(member.participant, publisher)))
        if subscription.stale:
            effects.append(self.offer_again(member, publisher, subscription))
        return effects

    def subscription_connected(self, member: Member, publisher: UserId) -> list[Effect]:
        """SRTP keys of a subscribe transport are installed."""
        subscription = member.subscriptions.get(publisher)
        if subscription is None or subscription.connected:
            return []
        subscription.connected = True
        effects = list(self._align_forwards(publisher, subscription))
        if subscription.ever_answered:
            effects.append(_emit(member, SubscriptionReady(member.participant, publisher)))
        return effects

    def set_layers(
        self, subscription: Subscription, tracks: Iterable[PublishedTrack], layers: Layers, *, every: bool
    ) -> list[Effect]:
        """Bound the layers of these tracks; `every`: also of those that come later."""
        if every:
            subscription.default_layers = layers
            subscription.layers.clear()
        effects: list[Effect] = []
        for track in tracks:
            track_id = track.track_id
            if not every:
                subscription.layers[track_id] = layers
            if track_id in subscription.forwards:
                effects.append(SetLayers(subscription.transport, track_id, layers))
        return effects

    def close_subscription(self, member: Member, publisher: UserId, reason: CloseReason, *, told: bool) -> list[Effect]:
        """End a subscription, if there is one."""
        subscription = member.subscriptions.pop(publisher, None)
        if subscription is None:
            return []
        effects: list[Effect] = [CloseTransport(subscription.transport)]
        if told:
            effects.append(_emit(member, SubscriptionClosed(member.participant, publisher, reason)))
        return effects

    # Both -----------------------------------------------------------------------------------------------------------

    def remove_member(self, member: Member, reason: CloseReason, *, told: bool) -> list[Effect]:
        """End everything the member has in the room."""
        effects: list[Effect] = []
        for publisher in list(member.subscriptions):
            effects += self.close_subscription(member, publisher, reason, told=told)
        effects += self.close_publisher(member, reason, told=told)
        return effects

    @staticmethod
    def _track_changes(
        transport: TransportId, before: Sequence[PublishedTrack], after: Sequence[PublishedTrack]
    ) -> list[Effect]:
        gone = {track.track_id for track in before} - {track.track_id for track in after}
        new = {track.track_id for track in after} - {track.track_id for track in before}
        removed: list[Effect] = [RemoveTrack(transport, track.track_id) for track in before if track.track_id in gone]
        added: list[Effect] = [AddTrack(transport, track) for track in after if track.track_id in new]
        return removed + added

    def _reoffer_to_subscribers(self, publisher: UserId) -> Iterator[Effect]:
        for member, subscription in self.room.subscribers_of(publisher):
            yield from self._align_forwards(publisher, subscription)
            if subscription.answered:
                yield self.offer_again(member, publisher, subscription)
            else:
                subscription.stale = True

    def _offer(self, member: Member, publisher: UserId, subscription: Subscription) -> Offer:
        published = self.room.publisher(publisher)
        tracks = () if published is None else published.listed()
        return Offer(member.participant, publisher, subscription.transport, subscription.offer, tracks)

    def _align_forwards(self, publisher: UserId, subscription: Subscription) -> Iterator[Effect]:
        """Make the forwards what was accepted and still exists; nothing flows before the keys are there."""
        published = self.room.publisher(publisher)
        if published is None:
            return
        alive = published.tracks
        wanted = [track for track in subscription.accepted if track in alive] if subscription.connected else []
        for track in sorted(subscription.forwards.difference(wanted)):
            subscription.forwards.discard(track)
            yield RemoveForward(subscription.transport, track)
        for track in wanted:
            if track not in subscription.forwards:
                subscription.forwards.add(track)
                layers = None
                if alive[track].kind == "video":
                    layers = subscription.layers.get(track, subscription.default_layers)
                parameters = subscription.accepted[track]
                yield AddForward(subscription.transport, published.transport, track, parameters, layers)


def _ready(member: Member, publisher: Publisher) -> Emit:
    return _emit(member, PublisherReady(member.participant, publisher.listed(), frozenset(publisher.muted)))


def _emit(member: Member, event: RoomEvent) -> Emit:
    return Emit(member.participant.gateway, event)
