"""Session descriptions that are empty, huge, binary, or broken at one line."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.integration.gateway.client import Client
from tests.support.hostile_peer import HostilePeer
from tests.support.hostile_site import HostileSite, error_of
from tests.support.native_peer import PeerCore, tracks

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = "descriptions"


def offer() -> str:
    """What a peer would offer."""
    return PeerCore(lambda _: None).offer(tracks("audio", "video"))


def not_descriptions() -> Iterator[str]:
    whole = offer()
    yield from ("", " ", "\r\n", "\n" * 4000, "v=0", "v=0\r\n", "v=1\r\n" + whole[5:], "m=" + whole)
    yield "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    yield "\x00" * 1000
    yield secrets.token_bytes(3000).decode("latin-1")
    yield whole.replace("\r\n", "\x00\r\n")
    yield whole + "\ufeff" * 1000
    yield whole + "a=x\r\n" * 5001


async def refused(client: Client, text: str) -> None:
    """An offer is answered by an error about it."""
    await client.send("publish-offer", roomName=ROOM, offer=text)
    assert (await error_of(client, "publish-offer"))["code"] == 400, text[:200]


async def test_what_is_no_description(site: HostileSite) -> None:
    async with site.unharmed(errors=[400]), site.client() as client:
        for text in not_descriptions():
            await refused(client, text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a=x\r\n" * 15_000, id="lines"),
        pytest.param("a=" + "x" * 70_000, id="one line"),
        pytest.param("a=" + "\u00e9" * 33_000, id="bytes, not characters"),
        pytest.param("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 65, id="sections"),
    ],
)
async def test_huge_descriptions(site: HostileSite, text: str) -> None:
    async with site.unharmed(errors=[413]), site.client() as client:
        await client.send("publish-offer", roomName=ROOM, offer=offer() + text)
        assert (await error_of(client, "publish-offer"))["code"] == 413
        assert await client.closed_with() == 1009


async def test_a_description_beyond_the_largest_frame(site: HostileSite) -> None:
    async with site.unharmed(errors=[413]), site.client() as client:
        await client.send("publish-offer", roomName=ROOM, offer=offer() + "a=x\r\n" * 100_000)
        assert (await client.expect("error"))["code"] == 413
        assert await client.closed_with() == 1009


async def test_no_codec_in_common(site: HostileSite) -> None:
    texts = (
        offer().replace("opus/48000/2", "speex/16000").replace("VP8/90000", "theora/90000"),
        re.sub("a=rtpmap.*\r\n", "", offer()),
        offer().replace("m=audio 9", "m=audio 0").replace("m=video 9", "m=video 0"),
        offer().replace("m=audio", "m=text").replace("m=video", "m=message"),
        offer().replace("UDP/TLS/RTP/SAVPF", "TCP/MSRP"),
    )
    async with site.unharmed(errors=[400]), site.client() as client:
        for text in texts:
            await refused(client, text)


def broken(line: str) -> Iterator[str]:
    """A line in all kinds of disrepair."""
    kind, value = line[:2], line[2:]
    name, colon, rest = value.partition(":")
    yield from ("", kind, kind[0], kind[0] + value, value, kind + "\x00" + value, kind + value + "\r", " " + line)
    yield from (line[: len(line) // 2], line + " " + line, f"{line}\r\n{line}")
    yield kind + secrets.token_bytes(40).decode("latin-1").replace("\n", "")
    yield kind + value * 50
    yield re.sub(r"\d+", "99999999999999999999", line)
    yield re.sub(r"\d+", "-1", line)
    yield re.sub(r"\d+", "\u0663", line)  # a digit to str.isdigit, not to us
    yield re.sub(r"\d+", "", line)
    yield line.replace(" ", "")
    yield line.replace(" ", "\t")
    if colon:
        yield from (f"{kind}{name}", f"{kind}{name}:", f"{kind}:{rest}", f"{kind}{name}: {rest}", f"{kind}{rest}")


async def test_every_line_broken_in_turn(site: HostileSite) -> None:
    """Answered or refused, never a failure of the server's own; and what was answered is freed again."""
    lines = offer().splitlines()
    seen: Counter[object] = Counter()
    async with site.unharmed(errors=[400]):
        for index, line in enumerate(lines):
            async with site.client() as client:
                for number, replacement in enumerate(broken(line)):
                    text = "\r\n".join([*lines[:index], replacement, *lines[index + 1 :]]) + "\r\n"
                    await client.send("publish-offer", roomName=f"{ROOM} {number}", offer=text)
                    answer = await client.receive()
                    seen[answer.get("code", answer["type"])] += 1
                    if answer["type"] != "error":
                        await client.send("leave-room", roomName=f"{ROOM} {number}")
                        await client.expect("room-left")
    assert set(seen) == {400, "publish-answer"}, seen
    assert seen[400] > 100


async def test_every_line_of_an_answer_broken_in_turn(site: HostileSite) -> None:
    """The same for a subscriber's answers to offers that stand: a refused one leaves the offer open."""
    assert site.witness is not None
    pair = {"roomName": "quiet", "publisherId": site.witness.user}
    seen: Counter[object] = Counter()
    async with site.unharmed(errors=[400]), HostilePeer() as peer:
        async with site.client() as client:
            await client.send("subscribe-request", **pair)
            lines = peer.core.answer(await site.subscribe_offer(client)).splitlines()
        for index, line in enumerate(lines):
            async with site.client() as client:
                await client.send("subscribe-request", **pair)
                await site.subscribe_offer(client)
                for replacement in broken(line):
                    text = "\r\n".join([*lines[:index], replacement, *lines[index + 1 :]]) + "\r\n"
                    await client.send("subscribe-answer", **pair, answer=text)
                    # What was taken is asked for anew, so that the next answer has an offer to answer.
                    await client.send("restart-ice", **pair)
                    while (answer := await client.receive())["type"] != "subscribe-offer":
                        seen[answer.get("code", answer["type"])] += 1
    assert set(seen) == {400, 409}, seen
    assert seen[400] > 100
