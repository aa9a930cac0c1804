"""Short names for building rooms in tests."""

from __future__ import annotations

import itertools
from typing import TypeVar

from rheon_engine.types import Encoding, ForwardParameters, Kind, TrackParameters
from rheon_media_node.negotiation import PublishedTrack
from rheon_media_node.router.effects import Effect, Emit, Offer, RoomEvent
from rheon_media_node.router.rooms import Rooms
from rheon_media_node.router.values import (
    ConnectionId,
    GatewayId,
    OfferId,
    Participant,
    RoomName,
    TransportId,
    UserId,
)

E = TypeVar("E")


def participant(user: int, session: int = 1, *, room: str = "r", gateway: str = "g") -> Participant:
    return Participant(RoomName(room), UserId(user), session, GatewayId(gateway), f"user{user}")


def track(mid: str, kind: Kind = "video", ssrc: int = 1, version: int = 1) -> PublishedTrack:
    return PublishedTrack(
        track_id=f"{mid}-{ssrc}-{version}",
        parameters=TrackParameters(
            kind=kind,
            mid=mid,
            codec="opus" if kind == "audio" else "VP8",
            payload_type=96,
            clock_rate=48000 if kind == "audio" else 90000,
            encodings=(Encoding(ssrc=ssrc),),
            cname="c",
        ),
        stream_id="stream",
        label=f"own name of {mid}",
        subscriber_stream_id="s",
        format_parameters=None,
    )


def forward(mid: str) -> ForwardParameters:
    return ForwardParameters(mid=mid, ssrc=7, payload_type=96)


def of(kind: type[E], effects: list[Effect]) -> list[E]:
    return [effect for effect in effects if isinstance(effect, kind)]


def events(effects: list[Effect]) -> list[tuple[str, RoomEvent]]:
    return [(effect.gateway, effect.event) for effect in effects if isinstance(effect, Emit)]


class World:
    """Rooms with transports numbered as they are asked for."""

    def __init__(self) -> None:
        self.rooms = Rooms()
        self._transports = itertools.count(1)

    def transport(self) -> TransportId:
        return TransportId(next(self._transports))

    def publish(
        self, who: Participant, *tracks: PublishedTrack
    ) -> tuple[TransportId, list[Effect], tuple[PublishedTrack, ...]]:
        publisher = self.rooms.publisher(who)
        transport = publisher.transport if publisher is not None else self.transport()
        effects, made = self.rooms.publish(who, transport, tracks)
        return transport, effects, made

    def live(self, who: Participant, *tracks: PublishedTrack) -> tuple[TransportId, tuple[PublishedTrack, ...]]:
        """A publisher whose keys are installed."""
        transport, _, made = self.publish(who, *tracks)
        self.rooms.connected(transport)
        return transport, made

    def subscribe(
        self, who: Participant, publisher: int, *, shared: bool = False
    ) -> tuple[TransportId, list[Effect], Offer]:
        transport = self.transport()
        connection = ConnectionId(f"c{transport}")
        effects, offer = self.rooms.subscribe(who, UserId(publisher), connection, transport, shared=shared)
        return transport, effects, offer

    def add(self, who: Participant, publisher: int) -> tuple[list[Effect], Offer | None]:
        """One more publisher on the shared connection."""
        shared = self.rooms.shared_connection(who)
        assert shared is not None
        return self.rooms.add_publisher(who, UserId(publisher), shared.connection)

    def connection(self, who: Participant, publisher: int) -> ConnectionId:
        return self.rooms.connection(who, UserId(publisher))

    def answer(self, who: Participant, offer: Offer, *refused: str) -> list[Effect]:
        accepted = {each.track_id: forward(each.mid) for each in offer.tracks if each.track_id not in refused}
        return self.rooms.answer(who, offer.connection, OfferId(offer.offer), accepted)

    def watching(self, who: Participant, publisher: int, *, shared: bool = False) -> tuple[TransportId, Offer]:
        """A subscription with its answer in and its keys installed."""
        transport, _, offer = self.subscribe(who, publisher, shared=shared)
        self.answer(who, offer)
        self.rooms.connected(transport)
        return transport, offer
