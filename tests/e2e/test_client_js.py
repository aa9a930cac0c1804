"""The client library: what it makes of descriptions and statistics, and how it comes back after a loss."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page

from tests.support.browser import eventually, open_page
from tests.support.processes import Service, running_gateway_process, running_media_node_process, token

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def description(*, session: str = "17", version: int = 1, ufrag: str = "aaaa", fingerprint: str = "AB:CD") -> str:
    lines = ("v=0", f"o=- {session} {version} IN IP4 127.0.0.1", "s=-", "t=0 0")
    section = ("m=audio 9 UDP/TLS/RTP/SAVPF 111", f"a=ice-ufrag:{ufrag}", f"a=fingerprint:sha-256 {fingerprint}")
    return "\r\n".join((*lines, *section, ""))


@pytest.mark.parametrize(
    ("now", "is_new"),
    [
        (description(version=2), False),
        (description(version=2, ufrag="bbbb"), False),  # an ICE restart
        (description(session="18", ufrag="bbbb"), True),
        (description(ufrag="bbbb", fingerprint="12:34"), True),
        (description(session="18"), False),
    ],
)
async def test_an_offer_of_another_session_is_told_from_a_renegotiation(
    browser: Browser, pages_url: str, now: str, *, is_new: bool
) -> None:
    script = """async ([before, now]) => {
      const { isNewSession, sessionIdentity } = await import("/rheon/session.js");
      return isNewSession(sessionIdentity(before), sessionIdentity(now));
    }"""
    async with open_page(browser, f"{pages_url}/pages/index.html") as page:
        assert await page.evaluate(script, [description(), now]) is is_new


async def test_rates_come_from_the_difference_of_two_reports(browser: Browser, pages_url: str) -> None:
    def entry(**counters: int) -> dict[str, Any]:
        return {"type": "inbound-rtp", "frameWidth": 320, "frameHeight": 180, **counters}

    reports = [
        entry(bytesReceived=1000, packetsReceived=10, framesDecoded=5, packetsLost=3),
        entry(bytesReceived=26000, packetsReceived=100, framesDecoded=25, packetsLost=13),
        entry(bytesReceived=10, packetsReceived=1, framesDecoded=1, packetsLost=0),  # a new connection
    ]
    script = """async (reports) => {
      const { StatsMeter } = await import("/rheon/stats.js");
      const meter = new StatsMeter();
      return reports.map((entry, second) => meter.update(new Map([["a", entry]]), "inbound", 2000 * second));
    }"""
    async with open_page(browser, f"{pages_url}/pages/index.html") as page:
        first, second, third = await page.evaluate(script, reports)
    assert first["bitrate"] == first["framesPerSecond"] == first["loss"] == 0
    assert second == {
        "width": 320,
        "height": 180,
        "framesPerSecond": 10,
        "bitrate": 100_000,
        "loss": 0.1,
        "roundTripTime": 0,
    }
    assert third["bitrate"] == third["framesPerSecond"] == third["loss"] == 0


@asynccontextmanager
async def in_call(browser: Browser, pages_url: str, service: Service, user_id: int, room: str) -> AsyncIterator[Page]:
    async with open_page(browser, f"{pages_url}/pages/index.html") as page:
        options = {"url": service.url, "token": token(user_id, f"user-{user_id}"), "roomName": room}
        await page.evaluate("async (options) => (await import('/pages/call.js')).join(options)", options)
        yield page


async def until_receiving(page: Page, username: str) -> None:
    async def rate() -> float:
        rates = await page.evaluate("async () => (await import('/pages/call.js')).frameRates()")
        return float(rates.get(username, 0))

    try:
        await eventually(rate, lambda rate: rate > 1, within=40, what=f"video of {username}")
    except AssertionError:
        print(await page.evaluate("async () => (await import('/pages/call.js')).describe()"))
        raise


async def events(page: Page) -> list[str]:
    happened: list[str] = await page.evaluate("() => window.call.events")
    return happened


async def test_a_call_comes_back_after_the_gateway_was_killed(browser: Browser, pages_url: str) -> None:
    room = "phoenix"
    async with running_media_node_process() as node, running_gateway_process(node.grpc_address) as gateway:
        port = str(urlsplit(gateway.url).port)
        async with (
            in_call(browser, pages_url, gateway, 71, room) as ada,
            in_call(browser, pages_url, gateway, 72, room) as grace,
        ):
            await until_receiving(ada, "user-72")
            await until_receiving(grace, "user-71")
            gateway.process.kill()
            await eventually(lambda: events(ada), lambda seen: "client reconnecting" in seen)
            async with running_gateway_process(node.grpc_address, PORT=port):
                await eventually(lambda: events(ada), lambda seen: "client connected" in seen, within=40)
                await until_receiving(ada, "user-72")
                await until_receiving(grace, "user-71")


async def test_a_second_tab_of_the_same_user_takes_the_call_over(
    browser: Browser, pages_url: str, dev: Service
) -> None:
    room = "one of me"
    async with (
        in_call(browser, pages_url, dev, 81, room) as old,
        in_call(browser, pages_url, dev, 82, room) as other,
    ):
        await until_receiving(other, "user-81")
        async with in_call(browser, pages_url, dev, 81, room) as new:
            await eventually(lambda: events(old), lambda seen: "left replaced" in seen or "closed replaced" in seen)
            await until_receiving(other, "user-81")
            await until_receiving(new, "user-82")


async def test_one_publishes_something_else_and_comes_again(browser: Browser, pages_url: str, dev: Service) -> None:
    room = "changed my mind"
    async with (
        in_call(browser, pages_url, dev, 83, room) as ada,
        in_call(browser, pages_url, dev, 84, room) as grace,
    ):
        await until_receiving(grace, "user-83")
        again = "async (constraints) => (await import('/pages/call.js')).publishAgain(constraints)"
        await ada.evaluate(again, {"audio": True})
        tracks = (
            "() => [...window.call.room.participants.values()][0]?.stream.getTracks().map(({ kind }) => kind).sort()"
        )
        await eventually(lambda: grace.evaluate(tracks), lambda kinds: kinds == ["audio"], what="audio alone")
        await ada.evaluate(again, {"audio": True, "video": {"width": 320, "height": 180, "frameRate": 10}})
        await until_receiving(grace, "user-83")

        await ada.evaluate("async () => (await import('/pages/call.js')).comeAgain()")
        await until_receiving(grace, "user-83")
        await until_receiving(ada, "user-84")
        assert [event for event in await events(ada) + await events(grace) if event.startswith("error")] == []


async def test_a_muted_camera_is_not_sent_and_comes_back(browser: Browser, pages_url: str, dev: Service) -> None:
    room = "camera off"

    async def set_muted(page: Page, *, muted: bool) -> None:
        await page.evaluate("(muted) => window.call.room.setMuted('video', muted)", muted)

    async def muted(page: Page) -> dict[str, list[str]]:
        kinds: dict[str, list[str]] = await page.evaluate("async () => (await import('/pages/call.js')).muted()")
        return kinds

    async def frame_rate(page: Page, publisher: int) -> float:
        script = "async (id) => (await window.call.room.stats()).remote.get(id)?.framesPerSecond ?? 0"
        return float(await page.evaluate(script, publisher))

    async with (
        in_call(browser, pages_url, dev, 85, room) as ada,
        in_call(browser, pages_url, dev, 86, room) as grace,
    ):
        await until_receiving(grace, "user-85")
        await set_muted(ada, muted=True)
        await eventually(lambda: muted(grace), lambda kinds: kinds == {"user-85": ["video"]}, what="the mark")
        await eventually(lambda: frame_rate(grace, 85), lambda rate: rate == 0, what="no more frames")
        async with in_call(browser, pages_url, dev, 87, room) as late:
            await eventually(lambda: muted(late), lambda kinds: kinds.get("user-85") == ["video"], what="the mark")
            await until_receiving(late, "user-86")
            assert await frame_rate(late, 85) == 0
            again = "async (constraints) => (await import('/pages/call.js')).publishAgain(constraints)"
            await ada.evaluate(again, {"audio": True, "video": {"width": 320, "height": 180, "frameRate": 10}})
            await until_receiving(ada, "user-86")
            await eventually(lambda: muted(late), lambda kinds: kinds.get("user-85") == ["video"], what="the mark")
            await set_muted(ada, muted=False)
            await until_receiving(late, "user-85")
            await until_receiving(grace, "user-85")
            assert (await muted(grace))["user-85"] == []
        seen = [event for event in await events(grace) if event.startswith("user-85")]
        assert (seen[0], seen[-1]) == ("user-85 mutes video", "user-85 unmutes video")


async def test_everybody_is_received_over_one_connection(browser: Browser, pages_url: str, dev: Service) -> None:
    room = "one wire"

    async def connections(page: Page) -> int:
        return int(await page.evaluate("async () => (await import('/pages/call.js')).connections()"))

    async with (
        in_call(browser, pages_url, dev, 91, room) as ada,
        in_call(browser, pages_url, dev, 92, room) as grace,
        in_call(browser, pages_url, dev, 93, room) as joan,
    ):
        async with in_call(browser, pages_url, dev, 94, room):
            for page in (ada, grace, joan):
                await until_receiving(page, "user-94")
            await until_receiving(ada, "user-92")
            await until_receiving(ada, "user-93")
            assert await connections(ada) == 1
        await eventually(lambda: ada.evaluate("window.call.room.participants.size"), lambda size: size == 2)
        # The next one takes over the sections of the one that left.
        async with in_call(browser, pages_url, dev, 95, room) as again:
            for page in (ada, grace, joan):
                await until_receiving(page, "user-95")
            for username in ("user-91", "user-92", "user-93"):
                await until_receiving(again, username)
            assert await connections(ada) == await connections(again) == 1
            sections = "window.peerConnections.map((pc) => pc.getTransceivers().length)"
            assert max(await ada.evaluate(sections)) == 6
        assert [event for event in await events(ada) + await events(grace) if event.startswith("error")] == []
