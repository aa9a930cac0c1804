"""Everything the connections of one gateway share: the rooms they are in, and the way to cluster and media nodes.

The hub carries out the effects of sessions, and turns what happens elsewhere (another gateway, a media node) into
calls of the sessions it concerns. It decides nothing a session decides.
"""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from rheon_cluster import (
    Cluster,
    ClusterError,
    Deliver,
    GatewayId,
    InboxMessage,
    Joined,
    JoinRequest,
    Member,
    MemberChanged,
    MemberGone,
    NoNodeAvailableError,
    RoomSnapshot,
    RoomUpdate,
    SessionNumber,
    StaleSessionError,
    TakenOver,
    UserAlreadyInRoomError,
    UserId,
)
from rheon_gateway import effects
from rheon_gateway.effects import Effect, NodeCommand, Outcome
from rheon_gateway.ports import MediaNodes
from rheon_gateway.room_view import RoomView
from rheon_gateway.seat import Seat
from rheon_signaling import CloseCode, ErrorCode, ProtocolError, encode, errors
from rheon_telemetry import get_logger

_WATCH_AGAIN: Final = 0.5
"""Seconds before a room whose watch ended is followed again."""

_log = get_logger("rheon.gateway.hub")


class SupersededError(Exception):
    """The session stopped being a member while a step of it was under way: the rest of the message is void."""


@dataclass(slots=True)
class _Room:
    view: RoomView = field(default_factory=RoomView)
    seats: dict[tuple[UserId, SessionNumber], Seat] = field(default_factory=dict)
    watch: asyncio.Task[None] | None = None


class Hub:
    """The meeting point of one gateway. `run` must be running for anything to work."""

    def __init__(self, gateway_id: GatewayId, cluster: Cluster, *, p2p_relay: bool) -> None:
        self.gateway_id = gateway_id
        self.cluster = cluster
        self.p2p_relay = p2p_relay
        self.nodes: MediaNodes | None = None
        """Set once, before `run`."""
        self._rooms: dict[str, _Room] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._seats: dict[str, int] = {}

    async def run(self) -> None:
        """Read the gateway's inbox and follow its rooms until cancelled."""
        async with asyncio.TaskGroup() as tasks, self.cluster.inbox(self.gateway_id) as inbox:
            self._tasks = tasks
            async for message in inbox:
                try:
                    self._receive(message)
                except Exception:
                    _log.exception("inbox message failed")

    @property
    def rooms(self) -> int:
        """Rooms with a member on this gateway."""
        return len(self._rooms)

    @property
    def members(self) -> int:
        """Members on this gateway, one per room and user."""
        return sum(len(room.seats) for room in self._rooms.values())

    def seat_of(self, room: str, user_id: UserId, session_number: SessionNumber) -> Seat | None:
        """The live seat of a session on this gateway."""
        found = self._rooms.get(room)
        return found.seats.get((user_id, session_number)) if found is not None else None

    def seats_on(self, node_id: str) -> list[Seat]:
        """The seats a media node carries."""
        return [
            seat
            for room in self._rooms.values()
            for seat in room.seats.values()
            if seat.session.member is not None and seat.session.member.node_id == node_id
        ]

    async def perform(self, seat: Seat, effect: Effect) -> Outcome:
        """Carry out one effect of a session. Raises ProtocolError, and SupersededError."""
        try:
            return await self._perform(seat, effect)
        except StaleSessionError:
            raise SupersededError from None
        except NoNodeAvailableError:
            raise ProtocolError(ErrorCode.UNAVAILABLE, errors.SFU_UNAVAILABLE) from None
        except UserAlreadyInRoomError:
            raise ProtocolError(ErrorCode.CONFLICT, errors.ALREADY_IN_ROOM) from None
        except ClusterError:
            raise ProtocolError(ErrorCode.UNAVAILABLE, "Temporarily unavailable") from None

    async def disconnect(self, seat: Seat) -> None:
        """The connection is gone: free everything the session holds."""
        await self._leave(seat)

    async def _perform(self, seat: Seat, effect: Effect) -> Outcome:
        match effect:
            case effects.Send(message=message):
                seat.send(message)
            case effects.Join(explicit=explicit):
                return await self._join(seat, explicit=explicit)
            case effects.Leave():
                await self._leave(seat)
            case effects.ListMembers():
                return await self.cluster.members(seat.session.room)
            case effects.Settle(users=users, publisher=publisher):
                if not seat.taken:
                    raise SupersededError
                seat.announcer.settle(users=users, publisher=publisher)
                seat.tell(self._rooms[seat.session.room].view)
            case effects.Relay(target_user_id=target, message=message):
                await self._relay(seat, target, encode(message))
            case _:
                return await self._command(seat, effect)
        return None

    async def _join(self, seat: Seat, *, explicit: bool) -> Joined:
        session = seat.session
        joined = await self.cluster.join(
            JoinRequest(
                room=session.room,
                user_id=session.claims.user_id,
                username=session.claims.username,
                gateway_id=self.gateway_id,
                connection_id=seat.connection.connection_id,
                explicit=explicit,
            )
        )
        if session.member is None:
            self._count(seat, 1)
        session.member = joined.member
        room = self._rooms.setdefault(session.room, _Room())
        room.seats[joined.member.user_id, joined.member.session_number] = seat
        seat.announcer.joined(joined.version)
        if room.watch is None and self._tasks is not None:
            room.watch = self._tasks.create_task(self._follow(session.room, room))
        if joined.replaced is not None:
            await self._take_over(joined.replaced)
        if session.member is not joined.member:
            raise SupersededError
        return joined

    async def _leave(self, seat: Seat) -> None:
        member, seat.session.member = seat.session.member, None
        if member is None:
            return
        self._remove(seat, member)
        await self.cluster.leave(member.room, member.user_id, member.session_number)

    def _remove(self, seat: Seat, member: Member) -> None:
        """Take a seat out of its room and free what its session has on a node."""
        self._count(seat, -1)
        seat.vacate()
        self._release(member)
        room = self._rooms[member.room]
        del room.seats[member.user_id, member.session_number]
        if not room.seats:
            del self._rooms[member.room]
            if room.watch is not None:
                room.watch.cancel()

    async def _command(self, seat: Seat, command: NodeCommand) -> Outcome:
        member = seat.session.member
        if member is None or self.nodes is None:
            raise SupersededError
        if isinstance(command, effects.Publish | effects.Subscribe) and member.node_id is None:
            node = await self.cluster.place(member.room, member.user_id, member.session_number)
            member = self._refresh(seat, member, replace(member, node_id=node.node_id))
        if isinstance(command, effects.Unpublish):
            await self.cluster.set_publishing(member.room, member.user_id, member.session_number, False)
        if member.node_id is None:
            return self._without_node(member, command)
        try:
            return await self.nodes.command(member, command)
        finally:
            live = seat.session.member
            if live is None or live.session_number != member.session_number:
                # Whatever came of it, it may have made something that a release sent meanwhile came too early for.
                self._release(member)
                raise SupersededError

    def _without_node(self, member: Member, command: NodeCommand) -> Outcome:
        if isinstance(command, effects.Unpublish | effects.Unsubscribe):
            return None
        if isinstance(command, effects.SetMuted):
            raise ProtocolError(ErrorCode.NOT_FOUND, f"You publish nothing in room {member.room}")
        publisher_id = getattr(command, "publisher_id", 0)
        text = f"No subscription to publisher {publisher_id} in room {member.room}"
        raise ProtocolError(ErrorCode.NOT_FOUND, text)

    def _refresh(self, seat: Seat, member: Member, changed: Member) -> Member:
        live = seat.session.member
        if live is None or live.session_number != member.session_number:
            raise SupersededError
        seat.session.member = changed
        return changed

    def _release(self, member: Member) -> None:
        if self.nodes is not None and member.node_id is not None:
            self.nodes.release(member)

    async def _relay(self, seat: Seat, target: int | None, frame: bytes) -> None:
        session = seat.session
        others = [
            member
            for member in await self.cluster.members(session.room)
            if member.user_id != session.claims.user_id and target in (None, member.user_id)
        ]
        if target is not None and not others:
            raise ProtocolError(ErrorCode.NOT_FOUND, f"User {target} is not in room {session.room}")
        for member in others:
            await self._deliver(member, frame)

    async def _deliver(self, member: Member, frame: bytes) -> None:
        message = Deliver(member.room, member.user_id, member.session_number, frame)
        if member.gateway_id == self.gateway_id:
            self._receive(message)
        else:
            await self.cluster.send(member.gateway_id, message)

    async def _take_over(self, replaced: Member) -> None:
        message = TakenOver(replaced.room, replaced.user_id, replaced.session_number)
        if replaced.gateway_id == self.gateway_id:
            self._receive(message)
        else:
            await self.cluster.send(replaced.gateway_id, message)
            # Its gateway does the same, if it still lives.
            self._release(replaced)

    def _receive(self, message: InboxMessage) -> None:
        seat = self.seat_of(message.room, message.user_id, message.session_number)
        if seat is None:
            return
        match message:
            case Deliver(frame=frame):
                seat.connection.send(frame)
            case TakenOver():
                if (member := seat.session.member) is not None:
                    self._remove(seat, member)
                for send in seat.session.taken_over():
                    seat.send(send.message)
                if not self._seats.get(seat.connection.connection_id):
                    seat.connection.close(CloseCode.REPLACED)
            case _:
                assert_never(message)

    async def _follow(self, name: str, room: _Room) -> None:
        """Apply the updates of a room for as long as somebody here is in it."""
        while True:
            try:
                async with self.cluster.watch(name) as watch:
                    async for update in watch:
                        if room.view.apply(update):
                            self._publish_update(room, update)
            except Exception:
                # A new watch begins with a snapshot, which makes up for what was missed.
                _log.exception("room watch failed")
            await asyncio.sleep(_WATCH_AGAIN)

    def _publish_update(self, room: _Room, update: RoomUpdate) -> None:
        match update:
            case MemberChanged(member=member):
                changed: UserId | None = member.user_id
            case MemberGone(user_id=user_id):
                changed = user_id
            case RoomSnapshot():
                changed = None
            case _:
                assert_never(update)
        for seat in list(room.seats.values()):
            seat.tell(room.view, changed)

    def _count(self, seat: Seat, change: int) -> None:
        """How many rooms a connection is a member of."""
        key = seat.connection.connection_id
        count = self._seats.get(key, 0) + change
        if count:
            self._seats[key] = count
        else:
            self._seats.pop(key, None)
