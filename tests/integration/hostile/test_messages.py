"""Signaling messages that are none, or not what they say."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.integration.gateway.client import token
from tests.support.hostile_site import HostileSite

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = "messages"
NOT_MESSAGES = (
    "",
    " ",
    "{",
    "}",
    "null",
    "true",
    "0",
    "1e999",
    '"ping"',
    "[]",
    '[{"type":"ping"}]',
    "{}",
    '{"type":null}',
    '{"type":1}',
    '{"type":["ping"]}',
    '{"type":"ping"',
    '{"type":"ping"}{"type":"ping"}',
    '{"type":"ping","type":"ping"}',
    '{"type":"ping","id":NaN}',
    '{"type":"ping","id":"\\ud800"}',
    '{"type":"ping","id":"\\x00"}',
    '{"type":"\\u0000"}',
    '{"type":"PING"}',
    '{"type":"subscribe-offer","roomName":"r","publisherId":1,"offer":"v=0"}',
    '{"type":"error","message":"m","code":500}',
    '{"type":"x"}',
    "[" * 100_000,
    '{"a":' * 20_000,
    '{"type":"' + "x" * 100_000 + '"}',
)

WELL_FORMED: dict[str, dict[str, Any]] = {
    "join-room": {"roomName": ROOM},
    "leave-room": {"roomName": ROOM},
    "publish-offer": {"roomName": ROOM, "offer": "v=0"},
    "publish-ice-candidate": {"roomName": ROOM, "candidate": None},
    "unpublish": {"roomName": ROOM},
    "subscribe-request": {"roomName": ROOM, "publisherId": 1},
    "subscribe-answer": {"roomName": ROOM, "publisherId": 1, "answer": "v=0"},
    "subscribe-ice-candidate": {"roomName": ROOM, "publisherId": 1, "candidate": None},
    "unsubscribe": {"roomName": ROOM, "publisherId": 1},
    "restart-ice": {"roomName": ROOM, "publisherId": 1},
    "set-preferred-layer": {"roomName": ROOM, "publisherId": 1, "spatial": 0},
    "offer": {"roomName": ROOM, "sdp": "v=0"},
    "answer": {"roomName": ROOM, "sdp": "v=0"},
    "ice-candidate": {"roomName": ROOM, "candidate": ""},
}
WRONG: tuple[object, ...] = (True, 1.5, -1, 2**63, 10**30, [], {}, [[]], {"a": {"b": []}}, "x" * 5000, "\x00", "\ud800")


async def test_what_is_no_message(site: HostileSite) -> None:
    async with site.unharmed(errors=[400]), site.client() as client:
        for text in NOT_MESSAGES:
            await client.socket.send_str(text)
            assert (await client.expect("error"))["code"] == 400, text[:80]
        await client.socket.send_bytes(b'{"type":"ping"}')
        assert (await client.expect("error"))["code"] == 400
        await client.socket.send_frame(b'{"type":"ping","id":"\xff\xfe"}', aiohttp.WSMsgType.TEXT)
        assert (await client.expect("error"))["code"] == 400
        assert await client.silent()


@pytest.mark.parametrize("kind", WELL_FORMED)
async def test_fields_of_wrong_types(site: HostileSite, kind: str) -> None:
    """Each field in turn left out and of every other type. Whatever is answered, it is an answer."""
    fields = WELL_FORMED[kind]
    async with site.unharmed(errors=[400]), site.client() as client:
        for name in fields:
            left_out = {other: value for other, value in fields.items() if other != name}
            for message in (left_out, *({**fields, name: wrong} for wrong in WRONG)):
                await client.send(kind, **message)
        await client.send("subscribe-request", roomName=ROOM, publisherId=987654)
        answers: set[object] = set()
        while (answer := await client.receive()).get("publisherId") != 987654:
            answers.add(answer.get("code", answer["type"]))
        assert 400 in answers
        assert not answers & {500, 503}, answers


@pytest.mark.parametrize("text", ["", "x", "x.y.z", "." * 1000, "\x00", "e30.e30.", "x" * 10_000])
async def test_tokens_that_are_none(site: HostileSite, text: str) -> None:
    async with site.unharmed(errors=[401]), site.client(authenticated=False) as client:
        await client.send("auth", token=text)
        assert (await client.expect("error"))["code"] == 401
        assert await client.closed_with() == 4401


async def test_unsigned_tokens(site: HostileSite) -> None:
    header, claims, _ = token(1).split(".")
    none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    for text in (f"{header}.{claims}.", f"{none}.{claims}.", f"{header}.{claims}.AAAA"):
        async with site.unharmed(errors=[401]), site.client(authenticated=False) as client:
            await client.send("auth", token=text)
            assert (await client.expect("error"))["code"] == 401
            assert await client.closed_with() == 4401


async def test_a_flood_while_a_call_goes_on(site: HostileSite) -> None:
    async with site.unharmed(errors=[400, 429]), site.client() as client:
        for _ in range(1500):
            await client.socket.send_str("{")
        assert await client.closed_with() == 4429


async def test_dripping(site: HostileSite) -> None:
    """A message byte by byte in as many frames, between those of the witnesses; and a socket that only begins."""
    async with site.unharmed(errors=[400]), site.client() as client:
        text = json.dumps({"type": "no such type", "pad": "x" * 200}).encode()
        host, port = site.gateway.url.removeprefix("http://").split(":")
        half_open = [await asyncio.open_connection(host, int(port)) for _ in range(50)]
        for _, writer in half_open:
            writer.write(b"GET / HTTP/1.1\r\nHost:")
        for index, byte in enumerate(text):
            final = 0x80 if index == len(text) - 1 else 0
            opcode = 0x01 if index == 0 else 0x00
            frame = bytes([final | opcode, 0x81, 0, 0, 0, 0, byte])
            client.socket._writer.transport.write(frame)
            if index % 16 == 0:
                await asyncio.sleep(0)
        assert (await client.expect("error"))["code"] == 400
        for _, writer in half_open:
            writer.close()
