"""Whatever changes during a call, no second of it is lost: tracks, ICE credentials, the clients' addresses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.sfu_page import SfuPage, sfu_page
from tests.support.browser import eventually
from tests.support.processes import Service, free_udp_port, running_dev
from tests.support.udp_proxy import UdpProxy, udp_proxy

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

PUBLISHER, VIEWER = 121, 122
SECOND = 1000.0
"""Of the browser's clock, in milliseconds."""
CHECK_INTERVAL = 2.5
"""Seconds between a browser's ICE checks of a path that works: until the next, an address lost unseen stays lost."""

Frames = dict[str, int]
"""Frames decoded, by mid."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def network() -> AsyncIterator[tuple[Service, UdpProxy]]:
    """A `rheon dev` that browsers reach through a proxy."""
    media_port = free_udp_port()
    with udp_proxy(media_port) as proxy:
        announced = f"127.0.0.1:{proxy.port}"
        async with running_dev(MEDIA_PORT=str(media_port), ANNOUNCED_IPS=announced) as service:
            yield service, proxy


@dataclass(frozen=True, slots=True)
class Call:
    """One publisher, one viewer."""

    publisher: SfuPage
    viewer: SfuPage
    room: str

    async def publisher_does(self, function: str, *arguments: Any) -> Any:
        return await _run(self.publisher, function, arguments)

    async def viewer_does(self, function: str, *arguments: Any) -> Any:
        return await _run(self.viewer, function, arguments)

    async def frames(self) -> Frames:
        """Frames decoded so far of every camera the viewer has."""
        report = (await self.viewer.snapshot()).received.get(PUBLISHER, [])
        streams = [entry for entry in report if entry["type"] == "inbound-rtp" and entry["kind"] == "video"]
        return {entry["mid"]: entry.get("framesDecoded", 0) for entry in streams}

    async def until_advancing(self, cameras: int, frames: int = 10) -> Frames:
        """Wait until the viewer decodes so many cameras, and so many new frames of each."""
        before = await self.frames()

        def advanced(now: Frames) -> bool:
            live = [mid for mid, count in now.items() if count >= before.get(mid, 0) + frames]
            return len(live) == cameras

        return await eventually(
            self.frames, advanced, within=30, what=f"{frames} new frames of {cameras} cameras after {before}"
        )

    async def offers(self) -> int:
        return len(await self.viewer.messages("subscribe-offer"))


async def _run(page: SfuPage, function: str, arguments: tuple[Any, ...]) -> Any:
    script = "async ([name, values]) => (await import('/pages/trouble.js'))[name](...values)"
    return await page.page.evaluate(script, [function, arguments])


@asynccontextmanager
async def call(browser: Browser, pages_url: str, service: Service, room: str) -> AsyncIterator[Call]:
    """A call in which frames flow; nobody is told of an error, and nobody seems to leave."""
    async with (
        sfu_page(browser, pages_url, service, PUBLISHER, room, views=False) as publisher,
        sfu_page(browser, pages_url, service, VIEWER, room) as viewer,
    ):
        await viewer.until_decoding(PUBLISHER)
        yield Call(publisher, viewer, room)
        assert await publisher.messages("error") == await viewer.messages("error") == []
        assert await viewer.messages("publisher-left") == []


def pauses(samples: list[dict[str, Any]]) -> list[float]:
    """Milliseconds between samples in which the number of frames grew."""
    grew = [
        after["at"]
        for before, after in pairwise(samples)
        if any(count > before["frames"].get(mid, 0) for mid, count in after["frames"].items())
    ]
    return [after - before for before, after in pairwise([samples[0]["at"], *grew, samples[-1]["at"]])]


async def longest_pauses(subject: Call, change: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Longest time without a frame sent, and without one decoded, from before `change` until a while after it."""
    await asyncio.gather(subject.publisher_does("watchFrames"), subject.viewer_does("watchFrames", PUBLISHER))
    await asyncio.sleep(1)
    await change()
    await asyncio.sleep(2)
    sent, decoded = await asyncio.gather(subject.publisher_does("stopWatching"), subject.viewer_does("stopWatching"))
    longest = max(pauses(sent)), max(pauses(decoded))
    print(f"{subject.room}: longest pause {longest[1]:.0f} ms at the decoder, {longest[0]:.0f} ms at the sender")
    return longest


async def assert_no_second_is_lost(subject: Call, change: Callable[[], Awaitable[object]]) -> None:
    """The viewer decodes in every second. A publisher that a busy machine keeps from sending is no fault."""
    sender, decoder = await longest_pauses(subject, change)
    assert decoder < SECOND + max(0.0, sender - SECOND / 4)


async def test_tracks_come_and_go(browser: Browser, pages_url: str, network: tuple[Service, UdpProxy]) -> None:
    async with call(browser, pages_url, network[0], "tracks") as subject:

        async def change() -> None:
            room = subject.room
            await subject.publisher_does("addCamera", room)
            await subject.until_advancing(2)
            offers = await subject.offers()
            await subject.publisher_does("replaceFirstCamera")
            await subject.until_advancing(2)
            assert await subject.offers() == offers, "another source of the same track is nobody else's business"
            second = max(await subject.frames(), key=int)
            await subject.publisher_does("exchangeFirstCamera", room)
            await eventually(subject.offers, lambda now: now > offers, what="offer of the exchanged cameras")
            now = await subject.until_advancing(2)
            assert second in now
            await subject.publisher_does("removeFirstCamera", room)
            await eventually(subject.frames, lambda now: len(now) == 1, what="one camera left")
            await subject.until_advancing(1)

        await assert_no_second_is_lost(subject, change)


async def test_ice_restarts_on_both_legs(browser: Browser, pages_url: str, network: tuple[Service, UdpProxy]) -> None:
    async with call(browser, pages_url, network[0], "restarts") as subject:
        publish, subscribe = await fragments(subject)

        async def change() -> None:
            await subject.publisher_does("restartPublishing", subject.room)
            await until_renewed(subject, publish, None)
            await subject.until_advancing(1)
            await subject.viewer_does("restartSubscription", subject.room, PUBLISHER)
            await until_renewed(subject, publish, subscribe)
            await subject.until_advancing(1)
            # Both at once.
            again = await fragments(subject)
            await asyncio.gather(
                subject.publisher_does("restartPublishing", subject.room),
                subject.viewer_does("restartSubscription", subject.room, PUBLISHER),
            )
            await until_renewed(subject, *again)
            await subject.until_advancing(1)

        await assert_no_second_is_lost(subject, change)


Fragments = list[str]
"""User fragments of the browser's and of the node's end."""


async def fragments(subject: Call) -> tuple[Fragments, Fragments]:
    """Of the publish leg and of the subscribe leg."""
    return await subject.publisher_does("fragments"), await subject.viewer_does("fragments", PUBLISHER)


async def until_renewed(subject: Call, publish: Fragments, subscribe: Fragments | None) -> None:
    """Wait until both ends of these legs have other credentials."""

    def renewed(now: tuple[Fragments, Fragments]) -> bool:
        before = [*publish, *(subscribe or [])]
        after = [*now[0], *(now[1] if subscribe else [])]
        return all(old != new for old, new in zip(before, after, strict=True))

    await eventually(lambda: fragments(subject), renewed, within=30, what="other ICE credentials")


async def test_clients_change_networks(browser: Browser, pages_url: str, network: tuple[Service, UdpProxy]) -> None:
    service, proxy = network
    async with call(browser, pages_url, service, "networks") as subject:

        async def moves() -> int:
            return proxy.moves

        async def change() -> None:
            for _ in range(2):
                both = proxy.moves + 2
                proxy.rebind_at_check()
                await eventually(moves, lambda now, both=both: now >= both, within=30, what="other addresses")  # type: ignore[misc]
                await subject.until_advancing(1)

        await assert_no_second_is_lost(subject, change)


async def test_an_address_lost_unseen_is_found_again_with_the_next_check(
    browser: Browser, pages_url: str, network: tuple[Service, UdpProxy]
) -> None:
    service, proxy = network
    async with call(browser, pages_url, service, "forgotten") as subject:

        async def change() -> None:
            proxy.rebind()
            await asyncio.sleep(2 * CHECK_INTERVAL)
            await subject.until_advancing(1)

        _, decoder = await longest_pauses(subject, change)
        # Each leg waits for its own check; a frame or two more for what a key frame takes.
        assert decoder < SECOND * (2 * CHECK_INTERVAL + 1)
