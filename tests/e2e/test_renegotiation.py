"""A publisher that changes what it sends on the same connection: subscribers follow."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.e2e.sfu_page import SfuPage, sfu_page
from tests.support.browser import eventually
from tests.support.processes import Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

ROOM = "changing"
PUBLISHER, VIEWER = 91, 92


async def republish(page: SfuPage, change: str) -> None:
    script = "async ([room, change]) => (await import('/pages/participant.js')).republish(room, change)"
    await page.page.evaluate(script, [ROOM, change])


async def frames_decoded(viewer: SfuPage) -> list[int]:
    """Frames decoded of each of the publisher's cameras, in the order of their sections."""
    report = (await viewer.snapshot()).received.get(PUBLISHER, [])
    streams = [entry for entry in report if entry["type"] == "inbound-rtp" and entry["kind"] == "video"]
    return [entry.get("framesDecoded", 0) for entry in sorted(streams, key=lambda entry: int(entry["mid"]))]


async def until_advancing(viewer: SfuPage, *cameras: int) -> None:
    """Wait until new frames of these cameras (by section order) come out of the decoder."""
    before = await frames_decoded(viewer)

    def advanced(now: list[int]) -> bool:
        return all(len(now) > camera and now[camera] > sum(before[camera : camera + 1]) + 5 for camera in cameras)

    await eventually(lambda: frames_decoded(viewer), advanced, what=f"new frames of cameras {cameras} after {before}")


async def test_tracks_are_added_and_removed(browser: Browser, pages_url: str, dev: Service) -> None:
    async with (
        sfu_page(browser, pages_url, dev, PUBLISHER, ROOM, views=False) as publisher,
        sfu_page(browser, pages_url, dev, VIEWER, ROOM) as viewer,
    ):
        await viewer.until_decoding(PUBLISHER)
        await republish(publisher, "add")
        await until_advancing(viewer, 0, 1)
        await republish(publisher, "remove")
        await eventually(lambda: frames_decoded(viewer), lambda cameras: len(cameras) == 1, what="one camera left")
        await until_advancing(viewer, 0)
        assert await publisher.messages("error") == await viewer.messages("error") == []


async def test_an_ice_restart_of_the_publisher_goes_unnoticed(browser: Browser, pages_url: str, dev: Service) -> None:
    async with (
        sfu_page(browser, pages_url, dev, PUBLISHER, ROOM, views=False) as publisher,
        sfu_page(browser, pages_url, dev, VIEWER, ROOM) as viewer,
    ):
        await viewer.until_decoding(PUBLISHER)
        await republish(publisher, "restart")
        await eventually(lambda: publisher.messages("publish-answer"), lambda answers: len(answers) == 2)
        await until_advancing(viewer, 0)
        await until_advancing(viewer, 0)
        assert await viewer.messages("publisher-left") == []
        assert await publisher.messages("error") == await viewer.messages("error") == []
