"""The unchanged SFU client in real pages: everybody sees and hears everybody."""

from __future__ import annotations

import asyncio
import math
import time

import pytest
from playwright.async_api import Browser

from tests.e2e.sfu_page import SfuPage, Snapshot, sfu_page
from tests.support.processes import Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

GATE_INTERVAL = 0.5
"""Seconds: at most one key-frame request per layer reaches a publisher in so long."""


async def snapshots(*pages: SfuPage) -> dict[int, Snapshot]:
    taken = await asyncio.gather(*(page.snapshot() for page in pages))
    return {page.user_id: snapshot for page, snapshot in zip(pages, taken, strict=True)}


def assert_flowed(viewer: int, publisher: int, before: dict[int, Snapshot], after: dict[int, Snapshot]) -> None:
    """At least nine of ten frames sent were decoded, nothing was lost, sound was heard."""
    sent = after[publisher].outbound("video")["framesSent"] - before[publisher].outbound("video")["framesSent"]
    decoded = after[viewer].frames_decoded(publisher) - before[viewer].frames_decoded(publisher)
    assert sent > 0, f"{publisher} sent no frames"
    assert decoded >= 0.9 * sent, f"{viewer} decoded {decoded} of {sent} frames of {publisher}"
    for kind in ("audio", "video"):
        received = after[viewer].inbound(publisher, kind)
        assert received["packetsLost"] == 0, f"{viewer} misses {received['packetsLost']} {kind} packets of {publisher}"
    energy = [each[viewer].inbound(publisher, "audio")["totalAudioEnergy"] for each in (before, after)]
    assert energy[1] > energy[0], f"{viewer} hears nothing of {publisher}"
    video = after[viewer].inbound(publisher, "video")
    assert (video["frameWidth"], video["frameHeight"]) == (320, 180)


async def assert_call(publisher: SfuPage, first: SfuPage, second: SfuPage) -> None:
    """One publisher and two publisher-viewers for ten seconds."""
    await first.until_decoding(publisher.user_id, second.user_id)
    await second.until_decoding(publisher.user_id, first.user_id)
    before = await snapshots(publisher, first, second)
    await asyncio.sleep(10)
    after = await snapshots(publisher, first, second)
    assert_flowed(first.user_id, publisher.user_id, before, after)
    assert_flowed(first.user_id, second.user_id, before, after)
    assert_flowed(second.user_id, publisher.user_id, before, after)
    assert_flowed(second.user_id, first.user_id, before, after)


async def test_one_publisher_and_two_publisher_viewers(browser: Browser, pages_url: str, dev: Service) -> None:
    room = "three of us"
    async with (
        sfu_page(browser, pages_url, dev, 11, room, views=False) as publisher,
        sfu_page(browser, pages_url, dev, 12, room) as first,
        sfu_page(browser, pages_url, dev, 13, room) as second,
    ):
        await assert_call(publisher, first, second)
        assert await first.messages("error") == []


async def test_a_late_joiner_costs_the_publisher_no_more_key_frames_than_the_gate_allows(
    browser: Browser, pages_url: str, dev: Service
) -> None:
    room = "come late"
    async with (
        sfu_page(browser, pages_url, dev, 21, room) as publisher,
        sfu_page(browser, pages_url, dev, 22, room) as early,
    ):
        await early.until_decoding(21)
        await asyncio.sleep(2)
        before = (await publisher.snapshot()).key_frame_requests()
        started = time.monotonic()
        async with sfu_page(browser, pages_url, dev, 23, room) as late:
            await late.until_decoding(21)
            requests = (await publisher.snapshot()).key_frame_requests() - before
            allowed = 1 + math.floor((time.monotonic() - started) / GATE_INTERVAL)
    assert requests <= allowed
