"""Simulcast from one Chromium through the node into others: who wants which layer gets it, without a stumble."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser
from rheon.media.v1 import media_pb2

from tests.e2e.node_client import get_room
from tests.e2e.sfu_page import SfuPage, sfu_page
from tests.support.browser import eventually, open_page
from tests.support.processes import Service, token

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

RIDS = ["q", "h", "f"]
WIDTHS = [240, 480, 960]
"""Pixels, by layer."""
LAYERS_WITHIN = 40.0
"""Seconds: the browser adds layers as its bandwidth estimate grows."""
GATE_INTERVAL = 0.5
"""Seconds: at most one key-frame request per layer reaches a publisher in so long."""
LONGEST_FREEZE = 0.5
"""Seconds: a change of layers leaves no gap, the old layer flows until the new one's key frame. The browser calls it
a freeze when a frame comes 150 ms and three frame times late; a busy machine makes one of those."""

SEND_THREE_LAYERS = """() => {
  RTCPeerConnection.prototype.addTrack = function (track, ...streams) {
    const sendEncodings = [
      { rid: "q", scaleResolutionDownBy: 4 },
      { rid: "h", scaleResolutionDownBy: 2 },
      { rid: "f" },
    ];
    const init = track.kind === "video" ? { streams, sendEncodings } : { streams };
    return this.addTransceiver(track, init).sender;
  };
}"""


@asynccontextmanager
async def publisher_of_layers(browser: Browser, pages_url: str, service: Service, room: str) -> AsyncIterator[SfuPage]:
    """Publisher 41: three layers of 960 x 540."""
    async with open_page(browser, f"{pages_url}/pages/index.html") as page:
        await page.evaluate(SEND_THREE_LAYERS)
        await page.evaluate(
            "async (options) => (await import('/pages/participant.js')).startSfu(options)",
            {
                "url": service.websocket_url,
                "token": token(41, "user-41"),
                "roomName": room,
                "views": False,
                "video": {"width": 960, "height": 540, "frameRate": 15},
            },
        )
        yield SfuPage(page, 41)


async def prefer(viewer: SfuPage, room: str, spatial: int) -> None:
    message = {"type": "set-preferred-layer", "roomName": room, "publisherId": 41, "spatial": spatial}
    await viewer.page.evaluate("(message) => window.participant.ws.send(message)", json.dumps(message))


async def video_of(viewer: SfuPage) -> dict[str, Any]:
    return (await viewer.snapshot()).inbound(41, "video")


async def until_width(viewer: SfuPage, width: int, *, within: float = 15.0) -> dict[str, Any]:
    """The receiving statistics once frames of that width come out of the decoder."""

    async def probe() -> dict[str, Any]:
        snapshot = await viewer.snapshot()
        return snapshot.inbound(41, "video") if snapshot.frames_decoded(41) else {}

    return await eventually(
        probe, lambda video: video.get("frameWidth") == width, within=within, what=f"frames {width} wide"
    )


async def key_frame_requests(publisher: SfuPage) -> int:
    """Key-frame requests the publisher was sent, for all layers together."""
    published = (await publisher.snapshot()).published
    return sum(
        entry.get("pliCount", 0) + entry.get("firCount", 0)
        for entry in published
        if entry["type"] == "outbound-rtp" and entry["kind"] == "video"
    )


async def layers_and_forward(service: Service, room: str) -> tuple[list[media_pb2.LayerState], media_pb2.ForwardState]:
    """What the node says of the publisher's video, and of it on its way to the one viewer."""
    state = await get_room(service.grpc_address, room)
    publisher = next(each for each in state.publishers if each.user_id == 41)
    viewing = next(each for each in state.subscriptions if each.publisher_id == 41)
    video = next(track for track in publisher.tracks if track.track.kind == media_pb2.KIND_VIDEO)
    forward = next(each for each in viewing.forwards if each.track_id == video.track.track_id)
    return list(video.layers), forward


async def test_a_viewer_gets_the_layer_it_prefers(browser: Browser, pages_url: str, dev: Service) -> None:
    room = "three layers"
    async with (
        publisher_of_layers(browser, pages_url, dev, room) as publisher,
        sfu_page(browser, pages_url, dev, 42, room) as viewer,
    ):
        await until_width(viewer, WIDTHS[2], within=LAYERS_WITHIN)
        layers, forward = await eventually(
            lambda: layers_and_forward(dev, room),
            lambda state: len(state[0]) == 3 and all(layer.bitrate for layer in state[0]),
            what="three layers with a bitrate",
        )
        assert [layer.rid for layer in layers] == RIDS
        assert len({layer.ssrc for layer in layers}) == 3
        assert all(layer.packets > 0 and layer.key_frames > 0 for layer in layers)
        assert (forward.spatial, forward.layer_reason) == (2, "preferred")

        before, requests, allowed = await video_of(viewer), await key_frame_requests(publisher), 0
        for spatial in (0, 2, 0):
            started = time.monotonic()
            await prefer(viewer, room, spatial)
            shown = await until_width(viewer, WIDTHS[spatial])
            allowed += 1 + math.floor((time.monotonic() - started) / GATE_INTERVAL)
            await eventually(
                lambda: video_of(viewer),
                lambda video, shown=shown: video["framesDecoded"] > shown["framesDecoded"] + 20,  # type: ignore[misc]
                what="frames after the change",
            )
            _, forward = await layers_and_forward(dev, room)
            assert (forward.spatial, forward.layer_reason) == (spatial, "preferred")
        after = await video_of(viewer)
        # What the decoder cannot use makes the browser ask for a key frame: it never had to.
        assert after["pliCount"] == before["pliCount"]
        assert after["totalFreezesDuration"] - before["totalFreezesDuration"] <= LONGEST_FREEZE
        assert after["packetsLost"] == 0
        assert await key_frame_requests(publisher) - requests <= allowed


async def test_viewers_get_different_layers_and_share_key_frames(
    browser: Browser, pages_url: str, dev: Service
) -> None:
    room = "three layers for two"
    async with (
        publisher_of_layers(browser, pages_url, dev, room) as publisher,
        sfu_page(browser, pages_url, dev, 42, room) as first,
        sfu_page(browser, pages_url, dev, 43, room) as second,
    ):
        await until_width(first, WIDTHS[2], within=LAYERS_WITHIN)
        await prefer(first, room, 0)
        await until_width(first, WIDTHS[0])
        await until_width(second, WIDTHS[2])
        await prefer(first, room, 2)
        await until_width(first, WIDTHS[2])

        requests, started = await key_frame_requests(publisher), time.monotonic()
        await asyncio.gather(prefer(first, room, 1), prefer(second, room, 1))
        await asyncio.gather(until_width(first, WIDTHS[1]), until_width(second, WIDTHS[1]))
        allowed = 1 + math.floor((time.monotonic() - started) / GATE_INTERVAL)
        assert await key_frame_requests(publisher) - requests <= allowed
