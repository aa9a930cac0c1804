"""All rooms of the node: finds what a command is about, refuses what it may not do, and lets the router decide."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rheon_engine.types import ForwardParameters, Kind
from rheon_media_node.errors import (
    PublisherNotFound,
    RoomNotFound,
    SubscriptionNotFound,
    TooMany,
    WrongState,
)
from rheon_media_node.negotiation import PublishedTrack
from rheon_media_node.router import limits
from rheon_media_node.router.effects import CloseTransport, Effect, Offer
from rheon_media_node.router.router import Router
from rheon_media_node.router.sessions import SessionFence
from rheon_media_node.router.state import Member, Publisher, Room, Subscription
from rheon_media_node.router.values import (
    CloseReason,
    ConnectionId,
    GatewayId,
    Layers,
    OfferId,
    Participant,
    RoomName,
    TrackId,
    TransportId,
    UserId,
)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose transport it is; `connection` None: the publish transport."""

    room: RoomName
    user: UserId
    connection: ConnectionId | None


class Rooms:
    """The state of the media plane, without any I/O. Every method returns the effects of the change it made."""

    def __init__(self) -> None:
        self._rooms: dict[RoomName, Room] = {}
        self._owners: dict[TransportId, Owner] = {}
        self._fence = SessionFence()
        self._offer_ids = itertools.count(1)

    # Looking --------------------------------------------------------------------------------------------------------

    def names(self) -> list[RoomName]:
        """The rooms that live here."""
        return list(self._rooms)

    def room(self, name: RoomName) -> Room:
        """A room's state, to look at. Raises RoomNotFound."""
        room = self._rooms.get(name)
        if room is None:
            raise RoomNotFound("nobody publishes or is subscribed in this room on this node")
        return room

    def owner(self, transport: TransportId) -> Owner | None:
        """Whose transport it is."""
        return self._owners.get(transport)

    def members(self) -> Iterable[Member]:
        """Every member of every room."""
        return [member for room in self._rooms.values() for member in room.members.values()]

    def subscription_on(self, transport: TransportId) -> Subscription | None:
        """The subscribe connection of a transport."""
        found = self._find(transport)
        return None if found is None else found[2]

    def publishes_data(self, room: RoomName, user: UserId) -> bool:
        """Whether a user of the room has data channels."""
        found = self._rooms.get(room)
        published = None if found is None else found.publisher(user)
        return published is not None and published.data

    def publisher(self, participant: Participant) -> Publisher | None:
        """What this very session publishes now."""
        member = self._current(participant)
        return None if member is None else member.publisher

    def connection(self, participant: Participant, publisher: UserId) -> ConnectionId:
        """The connection that carries a publisher to this session. Raises StaleSession, SubscriptionNotFound."""
        self._fence.check(participant)
        member = self._current(participant)
        subscription = None if member is None else member.carriers.get(publisher)
        if subscription is None:
            raise SubscriptionNotFound("there is no subscription to this publisher")
        return subscription.connection

    def shared_connection(self, participant: Participant) -> Subscription | None:
        """This session's shared connection."""
        member = self._current(participant)
        return None if member is None else member.shared

    def subscription(
        self, participant: Participant, connection: ConnectionId, offer: OfferId | None = None
    ) -> Subscription:
        """This session's subscribe connection.

        With `offer`: it must be the open offer (0 stands for the latest). Raises StaleSession, SubscriptionNotFound,
        WrongState.
        """
        return self._subscription(participant, connection, offer)[1]

    def _subscription(
        self, participant: Participant, connection: ConnectionId, offer: OfferId | None = None
    ) -> tuple[Member, Subscription]:
        self._fence.check(participant)
        member = self._current(participant)
        subscription = None if member is None else member.subscriptions.get(connection)
        if member is None or subscription is None:
            raise SubscriptionNotFound("there is no such subscribe connection")
        if offer is not None:
            if offer not in (0, subscription.offer):
                raise WrongState("this offer was replaced by a later one")
            if subscription.answered:
                raise WrongState("this offer has its answer already")
        return member, subscription

    def check_publish(self, participant: Participant, *, new_transport: bool) -> None:
        """Raise what `publish` would raise, before anything is made for it."""
        self._check_admission(participant)
        if new_transport:
            self._check_transports()

    def check_subscribe(
        self, participant: Participant, publisher: UserId, *, new_transport: bool = True
    ) -> tuple[PublishedTrack, ...]:
        """Raise what `subscribe` would raise, before anything is made for it; else the publisher's tracks."""
        self._check_admission(participant)
        if new_transport:
            self._check_transports()
        room = self._rooms.get(participant.room)
        if room is None:
            raise RoomNotFound("nobody publishes in this room on this node")
        published = room.publisher(publisher)
        if published is None or not (published.tracks or published.data):
            raise PublisherNotFound("this user publishes nothing in the room")
        if publisher == participant.user:
            raise WrongState("a participant cannot subscribe to itself")
        member = self._current(participant)
        if (
            member is not None
            and publisher not in member.carriers
            and len(member.carriers) >= limits.MAX_SUBSCRIPTIONS_PER_PARTICIPANT
        ):
            raise TooMany("the participant has too many subscriptions")
        return published.listed()

    # Changing -------------------------------------------------------------------------------------------------------

    def publish(
        self,
        participant: Participant,
        transport: TransportId,
        tracks: Sequence[PublishedTrack],
        *,
        data: bool = False,
    ) -> tuple[list[Effect], tuple[PublishedTrack, ...]]:
        """The participant publishes these tracks on this transport. Raises StaleSession, TooMany."""
        self._check_admission(participant)
        if len(tracks) > limits.MAX_TRACKS_PER_PUBLISHER:
            raise TooMany(f"at most {limits.MAX_TRACKS_PER_PUBLISHER} tracks can be published")
        effects, router, member = self._enter(participant)
        effects += router.publish(member, transport, tracks, data=data)
        self._owners[transport] = Owner(participant.room, participant.user, None)
        return self._tidied(participant.room, effects), self._published(member)

    def unpublish(self, participant: Participant) -> list[Effect]:
        """The participant publishes nothing any more. Raises StaleSession."""
        effects, member = self._enter_if_known(participant)
        if member is not None:
            effects += self._router(participant.room).close_publisher(member, CloseReason.REQUESTED, told=False)
        return self._tidied(participant.room, effects)

    def set_muted(
        self, participant: Participant, track: TrackId | None, kind: Kind | None, *, muted: bool
    ) -> list[Effect]:
        """Mute or unmute what the participant publishes: one track, by our id or its own, else all of a kind.

        Raises StaleSession, PublisherNotFound, WrongState.
        """
        self._fence.check(participant)
        member = self._current(participant)
        if member is None or member.publisher is None:
            raise PublisherNotFound("the participant publishes nothing in the room")
        published = member.publisher.listed()
        if track is None:
            chosen = [each.track_id for each in published if each.kind == kind]
        else:
            chosen = [each.track_id for each in published if track in (each.track_id, each.label)]
            if not chosen:
                raise WrongState("the participant publishes no such track")
        return self._router(participant.room).set_muted(member, member.publisher, chosen, muted=muted)

    def subscribe(
        self,
        participant: Participant,
        publisher: UserId,
        connection: ConnectionId,
        transport: TransportId,
        *,
        shared: bool = False,
    ) -> tuple[list[Effect], Offer]:
        """A fresh connection with this publisher on this transport; the offer is due. Raises as `check_subscribe`."""
        self.check_subscribe(participant, publisher)
        effects, router, member = self._enter(participant)
        made, offer = router.subscribe(member, publisher, connection, transport, shared=shared)
        self._owners[transport] = Owner(participant.room, participant.user, connection)
        return self._tidied(participant.room, effects + made), offer

    def add_publisher(
        self, participant: Participant, publisher: UserId, connection: ConnectionId
    ) -> tuple[list[Effect], Offer | None]:
        """Put a publisher on the shared connection; its offer, or None where one is open: the next has the publisher.

        Raises as `check_subscribe` and `subscription`.
        """
        self.check_subscribe(participant, publisher, new_transport=False)
        effects, router, member = self._enter(participant)
        _, subscription = self._subscription(participant, connection)
        made, offer = router.add_publisher(member, subscription, publisher)
        return self._tidied(participant.room, effects + made), offer

    def answer(
        self,
        participant: Participant,
        connection: ConnectionId,
        offer: OfferId,
        accepted: Mapping[TrackId, ForwardParameters],
    ) -> list[Effect]:
        """The open offer has its answer. Raises as `subscription`."""
        member, subscription = self._subscription(participant, connection, offer)
        return self._router(participant.room).answered(member, subscription, accepted)

    def offer_again(self, participant: Participant, connection: ConnectionId) -> Offer:
        """A fresh offer of an existing connection (ICE restart). Raises as `subscription`."""
        member, subscription = self._subscription(participant, connection)
        return self._router(participant.room).offer_again(member, subscription)

    def unsubscribe(self, participant: Participant, publisher: UserId) -> list[Effect]:
        """Receive a publisher no longer, if the participant does. Raises StaleSession."""
        effects, member = self._enter_if_known(participant)
        if member is not None:
            router = self._router(participant.room)
            effects += router.unsubscribe(member, publisher, CloseReason.REQUESTED, told=False)
        return self._tidied(participant.room, effects)

    def disconnect(self, participant: Participant, connection: ConnectionId) -> list[Effect]:
        """End a subscribe connection, if there is one, with everything it carries. Raises StaleSession."""
        effects, member = self._enter_if_known(participant)
        subscription = None if member is None else member.subscriptions.get(connection)
        if member is not None and subscription is not None:
            router = self._router(participant.room)
            effects += router.close_subscription(member, subscription, CloseReason.REQUESTED, told=False)
        return self._tidied(participant.room, effects)

    def set_layers(
        self, participant: Participant, publisher: UserId, track: TrackId | None, layers: Layers
    ) -> list[Effect]:
        """Bound the layers of one video track, or of all the publisher has. Raises as `connection`, WrongState."""
        subscription = self.subscription(participant, self.connection(participant, publisher))
        room = self._rooms[participant.room]
        published = room.publisher(publisher)
        video = [each for each in published.listed() if each.kind == "video"] if published is not None else []
        chosen = [each for each in video if track in (None, each.track_id)]
        if track is not None and not chosen:
            raise WrongState("the publisher has no such video track")
        router = self._router(participant.room)
        return router.set_layers(subscription, publisher, chosen, layers, every=track is None)

    def remove_participant(self, participant: Participant) -> list[Effect]:
        """End everything the participant has in the room. Raises StaleSession."""
        effects, member = self._enter_if_known(participant)
        if member is not None:
            effects += self._router(participant.room).remove_member(member, CloseReason.REQUESTED, told=False)
        return self._tidied(participant.room, effects)

    def remove_gateway(self, gateway: GatewayId) -> list[Effect]:
        """End everything of a gateway that is gone."""
        effects: list[Effect] = []
        for member in self.members():
            room = member.participant.room
            # A member that lost its last subscription to one removed before is gone already.
            if member.participant.gateway == gateway and not member.idle:
                effects += self._router(room).remove_member(member, CloseReason.REQUESTED, told=False)
                effects = self._tidied(room, effects)
        return effects

    def connected(self, transport: TransportId) -> list[Effect]:
        """SRTP keys of a transport are installed."""
        found = self._find(transport)
        if found is None:
            return []
        router, member, subscription = found
        if subscription is None:
            return router.publisher_connected(member)
        return router.subscription_connected(member, subscription)

    def failed(self, transport: TransportId, reason: CloseReason) -> list[Effect]:
        """A transport ended by itself."""
        found = self._find(transport)
        if found is None:
            return []
        router, member, subscription = found
        if subscription is None:
            effects = router.close_publisher(member, reason, told=True)
        else:
            effects = router.close_subscription(member, subscription, reason, told=True)
        return self._tidied(member.participant.room, effects)

    # Inside ---------------------------------------------------------------------------------------------------------

    def _router(self, room: RoomName) -> Router:
        return Router(self._rooms[room], self._offer_ids.__next__)

    def _current(self, participant: Participant) -> Member | None:
        room = self._rooms.get(participant.room)
        member = None if room is None else room.members.get(participant.user)
        return member if member is not None and member.participant.session == participant.session else None

    def _find(self, transport: TransportId) -> tuple[Router, Member, Subscription | None] | None:
        owner = self._owners.get(transport)
        if owner is None:
            return None
        member = self._rooms[owner.room].members[owner.user]
        subscription = None if owner.connection is None else member.subscriptions[owner.connection]
        return self._router(owner.room), member, subscription

    def _check_admission(self, participant: Participant) -> None:
        self._fence.check(participant)
        room = self._rooms.get(participant.room)
        if room is None:
            if len(self._rooms) >= limits.MAX_ROOMS:
                raise TooMany("the node has too many rooms")
        elif participant.user not in room.members and len(room.members) >= limits.MAX_PARTICIPANTS_PER_ROOM:
            raise TooMany("the room has too many participants")

    def _check_transports(self) -> None:
        if len(self._owners) >= limits.MAX_TRANSPORTS:
            raise TooMany("the node has too many transports")

    def _enter(self, participant: Participant) -> tuple[list[Effect], Router, Member]:
        """The member of this session, made if need be; an older session of the user is ended."""
        self._fence.admit(participant)
        room = self._rooms.setdefault(participant.room, Room(participant.room))
        router = self._router(participant.room)
        effects: list[Effect] = []
        member = room.members.get(participant.user)
        if member is not None and member.participant.session != participant.session:
            effects += router.remove_member(member, CloseReason.REPLACED, told=True)
            self._release(effects)
            member = None
        if member is None:
            member = room.members[participant.user] = Member(participant)
        else:
            member.participant = participant  # another gateway may speak for it now
        return effects, router, member

    def _enter_if_known(self, participant: Participant) -> tuple[list[Effect], Member | None]:
        self._fence.admit(participant)
        room = self._rooms.get(participant.room)
        if room is None or participant.user not in room.members:
            return [], None
        effects, _, member = self._enter(participant)
        return effects, member

    def _tidied(self, room_name: RoomName, effects: list[Effect]) -> list[Effect]:
        """Forget closed transports, members without anything, and an empty room."""
        self._release(effects)
        room = self._rooms.get(room_name)
        if room is not None:
            for user in [user for user, member in room.members.items() if member.idle]:
                del room.members[user]
            if not room.members:
                del self._rooms[room_name]
        return effects

    def _release(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, CloseTransport):
                self._owners.pop(effect.transport, None)

    @staticmethod
    def _published(member: Member) -> tuple[PublishedTrack, ...]:
        return () if member.publisher is None else member.publisher.listed()
