"""Events on their way to gateways: one bounded queue per gateway with a stream."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from rheon_media_node.negotiation import PublishedTrack
from rheon_media_node.router.effects import RoomEvent
from rheon_media_node.router.values import ConnectionId, GatewayId, OfferId, Participant, UserId

MAX_QUEUED_EVENTS = 4096
"""Events waiting for a slow gateway. Beyond it the stream ends: the gateway reads a snapshot on its next."""


@dataclass(frozen=True, slots=True)
class Section:
    """What a media section of a subscribe connection brings."""

    mid: str
    """The subscriber's section."""
    publisher: UserId
    track: PublishedTrack


@dataclass(frozen=True, slots=True)
class SubscriptionOffered:
    """A changed connection is offered to the subscriber."""

    participant: Participant
    publisher: UserId | None
    """None: a shared connection."""
    connection: ConnectionId
    offer: str
    offer_id: OfferId
    tracks: tuple[PublishedTrack, ...]
    sections: tuple[Section, ...]


GatewayEvent = RoomEvent | SubscriptionOffered


class StreamEnded(Exception):  # noqa: N818 - an ending, not a fault
    """The stream has no more events."""


class StreamOverflowed(StreamEnded):
    """The gateway read too slowly and missed events: it has to start over with a snapshot."""


class StreamReplaced(StreamEnded):
    """The gateway opened a later stream."""


class StreamClosed(StreamEnded):
    """The node is going away."""


class EventStream:
    """The events of one gateway since its stream began. One consumer."""

    def __init__(self, limit: int = MAX_QUEUED_EVENTS) -> None:
        self._limit = limit
        self._events: deque[GatewayEvent] = deque()
        self._changed = asyncio.Event()
        self._end: StreamEnded | None = None

    def put(self, event: GatewayEvent) -> None:
        """Queue an event; a full queue ends the stream."""
        if len(self._events) >= self._limit:
            self.end(StreamOverflowed())
            return
        self._events.append(event)
        self._changed.set()

    def end(self, reason: StreamEnded) -> None:
        """End it, once; what is queued is not delivered any more."""
        if self._end is None:
            self._end = reason
            self._events.clear()
            self._changed.set()

    async def next(self) -> GatewayEvent:
        """The next event. Raises the `StreamEnded` it was ended with."""
        while True:
            if self._end is not None:
                raise self._end
            if self._events:
                return self._events.popleft()
            self._changed.clear()
            await self._changed.wait()


class Streams:
    """The open streams by gateway."""

    def __init__(self) -> None:
        self._streams: dict[GatewayId, EventStream] = {}

    def __contains__(self, gateway: GatewayId) -> bool:
        return gateway in self._streams

    def __len__(self) -> int:
        return len(self._streams)

    def open(self, gateway: GatewayId) -> EventStream:
        """A new stream in place of an earlier one."""
        earlier = self._streams.get(gateway)
        if earlier is not None:
            earlier.end(StreamReplaced())
        stream = self._streams[gateway] = EventStream()
        return stream

    def discard(self, gateway: GatewayId, stream: EventStream) -> bool:
        """Forget a stream; whether it was the gateway's current one."""
        if self._streams.get(gateway) is not stream:
            return False
        del self._streams[gateway]
        return True

    def put(self, gateway: GatewayId, event: GatewayEvent) -> None:
        """Tell a gateway; without a stream the event is dropped: the next snapshot says it all."""
        stream = self._streams.get(gateway)
        if stream is not None:
            stream.put(event)

    def close(self) -> None:
        """End every stream."""
        for stream in self._streams.values():
            stream.end(StreamClosed())
