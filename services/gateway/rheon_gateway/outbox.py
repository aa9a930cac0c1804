"""What is to be sent to one client, and the task that sends it.

Overflow policy: a client that does not read fast enough to keep the queue and the socket's buffer together under the
limit loses its connection (close code 1013) and everything queued.
"""

import asyncio
from collections import deque
from typing import Final, Protocol

from rheon_gateway.limits import MAX_OUTGOING_BYTES
from rheon_signaling import CloseCode

_FLUSH: Final = 2.0
"""Seconds to send what is queued before a close."""


class FrameSocket(Protocol):
    """The sending half of a WebSocket."""

    def buffered(self) -> int:
        """Bytes accepted but not yet taken by the network."""

    async def send(self, frame: bytes) -> None:
        """Send a text frame, waiting while the network's buffer is full. Raises ConnectionError."""

    async def close(self, code: CloseCode) -> None:
        """Send a close frame and end the connection, within a bounded time."""


class Outbox:
    """The outgoing queue of one socket."""

    def __init__(self, socket: FrameSocket) -> None:
        self._socket = socket
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._close_code: CloseCode | None = None
        self._closing = asyncio.Event()

    @property
    def close_code(self) -> CloseCode | None:
        """With which code the connection is being closed from this side."""
        return self._close_code

    def put(self, frame: bytes) -> None:
        """Queue a frame; dropped when the connection is closing."""
        if self._close_code is not None:
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        if self._bytes + self._socket.buffered() > MAX_OUTGOING_BYTES:
            self._frames.clear()
            self._bytes = 0
            self.close(CloseCode.TRY_AGAIN_LATER)
        self._wake.set()

    def close(self, code: CloseCode) -> None:
        """Close after what is queued; the first code wins."""
        if self._close_code is None:
            self._close_code = code
        self._closing.set()
        self._wake.set()

    async def run(self) -> None:
        """Send until the connection is closed from this side; cancel when the peer is gone."""
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send())
            await self._closing.wait()
            code = self._close_code or CloseCode.NORMAL
            if code is not CloseCode.TRY_AGAIN_LATER:
                await asyncio.wait({sender}, timeout=_FLUSH)
            sender.cancel()
        await self._socket.close(code)

    async def _send(self) -> None:
        while self._frames or self._close_code is None:
            self._wake.clear()
            while self._frames:
                frame = self._frames.popleft()
                try:
                    await self._socket.send(frame)
                except ConnectionError:
                    self.close(CloseCode.NORMAL)
                    return
                self._bytes = max(0, self._bytes - len(frame))
            if self._close_code is None:
                await self._wake.wait()
