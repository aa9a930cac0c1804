"""One room's decisions: every method changes the room and returns what has to be done.

A publisher that renegotiates, or comes back on a new transport within its session, keeps its subscribers: they get a
new offer on the transport they have. Offers on a transport are serialised: what changes while one is open goes into
the next. A publisher that is closed takes the connections of its own with it; shared ones go on without it.
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
    ConnectionId,
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

    def publish(
        self, member: Member, transport: TransportId, tracks: Sequence[PublishedTrack], *, data: bool
    ) -> list[Effect]:
        """The participant publishes exactly these tracks on this transport: new, changed, or a new transport.

        With `data` its subscribers are offered data channels, if they were not before.
        """
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
        has_data_now, publisher.data = data and not publisher.data, data
        if effects or has_data_now:
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
            effects += self.unsubscribe(subscriber, user, CloseReason.PUBLISHER_LEFT, told=True)
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

    def subscribe(
        self, member: Member, publisher: UserId, connection: ConnectionId, transport: TransportId, *, shared: bool
    ) -> tuple[list[Effect], Offer]:
        """A fresh connection with this publisher, in place of what carried it before; its offer is due."""
        effects = self.unsubscribe(member, publisher, CloseReason.REPLACED, told=False)
        subscription = Subscription(connection, transport, OfferId(self._new_offer_id()), shared)
        member.subscriptions[connection] = subscription
        member.carry(publisher, subscription)
        return effects, self._offer(member, subscription)

    def add_publisher(
        self, member: Member, subscription: Subscription, publisher: UserId
    ) -> tuple[list[Effect], Offer | None]:
        """Put a publisher on a shared connection, in place of what carried it before.

        Its offer is due, or None: one is open, and the next has the publisher.
        """
        effects: list[Effect] = []
        if member.carriers.get(publisher) is not subscription:
            effects = self.unsubscribe(member, publisher, CloseReason.REPLACED, told=False)
            member.carry(publisher, subscription)
        if not subscription.answered:
            subscription.stale = True
            return effects, None
        return effects, self.offer_again(member, subscription)

    def offer_again(self, member: Member, subscription: Subscription) -> Offer:
        """Another offer of a connection; one that is open is void."""
        subscription.offer = OfferId(self._new_offer_id())
        subscription.answered = subscription.stale = False
        return self._offer(member, subscription)

    def answered(
        self, member: Member, subscription: Subscription, accepted: Mapping[TrackId, ForwardParameters]
    ) -> list[Effect]:
        """The open offer has its answer: `accepted` is what the subscriber takes."""
        first = not subscription.ever_answered
        subscription.answered = subscription.ever_answered = True
        subscription.accepted = dict(accepted)
        effects = list(self._align_forwards(subscription))
        if first and subscription.connected:
            effects.append(_subscribed(member, subscription))
        if subscription.stale:
            effects.append(self.offer_again(member, subscription))
        return effects

    def subscription_connected(self, member: Member, subscription: Subscription) -> list[Effect]:
        """SRTP keys of a subscribe transport are installed."""
        if subscription.connected:
            return []
        subscription.connected = True
        effects = list(self._align_forwards(subscription))
        if subscription.ever_answered:
            effects.append(_subscribed(member, subscription))
        return effects

    @staticmethod
    def set_layers(
        subscription: Subscription,
        publisher: UserId,
        tracks: Iterable[PublishedTrack],
        layers: Layers,
        *,
        every: bool,
    ) -> list[Effect]:
        """Bound the layers of these tracks of a publisher; `every`: also of those that come later."""
        if every:
            subscription.default_layers[publisher] = layers
        effects: list[Effect] = []
        for track in tracks:
            track_id = track.track_id
            if every:
                subscription.layers.pop(track_id, None)
            else:
                subscription.layers[track_id] = layers
            if track_id in subscription.forwards:
                effects.append(SetLayers(subscription.transport, track_id, layers))
        return effects

    def unsubscribe(self, member: Member, publisher: UserId, reason: CloseReason, *, told: bool) -> list[Effect]:
        """Receive a publisher no longer, if it was: its own connection ends, a shared one goes on without it."""
        subscription = member.carriers.get(publisher)
        if subscription is None:
            return []
        if not subscription.shared:
            return self.close_subscription(member, subscription, reason, told=told)
        member.drop(publisher)
        return list(self._changed(member, subscription))

    @staticmethod
    def close_subscription(
        member: Member, subscription: Subscription, reason: CloseReason, *, told: bool
    ) -> list[Effect]:
        """End a connection with everything it carries."""
        member.forget(subscription)
        effects: list[Effect] = [CloseTransport(subscription.transport)]
        if told:
            publisher, connection = subscription.only_publisher, subscription.connection
            effects.append(_emit(member, SubscriptionClosed(member.participant, publisher, connection, reason)))
        return effects

    # Both -----------------------------------------------------------------------------------------------------------

    def remove_member(self, member: Member, reason: CloseReason, *, told: bool) -> list[Effect]:
        """End everything the member has in the room."""
        effects: list[Effect] = []
        for subscription in list(member.subscriptions.values()):
            effects += self.close_subscription(member, subscription, reason, told=told)
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
            yield from self._changed(member, subscription)

    def _changed(self, member: Member, subscription: Subscription) -> Iterator[Effect]:
        """What a connection is to bring has changed: end what is gone now, offer the change now or next."""
        yield from self._align_forwards(subscription)
        if subscription.answered:
            yield self.offer_again(member, subscription)
        else:
            subscription.stale = True

    def _offer(self, member: Member, subscription: Subscription) -> Offer:
        carried = self._carried(subscription)
        return Offer(
            member.participant,
            subscription.connection,
            subscription.only_publisher,
            subscription.transport,
            subscription.offer,
            tuple(track for _, published in carried for track in published.listed()),
            {track: user for user, published in carried for track in published.tracks},
            any(published.data for _, published in carried),
        )

    def _carried(self, subscription: Subscription) -> list[tuple[UserId, Publisher]]:
        found = ((user, self.room.publisher(user)) for user in subscription.publishers)
        return [(user, published) for user, published in found if published is not None]

    def _align_forwards(self, subscription: Subscription) -> Iterator[Effect]:
        """Make the forwards what was accepted and still exists; nothing flows before the keys are there."""
        alive = {
            track: (user, published.transport)
            for user, published in self._carried(subscription)
            for track in published.tracks
        }
        accepted = {track: parameters for track, parameters in subscription.accepted.items() if track in alive}
        subscription.accepted = accepted
        subscription.layers = {track: layers for track, layers in subscription.layers.items() if track in alive}
        wanted = accepted if subscription.connected else {}
        for track in sorted(subscription.forwards.difference(wanted)):
            subscription.forwards.discard(track)
            yield RemoveForward(subscription.transport, track)
        for track, parameters in wanted.items():
            if track not in subscription.forwards:
                subscription.forwards.add(track)
                user, source = alive[track]
                yield AddForward(
                    subscription.transport, source, track, parameters, self._layers(subscription, user, track)
                )

    def _layers(self, subscription: Subscription, publisher: UserId, track: TrackId) -> Layers | None:
        published = self.room.publisher(publisher)
        if published is None or published.tracks[track].kind != "video":
            return None
        return subscription.layers.get(track, subscription.default_layers.get(publisher))


def _ready(member: Member, publisher: Publisher) -> Emit:
    return _emit(member, PublisherReady(member.participant, publisher.listed(), frozenset(publisher.muted)))


def _subscribed(member: Member, subscription: Subscription) -> Emit:
    event = SubscriptionReady(member.participant, subscription.only_publisher, subscription.connection)
    return _emit(member, event)


def _emit(member: Member, event: RoomEvent) -> Emit:
    return Emit(member.participant.gateway, event)
