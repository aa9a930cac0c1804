"""Long random histories: the effects, carried out on a model of the engine, always fit the rooms' state."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from rheon_media_node.errors import NodeError
from rheon_media_node.router.effects import (
    AddForward,
    AddTrack,
    CloseTransport,
    Effect,
    Emit,
    Offer,
    RemoveForward,
    RemoveTrack,
)
from rheon_media_node.router.rooms import Rooms
from rheon_media_node.router.values import (
    CloseReason,
    ConnectionId,
    GatewayId,
    OfferId,
    Participant,
    RoomName,
    TransportId,
    UserId,
)
from tests.unit.media_node.router.world import forward, track

USERS = range(1, 6)
ROOMS = ("a", "b")
STEPS = 400


class Model:
    """What an engine would hold; it refuses effects that make no sense."""

    def __init__(self) -> None:
        self.transports: set[TransportId] = set()
        self.tracks: dict[str, TransportId] = {}
        self.forwards: set[tuple[TransportId, str]] = set()
        self.offers: dict[TransportId, Offer] = {}

    def apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case CloseTransport(transport):
                    self.transports.remove(transport)
                    self.offers.pop(transport, None)
                    for name in [name for name, source in self.tracks.items() if source == transport]:
                        self._remove_track(name)
                    self.forwards = {each for each in self.forwards if each[0] != transport}
                case AddTrack(transport, added):
                    assert transport in self.transports
                    assert added.track_id not in self.tracks
                    self.tracks[added.track_id] = transport
                case RemoveTrack(transport, name):
                    assert self.tracks[name] == transport
                    self._remove_track(name)
                case AddForward(transport, source, name):
                    assert transport in self.transports
                    assert self.tracks[name] == source
                    assert (transport, name) not in self.forwards
                    self.forwards.add((transport, name))
                case RemoveForward(transport, name):
                    self.forwards.discard((transport, name))
                case Offer(transport=transport):
                    assert transport in self.transports
                    self.offers[transport] = effect
                case Emit(gateway, event):
                    assert gateway == event.participant.gateway
                case _:
                    pass

    def _remove_track(self, name: str) -> None:
        del self.tracks[name]
        self.forwards = {each for each in self.forwards if each[1] != name}


class Walk:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.rooms = Rooms()
        self.model = Model()
        self.sessions = dict.fromkeys(((room, user) for room in ROOMS for user in USERS), 1)
        self.next = 1

    def participant(self) -> Participant:
        room, user = self.dice.choice(ROOMS), self.dice.choice(USERS)
        if self.dice.random() < 0.01:
            self.sessions[room, user] += 1
        session = self.sessions[room, user] - (self.dice.random() < 0.05)
        gateway = GatewayId(f"g{user % 2}")
        return Participant(RoomName(room), UserId(user), session, gateway, "u")

    def step(self) -> None:
        who = self.participant()
        other = UserId(self.dice.choice(USERS))
        any_transport = self.dice.choice(sorted(self.model.transports)) if self.model.transports else TransportId(0)
        with suppress(NodeError):
            match self.dice.randrange(40):
                case 0 | 1 | 2 | 3:
                    self.publish(who)
                case 38:
                    self.model.apply(self.rooms.failed(any_transport, CloseReason.ICE_FAILED))
                case 39:
                    self.leave(who, other)
                case number if number < 10:
                    self.subscribe(who, other)
                case number if number < 25:
                    if self.model.offers:
                        self.answer(self.dice.choice(list(self.model.offers.values())))
                case _:
                    self.model.apply(self.rooms.connected(any_transport))

    def answer(self, offer: Offer) -> None:
        taken = {each.track_id: forward(each.mid) for each in offer.tracks if self.dice.random() < 0.9}
        answered = OfferId(offer.offer - (self.dice.random() < 0.1))
        self.model.apply(self.rooms.answer(offer.participant, offer.connection, answered, taken))

    def subscribe(self, who: Participant, other: UserId) -> None:
        """Some users are subscribed over a shared connection, some to each publisher, some now and then to both."""
        shared = who.user % 2 == 0 if self.dice.random() < 0.95 else self.dice.random() < 0.5
        running = self.rooms.shared_connection(who) if shared else None
        if running is not None:
            effects, offer = self.rooms.add_publisher(who, other, running.connection)
            self.model.apply([*effects, offer] if offer is not None else effects)
            return
        self.rooms.check_subscribe(who, other)
        transport = self.open()
        connection = ConnectionId(f"c{transport}")
        effects, due = self.rooms.subscribe(who, other, connection, transport, shared=shared)
        self.model.apply([*effects, due])

    def publish(self, who: Participant) -> None:
        publisher = self.rooms.publisher(who)
        fresh = publisher is None or self.dice.random() < 0.1
        self.rooms.check_publish(who, new_transport=fresh)
        transport = self.open() if publisher is None or fresh else publisher.transport
        kept = [] if publisher is None or fresh else [each for each in publisher.listed() if self.dice.random() < 0.8]
        self.next += 1
        added = [track(str(self.next), version=self.next)] if self.dice.random() < 0.8 else []
        effects, _ = self.rooms.publish(who, transport, [*kept, *added])
        self.model.apply(effects)

    def leave(self, who: Participant, other: UserId) -> None:
        match self.dice.randrange(11):
            case 0:
                self.model.apply(self.rooms.remove_gateway(who.gateway))
            case 1 | 2:
                self.model.apply(self.rooms.remove_participant(who))
            case 3 | 4:
                self.model.apply(self.rooms.unpublish(who))
            case 5:
                self.model.apply([self.rooms.offer_again(who, self.rooms.connection(who, other))])
            case 6:
                self.model.apply(self.rooms.disconnect(who, self.rooms.connection(who, other)))
            case _:
                self.model.apply(self.rooms.unsubscribe(who, other))

    def open(self) -> TransportId:
        self.next += 1
        transport = TransportId(self.next)
        self.model.transports.add(transport)
        return transport

    def check(self) -> None:
        members = list(self.rooms.members())
        assert not any(member.idle for member in members)
        published = {member.publisher.transport for member in members if member.publisher is not None}
        subscribed = {each.transport: each for member in members for each in member.subscriptions.values()}
        assert self.model.transports == published | subscribed.keys()
        assert all(self.rooms.owner(transport) is not None for transport in self.model.transports)
        assert set(self.model.tracks.values()) <= published
        assert self.model.forwards == {
            (transport, name) for transport, each in subscribed.items() for name in each.forwards
        }
        assert all(subscribed[transport].connected for transport, _ in self.model.forwards)
        for member in members:
            room = self.rooms.room(member.participant.room)
            carried = [(user, each) for each in member.subscriptions.values() for user in each.publishers]
            assert dict(carried) == member.carriers
            assert len(carried) == len(member.carriers)
            assert sum(each.shared for each in member.subscriptions.values()) <= 1
            for each in member.subscriptions.values():
                assert each.shared or len(each.publishers) == 1
                latest = self.model.offers[each.transport]
                assert latest.offer == each.offer
                sources = [room.publisher(user) for user in each.publishers]
                listed = tuple(made for source in sources if source is not None for made in source.listed())
                assert None not in sources
                # What was offered last is what there is, unless another offer is due after its answer.
                assert each.stale or latest.tracks == listed
                # Never two offers open: what has its answer has nothing waiting.
                assert not (each.answered and each.stale)
                assert each.forwards <= {made.track_id for made in listed}


@pytest.mark.parametrize("seed", range(25))
def test_histories(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(STEPS):
        walk.step()
        walk.check()
    for gateway in ("g0", "g1"):
        walk.model.apply(walk.rooms.remove_gateway(GatewayId(gateway)))
    assert (walk.model.transports, walk.model.tracks, walk.model.forwards) == (set(), {}, set())
    assert walk.rooms.names() == []
