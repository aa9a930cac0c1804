"""Every codec flows from one Chromium through the node into another, and is decoded there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser

from tests.e2e.sfu_page import SfuPage, sfu_page
from tests.support.browser import eventually, open_page
from tests.support.processes import Service, token

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

PREFER = """([kind, mimeType]) => {
  const createOffer = RTCPeerConnection.prototype.createOffer;
  RTCPeerConnection.prototype.createOffer = function (...options) {
    const codecs = RTCRtpReceiver.getCapabilities(kind).codecs;
    const wanted = codecs.filter((codec) => codec.mimeType === mimeType);
    for (const transceiver of this.getTransceivers()) {
      if (transceiver.sender.track?.kind === kind) {
        transceiver.setCodecPreferences([...wanted, ...codecs.filter((codec) => !wanted.includes(codec))]);
      }
    }
    return createOffer.apply(this, options);
  };
}"""


@asynccontextmanager
async def publisher_of(
    browser: Browser, pages_url: str, service: Service, room: str, mime_type: str
) -> AsyncIterator[SfuPage]:
    """Publisher 31, which prefers one codec."""
    async with open_page(browser, f"{pages_url}/pages/index.html") as page:
        await page.evaluate(PREFER, [mime_type.partition("/")[0], mime_type])
        await page.evaluate(
            "async (options) => (await import('/pages/participant.js')).startSfu(options)",
            {"url": service.websocket_url, "token": token(31, "user-31"), "roomName": room, "views": False},
        )
        yield SfuPage(page, 31)


@pytest.mark.parametrize("mime_type", ["video/VP8", "video/VP9", "video/H264", "video/AV1"])
async def test_video_is_decoded(browser: Browser, pages_url: str, dev: Service, mime_type: str) -> None:
    room = f"in {mime_type}"
    async with (
        publisher_of(browser, pages_url, dev, room, mime_type),
        sfu_page(browser, pages_url, dev, 32, room) as early,
    ):
        await early.until_decoding(31)
        # A later viewer needs a key frame of its own.
        async with sfu_page(browser, pages_url, dev, 33, room) as late:
            await late.until_decoding(31)
            for viewer in (early, late):
                before = (await viewer.snapshot()).frames_decoded(31)
                snapshot = await eventually(
                    viewer.snapshot,
                    lambda taken, before=before: taken.frames_decoded(31) > before + 50,  # type: ignore[misc]
                    what="more decoded frames",
                )
                received = snapshot.inbound(31, "video")
                assert received["packetsLost"] == 0
                codec = next(entry for entry in snapshot.received[31] if entry["id"] == received["codecId"])
                assert codec["mimeType"] == mime_type


@pytest.mark.parametrize("mime_type", ["audio/opus", "audio/PCMU", "audio/PCMA"])
async def test_audio_is_heard(browser: Browser, pages_url: str, dev: Service, mime_type: str) -> None:
    room = f"in {mime_type}"
    async with (
        publisher_of(browser, pages_url, dev, room, mime_type),
        sfu_page(browser, pages_url, dev, 32, room) as viewer,
    ):
        await viewer.until_decoding(31)
        snapshot = await eventually(
            viewer.snapshot,
            lambda taken: taken.inbound(31, "audio").get("totalAudioEnergy", 0) > 0,
            what="sound",
        )
        received = snapshot.inbound(31, "audio")
        assert received["packetsLost"] == 0
        codec = next(entry for entry in snapshot.received[31] if entry["id"] == received["codecId"])
        assert codec["mimeType"] == mime_type
