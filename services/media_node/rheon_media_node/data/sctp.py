"""aiortc's SCTP association with bounds: what a peer can make it hold, send or raise.

aiortc's coroutines wait for nothing but the link below, and ours sends at once: so each runs to its end when it is
driven, and what it raises is caught where it is driven. Some it starts as tasks and timers of its own; the overridden
methods at the bottom are where all of these pass. Whatever is raised ends this association and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, cast

from aiortc import RTCDataChannel, rtcsctptransport
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import (
    Chunk,
    DataChunk,
    ForwardTsnChunk,
    InitChunk,
    ReconfigChunk,
    RTCSctpCapabilities,
    RTCSctpTransport,
    SackChunk,
)

from rheon_media_node.data import limits
from rheon_media_node.data.drops import Drop, Drops
from rheon_media_node.data.packets import well_formed
from rheon_telemetry import get_logger

_log = get_logger(__name__)

_SERIAL = 2**32
_MAX_RECONFIG_PARAMETERS = 2  # RFC 6525 §3.1
_MAX_DUPLICATES = 16
_LONGEST_FORWARD = 2**31


class Link(Protocol):
    """The DTLS association below."""

    def send(self, packet: bytes) -> None:
        """Send a packet as one record; it may be lost. Never raises."""


class _DtlsSide:
    """The members of a DTLS transport that aiortc's association uses."""

    state = "connected"

    def __init__(self, link: Link, *, server: bool) -> None:
        self._role = "server" if server else "client"
        self._link = link

    def _register_data_receiver(self, receiver: object) -> None:
        """Packets are handed over by `receive`."""

    def _unregister_data_receiver(self, receiver: object) -> None:
        """Nothing was registered."""

    async def _send_data(self, packet: bytes) -> None:
        self._link.send(packet)


class _Timers:
    """The one member of an event loop that the association uses, with its callbacks guarded."""

    def __init__(self, guard: Callable[[Callable[[], None]], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._guard = guard

    def call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay, self._guard, callback)


class BoundedSctp(RTCSctpTransport):
    """One association. Needs a running event loop; its public methods never raise.

    `ended` is called once, when the association has ended by itself or by its peer, not by `end`.
    """

    def __init__(self, link: Link, *, server: bool, drops: Drops, ended: Callable[[], None]) -> None:
        super().__init__(cast("RTCDtlsTransport", _DtlsSide(link, server=server)))
        self._loop = cast("asyncio.AbstractEventLoop", _Timers(self._guarded))
        self._advertised_rwnd = limits.RECEIVE_WINDOW
        self._drops = drops
        self._when_ended: Callable[[], None] | None = ended
        self._inits = 0
        self.over = False
        """Whether the association has ended."""

    @property
    def established(self) -> bool:
        """Whether data can flow."""
        return self._association_state is self.State.ESTABLISHED

    def begin(self, port: int, max_message_size: int) -> None:
        """Start: `port` and `max_message_size` are the peer's."""
        self._drive(self.start(RTCSctpCapabilities(maxMessageSize=max_message_size), port))

    def receive(self, packet: bytes) -> None:
        """Take a packet of the peer."""
        if self.over:
            self._drops[Drop.NO_ASSOCIATION] += 1
        elif well_formed(packet):
            self._drive(self._handle_data(packet))
        else:
            self._drops[Drop.MALFORMED] += 1

    def end(self) -> None:
        """End the association, telling the peer."""
        self._when_ended = None
        if not self.over:
            self._drive(self.stop())
            self._over()

    def queued(self) -> int:
        """Messages handed over and not yet sent for the first time."""
        return len(self._data_channel_queue)

    def forget(self, channel: RTCDataChannel) -> None:
        """Drop what is queued for a channel."""
        kept = [item for item in self._data_channel_queue if item[0] is not channel]
        self._data_channel_queue.clear()
        self._data_channel_queue.extend(kept)

    # What a peer may say --------------------------------------------------------------------------------------------

    async def _receive_chunk(self, chunk: Chunk) -> None:
        if self.over:
            return
        reason = self._refusal(chunk)
        if reason is not None:
            self._drops[reason] += 1
            return
        await super()._receive_chunk(chunk)
        if not self.over and isinstance(chunk, DataChunk):
            held = sum(len(stream.reassembly) for stream in self._inbound_streams.values())
            if held > limits.MAX_HELD_CHUNKS or self._advertised_rwnd < 0:
                self._fail(Drop.REASSEMBLY)

    def _refusal(self, chunk: Chunk) -> Drop | None:
        match chunk:
            case InitChunk():
                return self._refuse_init(chunk)
            case DataChunk():
                return self._refuse_data(chunk)
            case SackChunk():
                return None if self.established and self._plausible(chunk) else Drop.UNEXPECTED
            case ForwardTsnChunk():
                return self._refuse_forward(chunk)
            case ReconfigChunk():
                del chunk.params[_MAX_RECONFIG_PARAMETERS:]
        return None

    def _refuse_init(self, chunk: InitChunk) -> Drop | None:
        """A second INIT would change a running association under its peer's feet; there is nothing to restart."""
        self._inits += 1
        possible = chunk.initiate_tag and chunk.inbound_streams and chunk.outbound_streams
        starting = self._association_state in (self.State.COOKIE_WAIT, self.State.COOKIE_ECHOED)
        return None if possible and starting and self._inits <= limits.MAX_INITS else Drop.UNEXPECTED

    def _refuse_data(self, chunk: DataChunk) -> Drop | None:
        last = self._last_received_tsn
        if not self.established or last is None:
            return Drop.UNEXPECTED
        ahead = (chunk.tsn - last) % _SERIAL
        new_and_early = 1 < ahead < _LONGEST_FORWARD and chunk.tsn not in self._sack_misordered
        full = len(self._sack_misordered) >= limits.MAX_MISORDERED
        if new_and_early and (full or ahead > limits.MAX_TSN_GAP):
            self._sack_needed = True
            return Drop.TSN_GAP
        if chunk.stream_id not in self._inbound_streams and len(self._inbound_streams) >= limits.MAX_INBOUND_STREAMS:
            self._sack_needed = True
            self._mark_received(chunk.tsn)  # or it would be sent again for ever
            return Drop.STREAMS
        return None

    def _plausible(self, sack: SackChunk) -> bool:
        """Whether it acknowledges only what was sent, in ascending blocks: aiortc goes over every number of a block."""
        highest_sent = self._local_tsn - 1 - len(self._outbound_queue)
        sent_beyond = (highest_sent - sack.cumulative_tsn) % _SERIAL
        if sent_beyond >= _LONGEST_FORWARD:
            return False
        end = 0
        for first, last in sack.gaps:
            if not end < first <= last <= sent_beyond:
                return False
            end = last
        return True

    def _refuse_forward(self, chunk: ForwardTsnChunk) -> Drop | None:
        last = self._last_received_tsn
        if not self.established or last is None:
            return Drop.UNEXPECTED
        ahead = (chunk.cumulative_tsn - last) % _SERIAL
        if limits.MAX_TSN_GAP < ahead < _LONGEST_FORWARD:
            return Drop.TSN_GAP
        room = limits.MAX_INBOUND_STREAMS - len(self._inbound_streams)
        kept = []
        for stream, sequence in chunk.streams:
            new = stream not in self._inbound_streams
            if not new or room > 0:
                kept.append((stream, sequence))
                room -= new
        chunk.streams = kept
        return None

    async def _receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        if len(data) > limits.MAX_MESSAGE:
            self._drops[Drop.MESSAGE_TOO_LONG] += 1
        elif self._readable(stream_id, pp_id, data):
            await super()._receive(stream_id, pp_id, data)
        else:
            self._drops[Drop.MALFORMED] += 1

    def _readable(self, stream_id: int, pp_id: int, data: bytes) -> bool:
        if pp_id == rtcsctptransport.WEBRTC_STRING:
            return _is_utf8(data)
        if pp_id != rtcsctptransport.WEBRTC_DCEP or not data:
            return True
        if data[0] == rtcsctptransport.DATA_CHANNEL_ACK:
            return stream_id in self._data_channels
        if data[0] != rtcsctptransport.DATA_CHANNEL_OPEN:
            return True
        if stream_id in self._data_channels or len(data) < 12:
            return False
        label = 12 + int.from_bytes(data[8:10], "big")
        protocol = label + int.from_bytes(data[10:12], "big")
        return len(data) >= protocol and _is_utf8(data[12:label]) and _is_utf8(data[label:protocol])

    # What we send ---------------------------------------------------------------------------------------------------

    async def _send(  # noqa: PLR0917 -- aiortc's signature
        self,
        stream_id: int,
        pp_id: int,
        user_data: bytes,
        expiry: float | None = None,
        max_retransmits: int | None = None,
        ordered: bool = True,
    ) -> None:
        """As aiortc's, with fragments that fit our packets."""
        sequence = self._outbound_stream_seq.get(stream_id, 0) if ordered else 0
        for start in range(0, len(user_data), limits.MAX_CHUNK_DATA):
            chunk = DataChunk()
            chunk.tsn = self._local_tsn
            chunk.stream_id = stream_id
            chunk.stream_seq = sequence
            chunk.protocol = pp_id
            chunk.user_data = user_data[start : start + limits.MAX_CHUNK_DATA]
            chunk.flags = 0 if ordered else rtcsctptransport.SCTP_DATA_UNORDERED
            if start == 0:
                chunk.flags |= rtcsctptransport.SCTP_DATA_FIRST_FRAG
            if start + limits.MAX_CHUNK_DATA >= len(user_data):
                chunk.flags |= rtcsctptransport.SCTP_DATA_LAST_FRAG
            chunk._abandoned = chunk._acked = chunk._in_flight = chunk._retransmit = False
            # Chunks are not bundled: the window counts what a packet of each costs beside its data.
            chunk._book_size = len(chunk.user_data) + limits.MESSAGE_OVERHEAD
            chunk._expiry = expiry
            chunk._max_retransmits = max_retransmits
            chunk._misses = chunk._sent_count = 0
            chunk._sent_time = None
            self._local_tsn = (self._local_tsn + 1) % _SERIAL
            self._outbound_queue.append(chunk)
        if ordered:
            self._outbound_stream_seq[stream_id] = (sequence + 1) % 2**16
        await self._transmit()

    async def _send_sack(self) -> None:
        del self._sack_duplicates[_MAX_DUPLICATES:]
        await super()._send_sack()

    # Where aiortc's own tasks and timers pass -----------------------------------------------------------------------

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        super()._set_state(state)
        if state is self.State.CLOSED:
            self._over()

    async def _data_channel_flush(self) -> None:
        await self._contained(super()._data_channel_flush())

    async def _transmit(self) -> None:
        self._cwnd = min(self._cwnd, limits.MAX_IN_FLIGHT)
        await self._contained(super()._transmit())

    async def _transmit_reconfig(self) -> None:
        await self._contained(super()._transmit_reconfig())

    async def _send_chunk(self, chunk: Chunk) -> None:
        await self._contained(super()._send_chunk(chunk))

    async def _send_reconfig_param(self, param: Any) -> None:
        await self._contained(super()._send_reconfig_param(param))

    async def _contained(self, step: Coroutine[Any, Any, None]) -> None:
        """Take a step unless the association has ended; an error in it ends the association."""
        if self.over:
            step.close()
            return
        try:
            await step
        except Exception:
            self._fault()

    def _guarded(self, callback: Callable[[], None]) -> None:
        try:
            if not self.over:
                callback()
        except Exception:
            self._fault()

    def _drive(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            coroutine.send(None)
        except StopIteration:
            return
        except Exception:
            self._fault()
            return
        coroutine.close()  # it waits for something: not one of those we know
        self._fault()

    def _fault(self) -> None:
        if not self.over:
            _log.warning("an SCTP association failed", exc_info=True)
            self._fail(Drop.FAULT)

    def _fail(self, reason: Drop) -> None:
        """End it, for a reason that is the peer's doing."""
        self._drops[reason] += 1
        abort = self._abort()
        try:
            abort.send(None)
        except StopIteration:
            pass
        finally:
            abort.close()
        self._set_state(self.State.CLOSED)

    def _over(self) -> None:
        if self.over:
            return
        self.over = True
        self._sent_queue.clear()
        self._outbound_queue.clear()
        self._data_channel_queue.clear()
        self._inbound_streams.clear()
        tell, self._when_ended = self._when_ended, None
        if tell is not None:
            tell()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
