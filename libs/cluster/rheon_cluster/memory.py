"""The backend of a single process: dictionaries, and bounded queues to its readers."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random, SystemRandom
from typing import Final

from rheon_cluster.errors import NoNodeAvailableError, StaleSessionError, UserAlreadyInRoomError
from rheon_cluster.placement import choose_node
from rheon_cluster.records import (
    GatewayId,
    InboxMessage,
    Joined,
    JoinRequest,
    Member,
    MemberChanged,
    MemberGone,
    MutedTrack,
    NodeId,
    NodeRecord,
    RoomSnapshot,
    RoomUpdate,
    SessionNumber,
    UserId,
)

_WATCH_QUEUE: Final = 1000
_INBOX_QUEUE: Final = 10_000


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


class _Watch:
    """A reader of one room. Overflow policy: everything queued is dropped and one snapshot takes its place."""

    def __init__(self, snapshot: Callable[[], RoomSnapshot]) -> None:
        self._snapshot = snapshot
        self._queue: asyncio.Queue[RoomUpdate] = asyncio.Queue()
        self._gap = True
        self._wake = asyncio.Event()
        self._wake.set()

    def put(self, update: RoomUpdate) -> None:
        if not self._gap and self._queue.qsize() >= _WATCH_QUEUE:
            self._queue = asyncio.Queue()
            self._gap = True
        if not self._gap:
            self._queue.put_nowait(update)
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[RoomUpdate]:
        while True:
            await self._wake.wait()
            if self._gap:
                self._gap = False
                yield self._snapshot()
            elif self._queue.empty():
                self._wake.clear()
            else:
                yield self._queue.get_nowait()


@dataclass(slots=True)
class _Room:
    version: int = 0
    node_id: NodeId | None = None
    members: dict[UserId, Member] = field(default_factory=dict)


class MemoryCluster:
    """`Cluster` for one process.

    `now_ms` is the wall clock in milliseconds: session numbers start there, so that numbers given before a restart stay
    smaller than those after it.
    """

    def __init__(self, *, now_ms: Callable[[], int] = _milliseconds, random: Random | None = None) -> None:
        self._now_ms = now_ms
        self._random = random or SystemRandom()
        self._nodes: dict[NodeId, NodeRecord] = {}
        self._rooms: dict[str, _Room] = {}
        self._watches: dict[str, set[_Watch]] = {}
        self._inboxes: dict[GatewayId, asyncio.Queue[InboxMessage]] = {}
        self._placed: Counter[NodeId] = Counter()
        self._last_number = 0
        self._last_version = 0

    async def put_node(self, node: NodeRecord) -> None:
        """See `Cluster.put_node`."""
        self._nodes[node.node_id] = node

    async def remove_node(self, node_id: NodeId) -> None:
        """See `Cluster.remove_node`."""
        self._nodes.pop(node_id, None)
        for name, room in list(self._rooms.items()):
            if room.node_id == node_id:
                room.node_id = None
            for member in list(room.members.values()):
                if member.node_id == node_id:
                    self._change(name, room, replace(member, node_id=None, publishing=False, muted=()))
        del self._placed[node_id]

    async def nodes(self) -> tuple[NodeRecord, ...]:
        """See `Cluster.nodes`."""
        return tuple(self._nodes.values())

    async def join(self, request: JoinRequest) -> Joined:
        """See `Cluster.join`."""
        room = self._rooms.setdefault(request.room, _Room(version=self._next_version()))
        earlier = room.members.get(request.user_id)
        if earlier is not None and earlier.connection_id == request.connection_id:
            if earlier.explicit or not request.explicit:
                raise UserAlreadyInRoomError
            member, replaced = replace(earlier, explicit=True), None
        else:
            member, replaced = self._new_member(request), earlier
        self._change(request.room, room, member)
        others = tuple(other for other in room.members.values() if other.user_id != member.user_id)
        return Joined(member=member, replaced=replaced, others=others, version=room.version)

    async def leave(self, room: str, user_id: UserId, session_number: SessionNumber) -> bool:
        """See `Cluster.leave`."""
        found = self._rooms.get(room)
        if found is None or (member := found.members.get(user_id)) is None:
            return False
        if member.session_number != session_number:
            return False
        del found.members[user_id]
        if member.node_id is not None:
            self._placed[member.node_id] -= 1
        found.version = self._next_version()
        if not found.members:
            del self._rooms[room]
        self._tell(room, MemberGone(found.version, user_id, session_number))
        return True

    async def place(self, room: str, user_id: UserId, session_number: SessionNumber) -> NodeRecord:
        """See `Cluster.place`."""
        found, member = self._live(room, user_id, session_number)
        if member.node_id is not None and (node := self._nodes.get(member.node_id)) is not None:
            return node
        if found.node_id is not None and found.node_id in self._nodes:
            node = self._nodes[found.node_id]
        elif (chosen := choose_node(self._nodes.values(), self._placed, self._random)) is not None:
            node = chosen
        else:
            raise NoNodeAvailableError
        found.node_id = node.node_id
        self._change(room, found, replace(member, node_id=node.node_id))
        return node

    async def set_publishing(
        self,
        room: str,
        user_id: UserId,
        session_number: SessionNumber,
        publishing: bool,
        muted: tuple[MutedTrack, ...] = (),
    ) -> None:
        """See `Cluster.set_publishing`."""
        found, member = self._live(room, user_id, session_number)
        if (member.publishing, member.muted) != (publishing, muted):
            self._change(room, found, replace(member, publishing=publishing, muted=muted))

    async def members(self, room: str) -> tuple[Member, ...]:
        """See `Cluster.members`."""
        found = self._rooms.get(room)
        return tuple(found.members.values()) if found is not None else ()

    @asynccontextmanager
    async def watch(self, room: str) -> AsyncIterator[_Watch]:
        """See `Cluster.watch`."""
        watch = _Watch(lambda: self._snapshot(room))
        self._watches.setdefault(room, set()).add(watch)
        try:
            yield watch
        finally:
            watches = self._watches[room]
            watches.discard(watch)
            if not watches:
                del self._watches[room]

    async def send(self, gateway_id: GatewayId, message: InboxMessage) -> None:
        """See `Cluster.send`."""
        queue = self._inboxes.get(gateway_id)
        if queue is not None and not queue.full():
            queue.put_nowait(message)

    @asynccontextmanager
    async def inbox(self, gateway_id: GatewayId) -> AsyncIterator[AsyncIterator[InboxMessage]]:
        """See `Cluster.inbox`."""
        queue: asyncio.Queue[InboxMessage] = asyncio.Queue(_INBOX_QUEUE)
        self._inboxes[gateway_id] = queue
        try:
            yield _drain(queue)
        finally:
            if self._inboxes.get(gateway_id) is queue:
                del self._inboxes[gateway_id]

    def _new_member(self, request: JoinRequest) -> Member:
        # One counter for all rooms keeps max(stored + 1, now) without remembering every user that ever left.
        self._last_number = max(self._last_number + 1, self._now_ms())
        return Member(
            room=request.room,
            user_id=request.user_id,
            username=request.username,
            session_number=SessionNumber(self._last_number),
            gateway_id=request.gateway_id,
            connection_id=request.connection_id,
            explicit=request.explicit,
        )

    def _live(self, room: str, user_id: UserId, session_number: SessionNumber) -> tuple[_Room, Member]:
        found = self._rooms.get(room)
        member = found.members.get(user_id) if found is not None else None
        if found is None or member is None or member.session_number != session_number:
            raise StaleSessionError
        return found, member

    def _change(self, name: str, room: _Room, member: Member) -> None:
        earlier = room.members.get(member.user_id)
        if earlier is not None and earlier.node_id is not None:
            self._placed[earlier.node_id] -= 1
        if member.node_id is not None:
            self._placed[member.node_id] += 1
        room.members[member.user_id] = member
        room.version = self._next_version()
        self._tell(name, MemberChanged(room.version, member))

    def _next_version(self) -> int:
        # Shared by all rooms, so a room that was emptied and made again never goes back to an old version.
        self._last_version += 1
        return self._last_version

    def _tell(self, room: str, update: RoomUpdate) -> None:
        for watch in self._watches.get(room, ()):
            watch.put(update)

    def _snapshot(self, room: str) -> RoomSnapshot:
        found = self._rooms.get(room)
        if found is None:
            return RoomSnapshot(self._last_version, ())
        return RoomSnapshot(found.version, tuple(found.members.values()))


async def _drain(queue: asyncio.Queue[InboxMessage]) -> AsyncIterator[InboxMessage]:
    while True:
        yield await queue.get()
