"""The engine as asyncio code uses it.

An `Engine` owns worker threads. A `Transport` lives on one worker; `Track` and `Forward` are what it publishes and what
it is sent. Calls put a command into the worker's bounded queue and return at once; they take effect in the order made.
What happens comes back through `Engine.events()`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Literal, Self

from rheon_engine import _engine
from rheon_engine.addresses import Announced, candidates, parse_ip
from rheon_engine.errors import EngineClosed, InvalidParameters
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
    TransportFailed,
    TransportStats,
    WorkerStats,
)

EVENTS_AT_ONCE = 64
"""Events taken from the native queue in one call; the rest wait there, under its bound."""


class Engine:
    """Worker threads with one UDP port each, under the control of one asyncio loop.

    Made and used inside a running loop. `close` it (or use it as a context manager) to stop the threads.

    workers: number of threads.
    port: of the first worker, the others follow it; a busy block of ports takes the next free one; 0 lets the system
    choose each.
    bind: local IP addresses.
    announced: `ip` or `ip:port` under which peers reach the node (port: of the first worker, the others follow it).
    segmentation: `off` never uses UDP segmentation offload; `fail` makes the kernel refuse it, to test the fallback.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        bind: str | Sequence[str] = "0.0.0.0",  # noqa: S104 - media is meant for the network
        port: int = 40000,
        announced: Sequence[str] = (),
        segmentation: Literal["auto", "off", "fail"] = "auto",
    ) -> None:
        addresses = [parse_ip(text) for text in ([bind] if isinstance(bind, str) else bind)]
        known = [Announced.parse(text) for text in announced]
        self._loop = asyncio.get_running_loop()
        self._pool = _engine.WorkerPool(
            workers=workers, bind=[str(address) for address in addresses], port=port, segmentation=segmentation
        )
        try:
            self._candidates = [
                candidates(index, actual, addresses, known) for index, actual in enumerate(self._pool.ports)
            ]
        except InvalidParameters:
            self._pool.close()
            raise
        self._ids = itertools.count(1)
        self._tokens = itertools.count(1)
        self._transports: list[set[int]] = [set() for _ in self._candidates]
        self._stats: dict[int, _StatsRequest] = {}
        self._readable = asyncio.Event()
        self._closed = False
        self._loop.add_reader(self._pool.signal, self._on_signal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def workers(self) -> int:
        """Number of workers."""
        return len(self._candidates)

    def candidates(self, worker: int = 0) -> tuple[Candidate, ...]:
        """The local candidates of a worker's transports."""
        return self._candidates[worker]

    def add_transport(self, *, ice: IceCredentials, worker: int | None = None) -> Transport:
        """Make a transport that answers ICE checks to these credentials, on the least loaded worker or the one named.

        Raises EngineBusy, EngineClosed, InvalidParameters.
        """
        if worker is None:
            worker = min(range(self.workers), key=lambda index: len(self._transports[index]))
        elif not 0 <= worker < self.workers:
            raise InvalidParameters(f"there is no worker {worker}")
        identity = next(self._ids)
        self._pool.add_transport(worker, identity, ice.ufrag, ice.pwd)
        self._transports[worker].add(identity)
        return Transport(self, self._pool, identity, worker, self._candidates[worker])

    async def events(self) -> AsyncIterator[Event]:
        """What happens in the engine, oldest first, until it is closed. Meant for one consumer.

        While it does not iterate, events wait in a bounded queue; see `EventsLost` for what happens beyond its bound.
        """
        while not self._closed:
            # Cleared first: a signal between the look and the wait must end the wait.
            self._readable.clear()
            taken = self._pool.take_events(EVENTS_AT_ONCE)
            if not taken:
                await self._readable.wait()
            for event in taken:
                if isinstance(event, TransportFailed):
                    self._forget(event.transport)
                yield event

    async def stats(self) -> EngineStats:
        """Counters and table sizes, one consistent snapshot per worker. Raises EngineBusy, EngineClosed."""
        token = next(self._tokens)
        request = _StatsRequest(self._loop.create_future(), self.workers)
        self._stats[token] = request
        try:
            for worker in range(self.workers):
                self._pool.request_stats(worker, token)
            return await request.answer
        finally:
            del self._stats[token]

    def close(self) -> None:
        """Stop and join the workers (within milliseconds) and free every descriptor. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._pool.signal)
        self._pool.close()
        self._readable.set()
        for request in self._stats.values():
            request.fail(EngineClosed("the engine was closed"))

    def next_id(self) -> int:
        """A number no track or forward has yet; for `Transport`."""
        return next(self._ids)

    def _forget(self, transport: int) -> None:
        for transports in self._transports:
            transports.discard(transport)

    def _on_signal(self) -> None:
        self._pool.clear_signal()
        for token, worker, transports, layers, forwards in self._pool.take_stats():
            if (request := self._stats.get(token)) is not None:
                request.add(worker, transports, layers, forwards)
        self._readable.set()


class _StatsRequest:
    """The parts of one `Engine.stats` answer as workers give them."""

    def __init__(self, answer: asyncio.Future[EngineStats], missing: int) -> None:
        self.answer = answer
        self._missing = missing
        self._workers: list[WorkerStats] = []
        self._transports: list[TransportStats] = []
        self._layers: list[LayerStats] = []
        self._forwards: list[ForwardStats] = []

    def add(
        self,
        worker: WorkerStats,
        transports: list[TransportStats],
        layers: list[LayerStats],
        forwards: list[ForwardStats],
    ) -> None:
        self._workers.append(worker)
        self._transports += transports
        self._layers += layers
        self._forwards += forwards
        self._missing -= 1
        if self._missing == 0 and not self.answer.done():
            self._workers.sort(key=lambda stats: stats.worker)
            self.answer.set_result(
                EngineStats(
                    workers=tuple(self._workers),
                    transports=tuple(self._transports),
                    layers=tuple(self._layers),
                    forwards=tuple(self._forwards),
                )
            )

    def fail(self, error: EngineClosed) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Transport:
    """One peer connection's ICE and SRTP on one worker. Made by `Engine.add_transport`."""

    def __init__(
        self,
        engine: Engine,
        pool: _engine.WorkerPool,
        identity: int,
        worker: int,
        local: tuple[Candidate, ...],
    ) -> None:
        self.id = identity
        """What events and statistics call it."""
        self.worker = worker
        """Index of the worker it lives on."""
        self.candidates = local
        """Where peers reach it: the candidates for its session description."""
        self._engine = engine
        self._pool = pool

    def set_ice(self, ice: IceCredentials) -> None:
        """Restart ICE: the former credentials stay valid until the first check with these (RFC 8445 §9)."""
        self._pool.set_ice(self.worker, self.id, ice.ufrag, ice.pwd)

    def set_srtp(self, profile: SrtpProfile, send_key: bytes, receive_key: bytes) -> None:
        """Give the keys the DTLS handshake agreed: master key followed by master salt, for each direction."""
        self._pool.set_srtp(self.worker, self.id, profile, send_key, receive_key)

    def send_dtls(self, datagram: bytes) -> None:
        """Send one DTLS datagram to the peer's current address; dropped and counted while there is none."""
        self._pool.send_dtls(self.worker, self.id, datagram)

    def add_track(self, parameters: TrackParameters) -> Track:
        """Receive a published track. Raises EngineBusy, EngineClosed, InvalidParameters."""
        identity = self._engine.next_id()
        self._pool.add_track(self.worker, self.id, identity, parameters)
        return Track(self._pool, identity, self.worker)

    def add_forward(self, track: Track, parameters: ForwardParameters) -> Forward:
        """Send a track, of this or another worker, to this peer. Raises EngineBusy, EngineClosed, InvalidParameters."""
        identity = self._engine.next_id()
        self._pool.add_forward(self.worker, self.id, identity, track.id, track.worker, parameters)
        return Forward(self._pool, identity, self.worker)

    def close(self) -> None:
        """Remove it with its tracks and forwards; subscribers of the tracks get BYE. Never raises; idempotent."""
        self._engine._forget(self.id)
        _release(self._pool.close_transport, self.worker, self.id)


class Track:
    """A published track. Made by `Transport.add_track`."""

    def __init__(self, pool: _engine.WorkerPool, identity: int, worker: int) -> None:
        self.id = identity
        """What events and statistics call it."""
        self.worker = worker
        """Index of the worker its publisher lives on."""
        self._pool = pool

    def set_muted(self, muted: bool) -> None:
        """Forward nothing of it until told otherwise; then video goes on at a key frame, which is asked for.

        Raises EngineBusy, EngineClosed.
        """
        self._pool.set_muted(self.worker, self.id, muted)

    def remove(self) -> None:
        """Stop receiving it and remove its forwards with BYE. Never raises; idempotent."""
        _release(self._pool.remove_track, self.worker, self.id)


class Forward:
    """A track as sent to one subscriber. Made by `Transport.add_forward`."""

    def __init__(self, pool: _engine.WorkerPool, identity: int, worker: int) -> None:
        self.id = identity
        """What statistics call it."""
        self.worker = worker
        """Index of the worker its subscriber lives on."""
        self._pool = pool

    def set_layers(self, *, spatial: int, temporal: int) -> None:
        """Send at most these layers (0 is the lowest). Raises EngineBusy, EngineClosed, InvalidParameters."""
        self._pool.set_layers(self.worker, self.id, spatial, temporal)

    def pause(self) -> None:
        """Send no media until `resume`."""
        self._pool.set_paused(self.worker, self.id, True)

    def resume(self) -> None:
        """Send media again; video goes on at the next key frame, which is asked for."""
        self._pool.set_paused(self.worker, self.id, False)

    def remove(self) -> None:
        """Stop sending it, with BYE. Never raises; idempotent."""
        _release(self._pool.remove_forward, self.worker, self.id)


def _release(command: Callable[[int, int], None], worker: int, identity: int) -> None:
    """Send a release: the queue always has room for these, and a closed engine has nothing left to release."""
    with contextlib.suppress(EngineClosed):
        command(worker, identity)
