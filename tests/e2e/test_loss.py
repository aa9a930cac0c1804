"""One packet in twenty is lost on every leg and in both directions: what is lost is asked for again, and the call goes
on as if nothing had been."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser
from rheon.media.v1 import media_pb2

from tests.e2e.node_client import get_room
from tests.e2e.sfu_page import SfuPage, sfu_page
from tests.support.processes import Service, free_udp_port, running_dev
from tests.support.udp_proxy import Impairment, UdpProxy, udp_proxy

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

ROOM = "bad line"
PUBLISHER, VIEWER = 111, 112
LOSS = 0.05
DELAY = 0.02
"""Seconds each way: a round trip has to be long enough to ask twice within it."""
DURATION = 20.0
SETTLING = 2.0
"""Seconds for round trips to be measured at the beginning, and at the end for frames under way to be decoded."""
REQUESTS_PER_LOSS = 1.35
"""With request and repair each lost in one of twenty cases, 1 / 0.95² = 1.11 requests repair a packet. Asking twice
within a round trip would make at least two."""


@asynccontextmanager
async def behind_a_bad_line() -> AsyncIterator[tuple[Service, UdpProxy]]:
    media_port = free_udp_port()
    with udp_proxy(media_port, Impairment(loss=LOSS, delay=DELAY), seed=3) as proxy:
        announced = f"127.0.0.1:{proxy.port}"
        async with running_dev(MEDIA_PORT=str(media_port), ANNOUNCED_IPS=announced) as service:
            yield service, proxy


def layer_of(room: media_pb2.GetRoomResponse) -> media_pb2.LayerState:
    """The publisher's one layer of video."""
    (publisher,) = (publisher for publisher in room.publishers if publisher.user_id == PUBLISHER)
    (track,) = (track for track in publisher.tracks if track.track.kind == media_pb2.KIND_VIDEO)
    (layer,) = track.layers
    return layer


def forward_of(room: media_pb2.GetRoomResponse, ssrc: int) -> media_pb2.ForwardState:
    """The viewer's forward of video."""
    (subscription,) = (each for each in room.subscriptions if each.subscriber_id == VIEWER)
    (forward,) = (forward for forward in subscription.forwards if forward.ssrc == ssrc)
    return forward


async def sent_and_decoded(publisher: SfuPage, viewer: SfuPage) -> tuple[dict[str, Any], dict[str, Any]]:
    sent, received = await asyncio.gather(publisher.snapshot(), viewer.snapshot())
    return sent.outbound("video"), received.inbound(PUBLISHER, "video")


async def test_lost_packets_are_repaired_on_both_legs(browser: Browser, pages_url: str) -> None:
    async with (
        behind_a_bad_line() as (service, proxy),
        sfu_page(browser, pages_url, service, PUBLISHER, ROOM, views=False) as publisher,
        sfu_page(browser, pages_url, service, VIEWER, ROOM) as viewer,
    ):
        await viewer.until_decoding(PUBLISHER)
        await asyncio.sleep(SETTLING)
        sent_before, received_before = await sent_and_decoded(publisher, viewer)
        await asyncio.sleep(DURATION)
        await publisher.page.evaluate("window.participant.stream.getVideoTracks()[0].stop()")
        await asyncio.sleep(SETTLING)
        sent, received = await sent_and_decoded(publisher, viewer)
        frames_sent = sent["framesSent"] - sent_before["framesSent"]
        frames_decoded = received["framesDecoded"] - received_before["framesDecoded"]
        room = await get_room(service.grpc_address, ROOM)
        layer, forward = layer_of(room), forward_of(room, received["ssrc"])
        up, down = proxy.up.rtp_dropped[layer.ssrc], proxy.down.rtp_dropped[forward.ssrc]
        viewer_asked = await requested(viewer)
        assert await publisher.messages("error") == await viewer.messages("error") == []
    print(
        f"{frames_decoded} of {frames_sent} frames decoded; publish leg: {up} of {layer.packets} packets lost, "
        f"{layer.nacks_sent} asked for, {sent['retransmittedPacketsSent']} sent again, {layer.packets_recovered} "
        f"recovered, {layer.packets_lost} given up; subscribe leg: {down} of {forward.packets} packets lost, "
        f"{forward.nacks_received} asked for, {forward.packets_retransmitted} sent again; viewer {viewer_asked}"
    )
    assert frames_sent > 5 * DURATION
    assert frames_decoded >= 0.97 * frames_sent
    # The proxy did lose video of both legs, and both repaired it.
    assert up > 0
    assert down > 0
    assert sent["retransmittedPacketsSent"] >= layer.packets_recovered >= 0.8 * up
    assert forward.packets_retransmitted >= 0.8 * down
    assert layer.packets_lost <= 0.2 * up
    # Nothing is asked for, or sent, twice within a round trip.
    assert layer.nacks_sent <= REQUESTS_PER_LOSS * up + 3
    assert forward.packets_retransmitted <= REQUESTS_PER_LOSS * down + 3


async def requested(viewer: SfuPage) -> dict[str, Any]:
    """What the viewer did about loss."""
    received = (await viewer.snapshot()).inbound(PUBLISHER, "video")
    names = ("packetsReceived", "packetsLost", "nackCount", "pliCount", "retransmittedPacketsReceived", "freezeCount")
    return {name: received.get(name) for name in names}
