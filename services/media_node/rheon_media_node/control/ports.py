"""What the control needs of the packet engine and of time; `rheon_engine.engine.Engine` and an asyncio loop fit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from rheon_engine.types import (
    Candidate,
    EngineStats,
    Event,
    ForwardParameters,
    IceCredentials,
    SrtpProfile,
    TrackParameters,
)


class TrackPort(Protocol):
    """A published track in the engine."""

    @property
    def id(self) -> int: ...
    def remove(self) -> None: ...


class ForwardPort(Protocol):
    """A track as the engine sends it to one subscriber."""

    @property
    def id(self) -> int: ...
    def set_layers(self, *, spatial: int, temporal: int) -> None: ...
    def remove(self) -> None: ...


class TransportPort(Protocol):
    """One peer connection in the engine."""

    @property
    def id(self) -> int: ...
    @property
    def worker(self) -> int: ...
    @property
    def candidates(self) -> tuple[Candidate, ...]: ...
    def set_ice(self, ice: IceCredentials) -> None: ...
    def set_srtp(self, profile: SrtpProfile, send_key: bytes, receive_key: bytes) -> None: ...
    def send_dtls(self, datagram: bytes) -> None: ...
    def add_track(self, parameters: TrackParameters) -> TrackPort: ...

    # Any: an engine takes its own kind of track back, which a port cannot name.
    def add_forward(self, track: Any, parameters: ForwardParameters) -> ForwardPort: ...
    def close(self) -> None: ...


class EnginePort(Protocol):
    """The packet engine."""

    @property
    def workers(self) -> int: ...
    def candidates(self, worker: int = 0) -> tuple[Candidate, ...]: ...
    def add_transport(self, *, ice: IceCredentials, worker: int | None = None) -> TransportPort: ...
    def events(self) -> AsyncIterator[Event]: ...
    async def stats(self) -> EngineStats: ...
    def close(self) -> None: ...


class Timer(Protocol):
    """A call that was asked for."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Monotonic seconds, and calls at a time."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Timer: ...
