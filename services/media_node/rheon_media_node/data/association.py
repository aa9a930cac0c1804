"""The data channels of one connection."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from urllib.parse import quote

from aiortc import RTCDataChannel
from aiortc.rtcdatachannel import RTCDataChannelParameters

from rheon_media_node.data import limits
from rheon_media_node.data.drops import Drop, Drops
from rheon_media_node.data.sctp import BoundedSctp, Link
from rheon_media_node.negotiation import DataChannels
from rheon_telemetry import get_logger

_log = get_logger(__name__)

Message = str | bytes
"""Text or binary."""


@dataclass(slots=True, eq=False)
class Channel:
    """One data channel, opened by the peer or by us."""

    carrier: RTCDataChannel
    waiting: deque[Message] = field(default_factory=deque)
    """Messages for a channel that the peer has not yet confirmed: on an unordered one they could come before it."""
    waiting_bytes: int = 0
    closing: bool = False

    @property
    def reliable(self) -> bool:
        """Whether every message has to arrive."""
        return self.carrier.maxRetransmits is None and self.carrier.maxPacketLifeTime is None

    @property
    def queued_bytes(self) -> int:
        """What waits in it, with its overhead."""
        return self.waiting_bytes + self.carrier.bufferedAmount


class Owner(Protocol):
    """Who is told what happens in an association."""

    def channel_opened(self, association: Association, channel: Channel) -> None:
        """The peer opened a channel."""

    def channel_closed(self, association: Association, channel: Channel) -> None:
        """A channel has closed, whoever closed it; the association may go on."""

    def message(self, association: Association, channel: Channel, message: Message) -> None:
        """The peer sent a message."""


class Association:
    """One SCTP association with its channels. Methods never raise; after the end they do nothing."""

    def __init__(self, link: Link, *, server: bool, remote: DataChannels, owner: Owner, drops: Drops) -> None:
        self._owner = owner
        self._drops = drops
        self._remote = remote
        self._channels: dict[RTCDataChannel, Channel] = {}
        self._sctp = BoundedSctp(link, server=server, drops=drops, ended=self._ended)
        self._sctp.on("datachannel", self._opened)

    def start(self) -> None:
        """Begin."""
        self._sctp.begin(self._remote.port, self._remote.max_message_size)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._sctp.over

    @property
    def channels(self) -> list[Channel]:
        """Those open or opening."""
        return [channel for channel in self._channels.values() if not channel.closing]

    @property
    def queued_bytes(self) -> int:
        """What waits to be sent, with its overhead; at most MAX_SEND_QUEUE."""
        carried = sum(channel.queued_bytes for channel in self._channels.values())
        return carried + limits.MESSAGE_OVERHEAD * self._sctp.queued()

    def receive(self, packet: bytes) -> None:
        """Take a packet of the peer."""
        self._sctp.receive(packet)

    def open(self, like: Channel, label: str) -> Channel | None:
        """Open a channel with the protocol, order and reliability of another; None when that cannot be."""
        if self.over:
            return None
        if len(self._channels) >= limits.MAX_CHANNELS:
            self._drops[Drop.CHANNELS] += 1
            return None
        model = like.carrier
        parameters = RTCDataChannelParameters(
            label=_ascii(label),
            protocol=_ascii(model.protocol),
            ordered=model.ordered,
            maxRetransmits=model.maxRetransmits,
            maxPacketLifeTime=model.maxPacketLifeTime,
        )
        channel = self._add(RTCDataChannel(self._sctp, parameters))
        channel.carrier.on("open", partial(self._send_waiting, channel))
        return channel

    def send(self, channel: Channel, message: Message) -> None:
        """Send a message, or queue it.

        A message that the queue has no room for is dropped if its channel is partially reliable; a reliable channel is
        closed, as what comes after a missing message is worth nothing.
        """
        if channel.closing or self.over:
            return
        size = len(message.encode()) if isinstance(message, str) else len(message)
        if 0 < self._remote.max_message_size < size:
            self._drops[Drop.MESSAGE_TOO_LONG] += 1
        elif self.queued_bytes + size + limits.MESSAGE_OVERHEAD <= limits.MAX_SEND_QUEUE:
            self._hand_over(channel, message, size)
        elif channel.reliable:
            self._drops[Drop.SLOW_SUBSCRIBER_CLOSED] += 1
            _log.info("closed a data channel: its reader is too slow", queued=self.queued_bytes)
            self.close_channel(channel)
        else:
            self._drops[Drop.SLOW_SUBSCRIBER] += 1

    def close_channel(self, channel: Channel, *, drain: bool = False) -> None:
        """Close a channel; with `drain` after what is queued."""
        if channel.closing:
            return
        channel.closing = True
        if not drain:
            channel.waiting.clear()
            channel.waiting_bytes = 0
            self._sctp.forget(channel.carrier)
            channel.carrier._addBufferedAmount(-channel.carrier.bufferedAmount)
        if not channel.waiting:
            channel.carrier.close()

    def end(self) -> None:
        """End the association and its channels."""
        self._sctp.end()
        self._ended()

    # Inside ---------------------------------------------------------------------------------------------------------

    def _add(self, carrier: RTCDataChannel) -> Channel:
        channel = Channel(carrier)
        self._channels[carrier] = channel
        carrier.on("message", partial(self._received, channel))
        carrier.on("close", partial(self._closed, channel))
        return channel

    def _hand_over(self, channel: Channel, message: Message, size: int) -> None:
        match channel.carrier.readyState:
            case "open":
                channel.carrier.send(message)
            case "connecting":
                channel.waiting.append(message)
                channel.waiting_bytes += size + limits.MESSAGE_OVERHEAD

    def _send_waiting(self, channel: Channel) -> None:
        waiting, channel.waiting = channel.waiting, deque()
        channel.waiting_bytes = 0
        for message in waiting:
            channel.carrier.send(message)
        if channel.closing:
            channel.carrier.close()

    def _opened(self, carrier: RTCDataChannel) -> None:
        names = (carrier.label.encode(), carrier.protocol.encode())
        if len(self._channels) >= limits.MAX_CHANNELS:
            self._drops[Drop.CHANNELS] += 1
            carrier.close()
        elif max(map(len, names)) > limits.MAX_NAME:
            self._drops[Drop.NAME_TOO_LONG] += 1
            carrier.close()
        else:
            self._owner.channel_opened(self, self._add(carrier))

    def _received(self, channel: Channel, message: Message) -> None:
        self._owner.message(self, channel, message)

    def _closed(self, channel: Channel) -> None:
        channel.closing = True
        channel.waiting.clear()
        channel.waiting_bytes = 0
        if self._channels.pop(channel.carrier, None) is not None:
            self._owner.channel_closed(self, channel)

    def _ended(self) -> None:
        for channel in list(self._channels.values()):
            self._closed(channel)


def _ascii(name: str) -> str:
    """A label or protocol as aiortc can announce it: percent-encoded UTF-8 where it is not ASCII."""
    return name if name.isascii() else quote(name, safe="".join(map(chr, range(0x20, 0x7F))))
