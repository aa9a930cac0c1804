"""An engine with behaviour and without packets: it keeps tables, answers statistics, and hands over DTLS datagrams."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from rheon_engine.errors import EngineBusy
from rheon_engine.types import (
    Candidate,
    EngineStats,
    Event,
    ForwardParameters,
    ForwardStats,
    IceCredentials,
    LayerStats,
    SrtpProfile,
    TrackParameters,
    TransportStats,
    WorkerStats,
)


@dataclass(eq=False)
class FakeTrack:
    engine: FakeEngine
    id: int
    transport: int
    parameters: TrackParameters
    muted: bool = False

    def set_muted(self, muted: bool) -> None:
        self.engine.command()
        self.muted = muted

    def remove(self) -> None:
        self.engine.tracks.pop(self.id, None)
        for forward in [each for each in self.engine.forwards.values() if each.track is self]:
            forward.remove()


@dataclass(eq=False)
class FakeForward:
    engine: FakeEngine
    id: int
    transport: int
    track: FakeTrack
    parameters: ForwardParameters
    layers: tuple[int, int] | None = None

    def set_layers(self, *, spatial: int, temporal: int) -> None:
        self.layers = (spatial, temporal)

    def remove(self) -> None:
        self.engine.forwards.pop(self.id, None)


@dataclass(eq=False)
class FakeTransport:
    engine: FakeEngine
    id: int
    ice: IceCredentials
    worker: int = 0
    candidates: tuple[Candidate, ...] = (Candidate("127.0.0.1", 40000),)
    srtp: tuple[SrtpProfile, bytes, bytes] | None = None
    to_peer: Callable[[bytes], None] | None = None
    """Where DTLS datagrams go."""
    sent: list[bytes] = field(default_factory=list)

    def set_ice(self, ice: IceCredentials) -> None:
        self.engine.command()
        self.ice = ice

    def set_srtp(self, profile: SrtpProfile, send_key: bytes, receive_key: bytes) -> None:
        self.engine.command()
        self.srtp = (profile, send_key, receive_key)

    def send_dtls(self, datagram: bytes) -> None:
        self.engine.command()
        self.sent.append(datagram)
        if self.to_peer is not None:
            self.to_peer(datagram)

    def add_track(self, parameters: TrackParameters) -> FakeTrack:
        self.engine.command()
        track = FakeTrack(self.engine, next(self.engine.ids), self.id, parameters)
        self.engine.tracks[track.id] = track
        return track

    def add_forward(self, track: Any, parameters: ForwardParameters) -> FakeForward:
        self.engine.command()
        assert track.id in self.engine.tracks
        assert self.srtp is not None
        forward = FakeForward(self.engine, next(self.engine.ids), self.id, track, parameters)
        self.engine.forwards[forward.id] = forward
        return forward

    def close(self) -> None:
        self.engine.transports.pop(self.id, None)
        for track in [each for each in self.engine.tracks.values() if each.transport == self.id]:
            track.remove()
        for forward in [each for each in self.engine.forwards.values() if each.transport == self.id]:
            forward.remove()


class FakeEngine:
    """Fits `EnginePort`. `busy` is how many further commands are refused."""

    workers = 1

    def __init__(self) -> None:
        self.ids = itertools.count(1)
        self.transports: dict[int, FakeTransport] = {}
        self.tracks: dict[int, FakeTrack] = {}
        self.forwards: dict[int, FakeForward] = {}
        self.busy = 0
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()

    def command(self) -> None:
        if self.busy > 0:
            self.busy -= 1
            raise EngineBusy("full")

    def candidates(self, worker: int = 0) -> tuple[Candidate, ...]:
        return (Candidate("127.0.0.1", 40000),)

    def add_transport(self, *, ice: IceCredentials, worker: int | None = None) -> FakeTransport:
        self.command()
        transport = FakeTransport(self, next(self.ids), ice)
        self.transports[transport.id] = transport
        return transport

    def happen(self, event: Event) -> None:
        self._events.put_nowait(event)

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            yield event

    def by_ufrag(self, ufrag: str) -> FakeTransport:
        return next(each for each in self.transports.values() if each.ice.ufrag == ufrag)

    async def stats(self) -> EngineStats:
        tables = {
            "transports": len(self.transports),
            "tracks": len(self.tracks),
            "forwards": len(self.forwards),
            "tuples": 0,
            "ssrcs": 0,
        }
        return EngineStats(
            workers=(WorkerStats(0, 40000, 1, 2, 3, 4, 5, 6, True, {"unknown-tuple": 7}, tables),),
            transports=tuple(TransportStats(each, 0, 10, 20, 30, 40, 50, 1, 0, 0) for each in self.transports),
            layers=tuple(LayerStats(each, 0, 99, 5, 500, 4000, 1, 2, 3, 4, 5, 6) for each in self.tracks),
            forwards=tuple(
                ForwardStats(each.id, each.track.id, 77, 5, 500, 4000, 0, 0, 0, 0, 0, 0, "only layer", False)
                for each in self.forwards.values()
            ),
        )

    def close(self) -> None:
        self._events.put_nowait(None)
