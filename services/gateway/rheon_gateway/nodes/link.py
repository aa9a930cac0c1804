"""The link to one media node: its channel, its event stream, and the participants it still has to free.

A broken stream is not yet a lost node: the link tries again for a short grace and declares the node lost only then, or
at once when the node turns out to be another one. While there is no stream, commands fail without being sent.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import SystemRandom
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import grpc
from rheon.media.v1 import media_pb2
from rheon.media.v1.media_pb2_grpc import MediaServiceStub

from rheon_cluster import GatewayId, Member, NodeId
from rheon_gateway.effects import NodeCommand, Offer
from rheon_gateway.nodes.backoff import full_jitter
from rheon_gateway.nodes.commands import execute
from rheon_gateway.nodes.events import NodeListener, Participant, read_event, read_snapshot
from rheon_gateway.nodes.failures import is_transient, protocol_error, unavailable
from rheon_gateway.nodes.statistics import NodeStatistics, read_statistics
from rheon_telemetry import get_logger

if TYPE_CHECKING:
    # Exists in the type stubs only.
    from rheon.media.v1.media_pb2_grpc import MediaServiceAsyncStub

COMMAND_DEADLINE: Final = 5.0
"""Seconds for one command, repetitions included."""
STATISTICS_DEADLINE: Final = 1.0
STATISTICS_AGE: Final = 1.0
"""Seconds for which one report answers every scrape."""
SNAPSHOT_DEADLINE: Final = 3.0
CHECK_INTERVAL: Final = 2.0
CHECK_DEADLINE: Final = 3.0
"""Seconds in which a node that works answers, busy as its machine may be."""
LOST_AFTER: Final = 1.5
"""Seconds without a stream after which the node counts as lost."""

_ATTEMPTS: Final = 3
_MAX_RELEASES: Final = 10_000
_PARALLEL_RELEASES: Final = 16
_MESSAGE_BYTES: Final = 4 * 1024 * 1024

_CHANNEL_OPTIONS: Final = (
    # A connection whose other end vanished is noticed while no call is under way, too.
    ("grpc.keepalive_time_ms", 2000),
    ("grpc.keepalive_timeout_ms", 2000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_BYTES),
    # Two gateways of one process (as in tests) must not share a connection, nor a proxy of the environment be asked.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)

_log = get_logger("rheon.gateway.nodes")
_random = SystemRandom()


def _backoff() -> Iterator[float]:
    return full_jitter(_random, base=0.1, cap=1.0)


class NodeLink:
    """One media node, found at a fixed address. `run` must be running for anything to work."""

    def __init__(self, address: str, gateway_id: GatewayId, listener: NodeListener) -> None:
        self.address = address
        self.node_id: NodeId | None = None
        """The node that was last found there."""
        self.serving = False
        """The event stream is open: commands can be sent."""
        self._gateway_id = gateway_id
        self._listener = listener
        self._boot_id = ""
        self._stub: MediaServiceAsyncStub | None = None
        self._lost_at: float | None = None
        self._releases: dict[Participant, Member] = {}
        self._release_wanted = asyncio.Event()
        self._all_released = asyncio.Event()
        self._all_released.set()
        self._statistics: NodeStatistics | None = None
        self._statistics_until = 0.0
        self._statistics_lock = asyncio.Lock()

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        async with grpc.aio.insecure_channel(self.address, options=_CHANNEL_OPTIONS) as channel:
            self._stub = MediaServiceStub(channel)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._keep_watching(self._stub))
                    tasks.create_task(self._keep_releasing(self._stub))
            finally:
                self._stub = None
                self.serving = False

    async def command(self, member: Member, command: NodeCommand) -> str | Offer | None:
        """Run a command for a member. Raises ProtocolError.

        Commands carry a request id under which the node remembers the result, so one that may not have reached the node
        is repeated within its deadline.
        """
        if self._stub is None or not self.serving:
            raise unavailable()
        request_id = uuid4().hex
        deadline = time.monotonic() + COMMAND_DEADLINE
        waits = _backoff()
        for attempt in range(_ATTEMPTS):
            try:
                remaining = max(deadline - time.monotonic(), 0.05)
                return await execute(self._stub, member, command, request_id=request_id, deadline=remaining)
            except grpc.aio.AioRpcError as failure:
                if not is_transient(failure) or attempt == _ATTEMPTS - 1 or not self.serving:
                    _log.info("command failed", command=type(command).__name__, code=failure.code().name)
                    raise protocol_error(failure, member.room, command) from None
            await asyncio.sleep(next(waits))
        raise unavailable()

    def release(self, member: Member) -> None:
        """Free everything the member's session has on the node, soon, and again until the node confirms it.

        Forgotten when the node is lost: what it still holds then shows in its next snapshot.
        """
        if not self.serving:
            return
        if len(self._releases) >= _MAX_RELEASES:
            self._releases.pop(next(iter(self._releases)))
        self._releases[Participant(member.room, member.user_id, member.session_number)] = member
        self._all_released.clear()
        self._release_wanted.set()

    async def flush(self) -> None:
        """Wait until everything released has been freed, or the node is gone."""
        if self.serving:
            await self._all_released.wait()

    async def statistics(self) -> NodeStatistics | None:
        """The node's counters, at most `STATISTICS_AGE` old; None when it does not answer in time."""
        async with self._statistics_lock:
            if time.monotonic() < self._statistics_until:
                return self._statistics
            self._statistics = None
            if self._stub is not None and self.serving:
                with suppress(grpc.aio.AioRpcError):
                    answer = await self._stub.GetNode(media_pb2.GetNodeRequest(), timeout=STATISTICS_DEADLINE)
                    self._statistics = read_statistics(answer)
            self._statistics_until = time.monotonic() + STATISTICS_AGE
            return self._statistics

    async def _keep_watching(self, stub: "MediaServiceAsyncStub") -> None:
        waits = _backoff()
        while True:
            if await self._watch(stub):
                waits = _backoff()
                self._lost_at = time.monotonic() + LOST_AFTER
            if self.node_id is not None and self._lost_at is not None and time.monotonic() >= self._lost_at:
                await self._lose()
            await asyncio.sleep(next(waits))

    async def _watch(self, stub: "MediaServiceAsyncStub") -> bool:
        """Follow one event stream to its end; False when it never began."""
        call = stub.WatchEvents(media_pb2.WatchEventsRequest(gateway_id=self._gateway_id))
        try:
            stream = aiter(call)
            async with asyncio.timeout(self._patience()):
                first = await anext(stream)
            if first.WhichOneof("event") != "snapshot":
                return False
            await self._begin(first.snapshot)
            checking = asyncio.create_task(self._keep_checking(stub, call.cancel))
            try:
                async for message in stream:
                    event = read_event(message)
                    if event is not None and self.node_id is not None:
                        await self._listener.node_event(self.node_id, event)
            finally:
                checking.cancel()
                await asyncio.wait({checking})
        except (grpc.aio.AioRpcError, TimeoutError, StopAsyncIteration):
            pass
        except asyncio.CancelledError:
            # The stream's own end where a check failed; otherwise the link's.
            if not call.cancelled() or (task := asyncio.current_task()) is None or task.cancelling():
                raise
        except Exception:
            # An event that could not be applied: the next stream's snapshot sets things right.
            _log.exception("event stream abandoned")
        finally:
            was_serving, self.serving = self.serving, False
            call.cancel()
        return was_serving

    async def _keep_checking(self, stub: "MediaServiceAsyncStub", end_stream: Callable[[], object]) -> None:
        """End the stream of a node that has frozen: its connection stays open, and nothing comes."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL)
            try:
                await stub.GetNode(media_pb2.GetNodeRequest(), timeout=CHECK_DEADLINE)
            except grpc.aio.AioRpcError as failure:
                if failure.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE):
                    _log.warning("media node does not answer", node_id=self.node_id)
                    end_stream()
                    return

    def _patience(self) -> float:
        if self._lost_at is None or self.node_id is None:
            return SNAPSHOT_DEADLINE
        return min(SNAPSHOT_DEADLINE, max(0.1, self._lost_at - time.monotonic()))

    async def _begin(self, snapshot: media_pb2.NodeSnapshot) -> None:
        node_id = NodeId(snapshot.node_id)
        if self.node_id is not None and (self.node_id, self._boot_id) != (node_id, snapshot.boot_id):
            await self._lose()
        self.node_id, self._boot_id = node_id, snapshot.boot_id
        self._lost_at = None
        self.serving = True
        _log.info("media node connected", node_id=node_id)
        await self._listener.node_up(node_id, self.address, read_snapshot(snapshot))

    async def _lose(self) -> None:
        node_id, self.node_id = self.node_id, None
        self._releases.clear()
        self._all_released.set()
        if node_id is not None:
            _log.warning("media node lost", node_id=node_id)
            await self._listener.node_lost(node_id)

    async def _keep_releasing(self, stub: "MediaServiceAsyncStub") -> None:
        waits = _backoff()
        while True:
            await self._release_wanted.wait()
            self._release_wanted.clear()
            # Taken out before they are sent: a release asked for while one is under way is one of its own.
            batch = [self._releases.popitem() for _ in range(min(len(self._releases), _PARALLEL_RELEASES))]
            done = await asyncio.gather(*(self._release_now(stub, member) for _, member in batch))
            if self.node_id is not None:
                failed = (each for each, freed in zip(batch, done, strict=True) if not freed)
                self._releases = {**dict(failed), **self._releases}
            if not self._releases:
                self._all_released.set()
                waits = _backoff()
                continue
            if not all(done):
                await asyncio.sleep(next(waits))
            self._release_wanted.set()

    async def _release_now(self, stub: "MediaServiceAsyncStub", member: Member) -> bool:
        request = media_pb2.RemoveParticipantRequest(request_id=uuid4().hex)
        request.participant.room = member.room
        request.participant.user_id = member.user_id
        request.participant.session_number = member.session_number
        request.participant.gateway_id = member.gateway_id
        try:
            await stub.RemoveParticipant(request, timeout=COMMAND_DEADLINE)
        except grpc.aio.AioRpcError as failure:
            # A refusal is final: the session was superseded and holds nothing any more.
            return failure.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        return True
