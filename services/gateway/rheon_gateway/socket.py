"""WebSocket sockets (RFC 6455) on aiohttp: frames in, frames out, liveness, and the end of a connection."""

import asyncio
import struct
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from rheon_gateway.connection import ClientConnection
from rheon_gateway.connection_state import Verify
from rheon_gateway.hub import Hub
from rheon_gateway.limits import FIRST_MESSAGE_DEADLINE, PING_INTERVAL, SILENCE
from rheon_gateway.metrics import SignalingCounters
from rheon_gateway.outbox import Outbox
from rheon_signaling import MAX_FRAME_BYTES, CloseCode, ErrorCode, encode
from rheon_signaling.server_messages import Error
from rheon_telemetry import get_logger

_CLOSE_HANDSHAKE: Final = 1.0
"""Seconds for the peer to answer a close frame before the connection is cut."""
_READ_BYTES: Final = 2 * MAX_FRAME_BYTES
"""What is read at most of one message: somewhat over the limit, so that the sender of a frame that is too large gets
to read why the connection closes instead of seeing it reset while it still writes."""
_CONTROL: Final = 0.1
"""Seconds a control frame may wait behind what is being sent."""
_CLOSE_PAYLOAD: Final = struct.Struct("!H")
_LINGER: Final = 0.5
_FRAMES_PER_TURN: Final = 32
_CLOCK_STEP: Final = 0.01

_log = get_logger("rheon.gateway.socket")


class _WebSocket(web.WebSocketResponse[bool]):
    """A WebSocket that says why before it closes on an oversized frame, and closes within a bounded time."""

    def __init__(self, counters: SignalingCounters) -> None:
        self._counters = counters
        super().__init__(
            timeout=_CLOSE_HANDSHAKE,
            autoping=False,
            autoclose=False,
            compress=False,
            max_msg_size=_READ_BYTES,
            decode_text=False,
        )

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        if code == WSCloseCode.MESSAGE_TOO_BIG and not self.closed:
            error = Error(message="Message too large", code=ErrorCode.TOO_LARGE)
            self._counters.error(error.code)
            await _send_control(self.send_frame(encode(error), WSMsgType.TEXT))
            # What still arrives is discarded; closing on top of it would reset the connection under the error.
            await asyncio.sleep(_LINGER)
        return await super().close(code=code, message=message, drain=drain)


class _FrameSocket:
    """The sending half, as the outbox wants it."""

    def __init__(self, socket: _WebSocket, transport: asyncio.Transport) -> None:
        self._socket = socket
        self._transport = transport

    def buffered(self) -> int:
        return self._transport.get_write_buffer_size()

    async def send(self, frame: bytes) -> None:
        await self._socket.send_frame(frame, WSMsgType.TEXT)

    async def close(self, code: CloseCode) -> None:
        # The library's own close cuts the connection without waiting for the peer's close frame while somebody else
        # reads, so the peer would see a reset: the reader goes on until that frame or a timeout.
        await _send_control(self._socket.send_frame(_CLOSE_PAYLOAD.pack(code), WSMsgType.CLOSE))


class _Silence:
    """When the peer was last heard. Pure; time the server does not listen is no silence."""

    def __init__(self, now: float) -> None:
        self._heard = now
        self._listening = False

    def listening(self, now: float) -> None:
        self._heard = max(self._heard, now)
        self._listening = True

    def heard(self, now: float) -> None:
        self._heard = now
        self._listening = False

    def remaining(self, now: float) -> float:
        """Seconds until the silence is too long."""
        return self._heard + SILENCE - now if self._listening else SILENCE


async def _send_control(sending: Awaitable[None]) -> None:
    """Send a control frame. It is written at once; what may take for ever is the network's buffer to drain, and a peer
    that is gone shows when the next frame is read."""
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(_CONTROL):
            await sending


class SocketServer:
    """Turns upgrade requests into client connections."""

    def __init__(self, hub: Hub, verify: Verify, counters: SignalingCounters) -> None:
        self._hub = hub
        self._verify = verify
        self._counters = counters
        self._open: set[ClientConnection] = set()

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one WebSocket from its upgrade request to its end."""
        socket = _WebSocket(self._counters)
        with suppress(ConnectionError):
            await socket.prepare(request)
        transport = request.transport
        if transport is None or not socket.prepared:
            return socket
        outbox = Outbox(_FrameSocket(socket, transport))
        connection = ClientConnection(self._hub, self._verify, outbox, self._counters)
        self._counters.connections += 1
        try:
            async with asyncio.TaskGroup() as lanes:
                connection.lanes_run_in(lanes)
                self._open.add(connection)
                try:
                    await self._exchange(socket, outbox, connection)
                finally:
                    self._open.discard(connection)
                    await connection.leave()
        finally:
            self._counters.connections -= 1
            _log.info("connection closed", connection=connection.connection_id, user_id=connection.user_id)
            # What a peer that does not read has left in the buffer would keep the connection open for ever.
            if transport.get_write_buffer_size():
                transport.abort()
            transport.close()
        return socket

    def close_all(self, code: CloseCode) -> None:
        """Begin to close every connection."""
        for connection in list(self._open):
            connection.close(code)

    async def _exchange(self, socket: _WebSocket, outbox: Outbox, connection: ClientConnection) -> None:
        silence = _Silence(time.monotonic())
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(socket, connection, silence))
            sending = tasks.create_task(outbox.run())
            companions = (
                tasks.create_task(self._keep_alive(socket, connection, silence)),
                tasks.create_task(self._expect_first_message(connection)),
            )
            await asyncio.wait({reading, sending}, return_when=asyncio.FIRST_COMPLETED)
            # Whoever ended it: others are not kept waiting for the closing handshake.
            await connection.leave()
            if not reading.done():
                await asyncio.wait({reading}, timeout=_CLOSE_HANDSHAKE)
            for task in (reading, sending, *companions):
                task.cancel()

    async def _read(self, socket: _WebSocket, connection: ClientConnection, silence: _Silence) -> None:
        frames = 0
        while True:
            silence.listening(time.monotonic())
            message = await socket.receive()
            silence.heard(time.monotonic())
            match message.type:
                case WSMsgType.TEXT:
                    await connection.receive(message.data)
                case WSMsgType.BINARY:
                    await connection.receive_binary()
                case WSMsgType.PING:
                    if connection.allow_control():
                        await _send_control(socket.pong(message.data))
                case WSMsgType.PONG:
                    pass
                case WSMsgType.CLOSE:
                    if not connection.closing:
                        await socket.close(drain=False)
                    return
                case _:
                    return
            frames += 1
            if frames % _FRAMES_PER_TURN == 0:
                # Frames already received do not suspend the reader: give way to the other connections.
                await asyncio.sleep(0)

    async def _keep_alive(self, socket: _WebSocket, connection: ClientConnection, silence: _Silence) -> None:
        next_ping = time.monotonic() + PING_INTERVAL
        while (remaining := silence.remaining(now := time.monotonic())) > 0:
            if now >= next_ping:
                await _send_control(socket.ping())
                next_ping = now + PING_INTERVAL
            await asyncio.sleep(max(_CLOCK_STEP, min(remaining, next_ping - now)))
        connection.close(CloseCode.SILENT)

    async def _expect_first_message(self, connection: ClientConnection) -> None:
        await asyncio.sleep(FIRST_MESSAGE_DEADLINE)
        await connection.first_message_late()
