"""Clients that break the rules, on purpose or not."""

import asyncio
import base64
import json
import os

import aiohttp
import pytest

from rheon_gateway import connection_state, limits, socket
from tests.integration.gateway.client import CANDIDATE, OFFER, Client, Site, token, until


async def test_no_first_message(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "FIRST_MESSAGE_DEADLINE", 0.1)
    client = await site.client(1)
    error = await client.expect("error")
    assert error["code"] == 401
    assert error["message"].startswith("Authentication failed: ")
    assert await client.closed_with() == 4401


@pytest.mark.parametrize("text", ["x.y.z", "", token(1, lifetime=-120)])
async def test_bad_tokens(site: Site, text: str) -> None:
    client = await site.client(1)
    await client.send("auth", token=text)
    await client.send("publish-offer", roomName="r", offer=OFFER)
    error = await client.expect("error")
    assert (error["code"], error["requestType"]) == (401, "auth")
    assert error["message"].startswith("Authentication failed: ")
    assert await client.closed_with() == 4401
    assert site.gateway.hub.rooms == 0


async def test_malformed_messages_leave_the_connection_open(site: Site) -> None:
    client = await site.user(1)
    for text in ("", "{", "null", '{"type":"ping","type":"ping"}', '{"type":NaN}', "[" * 100_000, '{"type":"x"}'):
        await client.socket.send_str(text)
        error = await client.expect("error")
        assert error["code"] == 400
        assert error["message"].startswith("Message handling error: Invalid JSON: ")
    await client.socket.send_bytes(b'{"type":"ping"}')
    assert (await client.expect("error"))["code"] == 400
    await client.socket.send_frame(b'{"type":"ping","id":"\xff"}', aiohttp.WSMsgType.TEXT)
    assert (await client.expect("error"))["code"] == 400
    assert await client.silent()


@pytest.mark.parametrize("size", [256 * 1024 + 1, 500 * 1024, 600 * 1024])
async def test_an_oversized_frame(site: Site, size: int) -> None:
    client = await site.user(1)
    await client.socket.send_str(json.dumps({"type": "ping", "id": "x" * size}))
    assert (await client.expect("error"))["code"] == 413
    assert await client.closed_with() == 1009
    assert site.gateway.counters.errors[413] == 1


async def test_a_frame_of_the_largest_size(site: Site) -> None:
    client = await site.user(1)
    text = json.dumps({"type": "ping", "pad": ""})
    await client.socket.send_str(text.replace('""', '"' + "x" * (256 * 1024 - len(text)) + '"'))
    assert await client.expect("pong") == {}


async def test_a_flood_is_refused_and_then_closed(site: Site) -> None:
    client = await site.user(1)

    async def flood() -> None:
        for _ in range(1500):
            await client.socket.send_str('{"type":"ping"}')

    sending = asyncio.create_task(flood())
    answers: dict[str, int] = {}
    while (message := await client.socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
        kind = json.loads(message.data)["type"]
        answers[kind] = answers.get(kind, 0) + 1
    await asyncio.gather(sending, return_exceptions=True)
    assert client.socket.close_code == 4429
    assert answers["pong"] >= 1000 - 1
    assert answers["error"] >= limits.REFUSALS_BEFORE_CLOSE


async def test_a_burst_of_candidates_is_no_flood(site: Site) -> None:
    client = await site.user(1)
    for _ in range(1500):
        await client.send("publish-ice-candidate", roomName="r", candidate=CANDIDATE)
    assert await client.silent()
    assert site.gateway.counters.candidates == 1500


async def test_a_flood_of_candidates_is_read_slowly(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_state, "CANDIDATE_BURST", 10)
    client = await site.user(1)
    for _ in range(40):
        await client.send("publish-ice-candidate", roomName="r", candidate=CANDIDATE)
    assert site.gateway.counters.candidates < 40
    assert await client.silent()
    assert site.gateway.counters.candidates == 40


async def test_a_client_that_does_not_read_is_closed_and_delays_nobody(site: Site) -> None:
    """The slow reader is a bare socket that never reads what the others relay to it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.gateway.port, limit=1024)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    for message in ({"type": "auth", "token": token(1)}, {"type": "join-room", "roomName": "r"}):
        writer.write(_masked(json.dumps(message).encode()))
    await until(lambda: site.gateway.hub.members == 1)
    sender, other = await site.user(2), await site.user(3)
    await sender.join()
    await other.join()
    await sender.expect("user-joined")
    for _ in range(800):
        await sender.send("offer", roomName="r", sdp="x" * 60_000)
        assert (await other.expect("offer"))["fromUserId"] == 2
        if site.gateway.hub.members < 3:
            break
    assert await other.expect("user-left") == {"userId": 1}
    await until(lambda: site.gateway.counters.connections == 2)
    writer.close()
    del reader


def _masked(payload: bytes) -> bytes:
    header = bytes([0x81, 0xFE]) + len(payload).to_bytes(2, "big")
    return header + b"\0\0\0\0" + payload


async def test_silence_is_noticed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "SILENCE", 0.5)
    monkeypatch.setattr(socket, "PING_INTERVAL", 0.1)
    silent = Client(await site.http.ws_connect(site.gateway.url, autoping=False), 1)
    await silent.authenticate()
    await silent.join()
    answering = await site.user(2)
    await answering.join()
    left = asyncio.create_task(answering.expect("user-left"))
    await asyncio.sleep(0)
    while not left.done():
        message = await silent.socket.receive(timeout=10)
        if message.type not in (aiohttp.WSMsgType.PING, aiohttp.WSMsgType.TEXT):
            break
    assert await left == {"userId": 1}
    assert silent.socket.close_code == 4408
    assert await answering.silent()


async def test_too_many_rooms(site: Site) -> None:
    client = await site.user(1)
    for number in range(limits.MAX_ROOMS):
        await client.join(f"room {number}")
    await client.send("join-room", roomName="one more")
    assert (await client.expect("error"))["code"] == 429
    await client.send("leave-room", roomName="room 0")
    await client.expect("room-left")
    await client.join("one more")


async def test_identity_comes_from_the_session(site: Site) -> None:
    victim, attacker = await site.user(1), await site.user(2)
    await victim.join()
    await attacker.join()
    await victim.expect("user-joined")
    await attacker.send("offer", roomName="r", sdp="s", fromUserId=99, userId=99)
    assert await victim.expect("offer") == {"fromUserId": 2, "sdp": "s"}


async def test_many_clients_come_and_go(site: Site) -> None:
    tasks = len(asyncio.all_tasks())

    async def visit(user: int) -> None:
        client = await site.user(user)
        await client.send("publish-offer", roomName=f"room {user % 7}", offer=OFFER)
        if user % 3:
            await client.send("join-room", roomName="hall")
        if user % 5 == 0:
            client.socket._response.close()
        else:
            await client.close()

    for _ in range(3):
        await asyncio.gather(*(visit(user) for user in range(60)))
    await until(lambda: site.gateway.counters.connections == 0)
    await until(lambda: not site.node.participants)
    assert site.gateway.hub.rooms == 0
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
