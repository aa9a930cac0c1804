"""A client's end of data channels: aiortc's association over a DTLS endpoint, with what arrived."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any, cast

from aiortc import RTCDataChannel
from aiortc.rtcdatachannel import RTCDataChannelParameters
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport


class _DtlsSide:
    state = "connected"

    def __init__(self, send: Callable[[bytes], None], role: str) -> None:
        self._role = role
        self.send = send

    def _register_data_receiver(self, receiver: object) -> None: ...

    def _unregister_data_receiver(self, receiver: object) -> None: ...

    async def _send_data(self, packet: bytes) -> None:
        self.send(packet)


class DataPeer:
    """`send` takes SCTP packets for the node; `take` is given those of the node, and ignores them before the start."""

    def __init__(self, send: Callable[[bytes], None], role: str = "client") -> None:
        self.send = send
        self._below = _DtlsSide(send, role)
        self.sctp = RTCSctpTransport(cast("RTCDtlsTransport", self._below))
        self.sctp.on("datachannel", self._channel)
        self.channels: dict[str, RTCDataChannel] = {}
        """By label: those the node opened."""
        self.messages: defaultdict[str, list[str | bytes]] = defaultdict(list)
        self.closed: list[str] = []
        """Labels of channels that closed."""
        self.paused = False
        """Packets of the node are lost."""
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Begin the association."""
        await self.sctp.start(RTCSctpCapabilities(maxMessageSize=65536), 5000)

    async def stop(self) -> None:
        """End it."""
        await self.sctp.stop()
        await asyncio.sleep(0)

    def take(self, packet: bytes) -> None:
        """A packet of the node."""
        if not self.paused and self.sctp.state != "new":
            task = asyncio.get_running_loop().create_task(self.sctp._handle_data(packet))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def reroute(self, send: Callable[[bytes], None]) -> None:
        """Send packets another way."""
        self._below.send = send

    def open(self, label: str, **options: Any) -> RTCDataChannel:
        """Open a channel to the node."""
        channel = RTCDataChannel(self.sctp, RTCDataChannelParameters(label=label, **options))
        self._watch(channel)
        return channel

    async def opened(self, label: str, **options: Any) -> RTCDataChannel:
        """Open a channel and wait for the node's confirmation."""
        channel = self.open(label, **options)
        await until(lambda: channel.readyState == "open")
        return channel

    def _channel(self, channel: RTCDataChannel) -> None:
        self.channels[channel.label] = channel
        self._watch(channel)

    def _watch(self, channel: RTCDataChannel) -> None:
        channel.on("message", self.messages[channel.label].append)
        channel.on("close", lambda: self.closed.append(channel.label))


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 -- what is waited for has no event
            await asyncio.sleep(0.005)
