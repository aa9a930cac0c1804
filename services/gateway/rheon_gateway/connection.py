"""One authenticated or authenticating client: its protocol state, its lanes, its outgoing queue.

Independent of the kind of socket: frames go in through `receive`, and come out of the outbox.
"""

import asyncio
import time
from collections.abc import Callable
from uuid import uuid4

from rheon_gateway.connection_state import (
    SHARED_SUBSCRIBE,
    Action,
    CandidateDropped,
    Close,
    ConnectionState,
    Dispatch,
    Pause,
    Reply,
    Verify,
    failure,
)
from rheon_gateway.hub import Hub
from rheon_gateway.lane import Lane
from rheon_gateway.limits import MAX_PENDING, MAX_ROOMS
from rheon_gateway.metrics import SignalingCounters
from rheon_gateway.outbox import Outbox
from rheon_gateway.room_session import RoomRequest, RoomSession
from rheon_gateway.seat import Seat
from rheon_signaling import CloseCode, ErrorCode, ProtocolError, encode
from rheon_signaling import server_messages as server


class ClientConnection:
    """A client. Give it tasks for its lanes first, and call `leave` when the socket is gone."""

    def __init__(
        self,
        hub: Hub,
        verify: Verify,
        outbox: Outbox,
        counters: SignalingCounters,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection_id = uuid4().hex
        self._hub = hub
        self._outbox = outbox
        self._counters = counters
        self._tasks: asyncio.TaskGroup | None = None
        self._now = now
        self._state = ConnectionState(verify, now())
        self._lanes: dict[str, Lane] = {}
        self._places = asyncio.Semaphore(MAX_PENDING)
        self._gone = False

    def lanes_run_in(self, tasks: asyncio.TaskGroup) -> None:
        """The group that owns the tasks of the lanes, and waits for them."""
        self._tasks = tasks

    @property
    def user_id(self) -> int | None:
        """Who is connected; None until authenticated."""
        return self._state.claims.user_id if self._state.claims is not None else None

    @property
    def closing(self) -> bool:
        """Whether this side has begun to close."""
        return self._outbox.close_code is not None

    def send(self, frame: bytes) -> None:
        """Queue a frame for the client."""
        self._outbox.put(frame)

    def tell(self, message: server.ServerMessage) -> None:
        """Queue a message to the client."""
        if isinstance(message, server.Error):
            self._counters.error(message.code)
        self._outbox.put(encode(message))

    def close(self, code: CloseCode) -> None:
        """Close once everything queued has been sent."""
        self._state.closed = True
        self._outbox.close(code)

    async def receive(self, frame: bytes) -> None:
        """Handle a text frame; returns when the next one may be read."""
        await self._act(self._state.receive(frame, self._now()))

    async def receive_binary(self) -> None:
        """Handle a binary frame."""
        await self._act(self._state.binary(self._now()))

    def allow_control(self) -> bool:
        """Whether a ping of the client is answered."""
        return self._state.allow_control(self._now())

    async def first_message_late(self) -> None:
        """The time for the first message is over."""
        await self._act(self._state.first_message_late())

    async def leave(self) -> None:
        """The socket is gone: everything the client held is freed before this returns.

        Steps under way end by themselves within their deadlines, and free what they made.
        """
        self._gone = True
        self._state.closed = True
        for lane in list(self._lanes.values()):
            await lane.close()

    async def _act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Reply(message=message):
                    self.tell(message)
                case Close(code=code):
                    self.close(code)
                case Dispatch(message=message):
                    await self._dispatch(message)
                case CandidateDropped():
                    self._counters.candidate()
                case Pause(seconds=seconds):
                    await asyncio.sleep(seconds)

    async def _dispatch(self, message: RoomRequest) -> None:
        lane = self._lanes.get(message.room_name)
        if lane is None:
            lane = self._open_lane(message.room_name)
            if lane is None:
                error = ProtocolError(ErrorCode.TOO_MANY, f"Too many rooms: at most {MAX_ROOMS} at a time")
                error.room_name = message.room_name
                self._fail(error)
                return
        # The lane must not go idle and vanish while this waits for a place, so the message takes its place first.
        lane.put(message)
        await self._places.acquire()

    def _open_lane(self, room: str) -> Lane | None:
        if len(self._lanes) >= MAX_ROOMS or self._state.claims is None or self._tasks is None or self._gone:
            return None
        session = RoomSession(
            room,
            self._state.claims,
            p2p_relay=self._hub.p2p_relay,
            shared_subscribe=SHARED_SUBSCRIBE in self._state.features,
        )
        lane = Lane(self._hub, Seat(session, self), handled=self._places.release, failed=self._fail)
        self._lanes[room] = lane
        self._tasks.create_task(self._run_lane(room, lane))
        return lane

    async def _run_lane(self, room: str, lane: Lane) -> None:
        try:
            await lane.run()
        finally:
            del self._lanes[room]

    def _fail(self, error: ProtocolError) -> None:
        for action in failure(error):
            match action:
                case Reply(message=message):
                    self.tell(message)
                case Close(code=code):
                    self.close(code)
                case _:
                    pass
