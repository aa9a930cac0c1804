"""The order in which messages of one connection are handled.

Messages that concern one room are handled strictly in the order they were sent, each to its end (media node's answer
included) before the next begins. Different rooms of one connection, and different connections, do not wait for each
other. Authentication, pings and candidates for the server are handled on arrival, ahead of everything waiting.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from rheon_gateway.hub import Hub, SupersededError
from rheon_gateway.room_session import RoomRequest, RoomSession
from rheon_gateway.seat import Seat
from rheon_signaling import ErrorCode, ProtocolError
from rheon_signaling.decoding import type_of
from rheon_telemetry import get_logger

_log = get_logger("rheon.gateway.lane")


class Lane:
    """One connection's messages for one room. Its owner bounds how many wait."""

    def __init__(
        self, hub: Hub, seat: Seat, *, handled: Callable[[], None], failed: Callable[[ProtocolError], None]
    ) -> None:
        self.seat = seat
        self._hub = hub
        self._handled = handled
        self._failed = failed
        self._waiting: deque[tuple[RoomRequest, int]] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    @property
    def session(self) -> RoomSession:
        """The session the messages are for."""
        return self.seat.session

    @property
    def idle(self) -> bool:
        """Nothing is waiting and the session holds nothing."""
        return not self._waiting and not self.seat.taken

    def put(self, message: RoomRequest) -> None:
        """Queue a message. What an answer answers is settled now, not when its turn comes."""
        connection = getattr(message, "connection_id", None)
        if connection is None:
            connection = getattr(message, "publisher_id", None)
        offer_id = self.session.latest_offer(connection) if connection is not None else 0
        self._waiting.append((message, offer_id))
        self._wake.set()

    async def run(self) -> None:
        """Handle messages until the lane is closed, or idle."""
        while not self._closed:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            message, offer_id = self._waiting[0]
            try:
                await self._handle(message, offer_id)
            finally:
                self._waiting.popleft()
                self._handled()
            if self.idle:
                return

    async def close(self) -> None:
        """The connection is gone: free what the session holds now; a step under way is the last."""
        self._closed = True
        self._wake.set()
        await self._hub.disconnect(self.seat)

    async def _handle(self, message: RoomRequest, offer_id: int) -> None:
        try:
            await self._converse(message, offer_id)
        except SupersededError:
            return
        except ProtocolError as error:
            self._report(error, message)
        except Exception:
            _log.exception("message failed", type=type_of(message))
            self._report(ProtocolError(ErrorCode.INTERNAL, "Internal error"), message)

    async def _converse(self, message: RoomRequest, offer_id: int) -> None:
        steps = self.session.receive(message, offer_id=offer_id)
        try:
            effect = next(steps)
            while True:
                try:
                    outcome = await self._hub.perform(self.seat, effect)
                except ProtocolError as error:
                    effect = steps.throw(error)
                else:
                    effect = steps.send(outcome)
                if self._closed:
                    # A join that was under way when the connection closed has only now made a member.
                    await self._hub.disconnect(self.seat)
                    return
        except StopIteration:
            return
        finally:
            steps.close()

    def _report(self, error: ProtocolError, message: RoomRequest) -> None:
        error.room_name = error.room_name or message.room_name
        error.request_type = error.request_type or type_of(message)
        if error.publisher_id is None:
            error.publisher_id = getattr(message, "publisher_id", None)
        self._failed(error)
