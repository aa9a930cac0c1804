"""A control over the fake engine in virtual time, with peers that do real DTLS in memory."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rheon_engine.types import DtlsReceived, Event, IceConnected
from rheon_media_node.control.control import MediaControl, Offered, Published
from rheon_media_node.control.events import EventStream, GatewayEvent, SubscriptionOffered
from rheon_media_node.dtls import DtlsIdentity
from rheon_media_node.router.values import ConnectionId, GatewayId, OfferId, Participant, RoomName, UserId
from tests.support.native_peer import PeerCore, SentTrack
from tests.unit.media_node.fake_engine import FakeEngine, FakeTransport


@dataclass
class VirtualTimer:
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class VirtualClock:
    now: float = 1000.0
    _due: list[tuple[float, int, VirtualTimer]] = field(default_factory=list)
    _order: Any = field(default_factory=itertools.count)

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> VirtualTimer:
        timer = VirtualTimer(lambda: (callback(*args), None)[1])
        heapq.heappush(self._due, (when, next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            when, _, timer = heapq.heappop(self._due)
            self.now = max(self.now, when)
            if not timer.cancelled:
                timer.callback()
        self.now = end

    @property
    def pending(self) -> int:
        return sum(not timer.cancelled for _, _, timer in self._due)


IDENTITY = DtlsIdentity()


def participant(user: int, session: int = 1, gateway: str = "g") -> Participant:
    return Participant(RoomName("r"), UserId(user), session, GatewayId(gateway), f"user{user}")


class Peer(PeerCore):
    """A client whose datagrams wait to be carried to the node."""

    def __init__(self) -> None:
        self.outgoing: list[bytes] = []
        super().__init__(self.outgoing.append)


class Node:
    """The control with everything around it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.engine = FakeEngine()
        self.control = MediaControl(self.engine, IDENTITY, self.clock)

    def watch(self, gateway: str = "g") -> EventStream:
        return self.control.watch(GatewayId(gateway))

    def happen(self, event: Event) -> None:
        self.control.transports.handle(event)

    def transport_of(self, peer: Peer) -> FakeTransport:
        assert peer.remote is not None
        return self.engine.by_ufrag(peer.remote.ufrag)

    def connect(self, peer: Peer, description: str, *, expect: bool = True) -> None:
        """ICE and DTLS."""
        peer.set_remote(description)
        transport = self.transport_of(peer)
        arriving: list[bytes] = []
        transport.to_peer = arriving.append
        self.happen(IceConnected(transport.id))
        peer.start_dtls(self.clock.now)
        while peer.outgoing or arriving:
            while peer.outgoing:
                self.happen(DtlsReceived(transport.id, peer.outgoing.pop(0)))
            while arriving:
                peer.receive(arriving.pop(0), self.clock.now)
        assert peer.connected is expect

    def publish(self, who: Participant, peer: Peer, tracks: tuple[SentTrack, ...]) -> Published:
        return self.control.publish(who, peer.offer(tracks))

    def live(self, who: Participant, tracks: tuple[SentTrack, ...]) -> Peer:
        peer = Peer()
        self.connect(peer, self.publish(who, peer, tracks).answer)
        return peer

    def subscribe(self, who: Participant, publisher: int, *, shared: bool = False) -> Offered:
        return self.control.subscribe(who, UserId(publisher), shared=shared)

    def answer(self, who: Participant, offered: Offered | SubscriptionOffered, peer: Peer) -> None:
        answer = peer.answer(offered.offer)
        self.control.answer_subscription(who, offered.connection, OfferId(offered.offer_id), answer)

    def connection(self, who: Participant, publisher: int) -> ConnectionId:
        return self.control.rooms.connection(who, UserId(publisher))

    def watching(self, who: Participant, publisher: int, *, shared: bool = False) -> Peer:
        peer = Peer()
        offered = self.subscribe(who, publisher, shared=shared)
        self.answer(who, offered, peer)
        self.connect(peer, offered.offer)
        return peer


def drained(stream: EventStream) -> list[GatewayEvent]:
    """What waits in a stream."""
    taken = list(stream._events)
    stream._events.clear()
    return taken
