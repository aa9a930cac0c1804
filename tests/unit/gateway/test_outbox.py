"""Sending to one client."""

import asyncio

from rheon_gateway.outbox import Outbox
from rheon_signaling import CloseCode


class Wire:
    """A socket that keeps what was sent, and can be stuck or reset."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed: list[CloseCode] = []
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.reset = False
        self.kept = 0

    def buffered(self) -> int:
        return self.kept

    async def send(self, frame: bytes) -> None:
        await self.flowing.wait()
        if self.reset:
            raise ConnectionResetError
        self.sent.append(frame)

    async def close(self, code: CloseCode) -> None:
        self.closed.append(code)


async def test_frames_are_sent_in_order_and_before_the_close() -> None:
    wire = Wire()
    outbox = Outbox(wire)
    for number in range(5):
        outbox.put(b"%d" % number)
    outbox.close(CloseCode.AUTHENTICATION)
    outbox.close(CloseCode.NORMAL)
    outbox.put(b"too late")
    await outbox.run()
    assert wire.sent == [b"0", b"1", b"2", b"3", b"4"]
    assert wire.closed == [CloseCode.AUTHENTICATION]


async def test_frames_put_while_running_are_sent() -> None:
    wire = Wire()
    outbox = Outbox(wire)
    running = asyncio.create_task(outbox.run())
    await asyncio.sleep(0)
    outbox.put(b"later")
    outbox.close(CloseCode.NORMAL)
    await running
    assert wire.sent == [b"later"]


async def test_a_client_that_does_not_read_is_closed() -> None:
    wire = Wire()
    wire.flowing.clear()
    outbox = Outbox(wire)
    running = asyncio.create_task(outbox.run())
    for _ in range(1024 + 1):
        outbox.put(b"x" * 1024)
    await running
    assert wire.closed == [CloseCode.TRY_AGAIN_LATER]
    assert wire.sent == []


async def test_what_the_socket_holds_counts() -> None:
    wire = Wire()
    wire.kept = 1024 * 1024
    outbox = Outbox(wire)
    outbox.put(b"x")
    assert outbox.close_code is CloseCode.TRY_AGAIN_LATER


async def test_what_was_sent_counts_no_more() -> None:
    wire = Wire()
    outbox = Outbox(wire)
    running = asyncio.create_task(outbox.run())
    for _ in range(5000):
        outbox.put(b"x" * 1024)
        await asyncio.sleep(0)
    assert outbox.close_code is None
    outbox.close(CloseCode.NORMAL)
    await running
    assert len(wire.sent) == 5000


async def test_a_reset_connection_ends_the_sending() -> None:
    wire = Wire()
    wire.reset = True
    outbox = Outbox(wire)
    outbox.put(b"x")
    await outbox.run()
    assert wire.closed == [CloseCode.NORMAL]
