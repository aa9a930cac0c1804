"""The native part: worker threads behind bounded queues. Use `rheon_engine.engine.Engine`, which names things."""

from collections.abc import Sequence
from typing import Literal, final

from rheon_engine import _wire
from rheon_engine.types import (
    Event,
    ForwardParameters,
    ForwardStats,
    LayerStats,
    TrackParameters,
    TransportStats,
    WorkerStats,
)

__all__ = ["WorkerPool", "wire"]

wire = _wire

@final
class WorkerPool:
    """Worker threads, their sockets and queues. Methods are thread-safe and never wait for a worker, but `close`."""

    def __new__(
        cls,
        *,
        workers: int,
        bind: Sequence[str],
        port: int,
        segmentation: Literal["auto", "off", "fail"] = "auto",
    ) -> WorkerPool: ...
    @property
    def ports(self) -> list[int]:
        """The UDP port of each worker."""
    @property
    def signal(self) -> int:
        """A descriptor that becomes readable when there are events or statistics to take."""
    def clear_signal(self) -> None:
        """Make `signal` unreadable again; call before taking."""
    def take_events(self, limit: int) -> list[Event]:
        """Up to `limit` of the oldest events."""
    def take_stats(
        self,
    ) -> list[tuple[int, WorkerStats, list[TransportStats], list[LayerStats], list[ForwardStats]]]:
        """Statistics that workers answered since the last call, each with the token of its request."""
    def request_stats(self, worker: int, token: int) -> None: ...
    def add_transport(self, worker: int, transport: int, ufrag: str, pwd: str) -> None: ...
    def set_ice(self, worker: int, transport: int, ufrag: str, pwd: str) -> None: ...
    def set_srtp(self, worker: int, transport: int, profile: str, send_key: bytes, receive_key: bytes) -> None: ...
    def send_dtls(self, worker: int, transport: int, datagram: bytes) -> None: ...
    def close_transport(self, worker: int, transport: int) -> None: ...
    def add_track(self, worker: int, transport: int, track: int, parameters: TrackParameters) -> None: ...
    def remove_track(self, worker: int, track: int) -> None: ...
    def set_muted(self, worker: int, track: int, muted: bool) -> None: ...
    def add_forward(
        self,
        worker: int,
        transport: int,
        forward: int,
        track: int,
        track_worker: int,
        parameters: ForwardParameters,
    ) -> None: ...
    def remove_forward(self, worker: int, forward: int) -> None: ...
    def set_layers(self, worker: int, forward: int, spatial: int, temporal: int) -> None: ...
    def set_paused(self, worker: int, forward: int, paused: bool) -> None: ...
    def close(self) -> None:
        """Stop and join the workers and close every descriptor. Further calls raise `EngineClosed`."""
