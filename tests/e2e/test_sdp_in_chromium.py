"""Chromium applies our answers and offers, first ones and renegotiations, and what it answers reads back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from rheon_media_node.negotiation import OfferKind, Refusal, classify_offer, read_description
from rheon_media_node.negotiation.capabilities import SUPPORTED
from rheon_media_node.sdp import Setup
from tests.e2e.sdp_page import RESTARTED, SCRIPT, directions, publish, subscribe, tracks_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with await browser.new_context() as context:
        page = await context.new_page()
        await page.evaluate(SCRIPT)
        yield page


async def test_chromium_publishes_renegotiates_and_restarts_ice(page: Page) -> None:
    await page.evaluate(
        """() => {
          const stream = new MediaStream();
          pc.addTrack(media.audio(), stream);
          pc.addTrack(media.video(), stream);
          pc.createDataChannel('x');
        }"""
    )
    first, directions = await publish(page)
    assert directions == ["sendonly", "sendonly"]
    assert [track.kind for track in first.added] == ["audio", "video"]
    assert first.data is not None

    await page.evaluate("() => pc.addTransceiver(media.video(), { direction: 'sendonly' })")
    more, directions = await publish(page, first)
    assert directions == ["sendonly", "sendonly", "sendonly"]
    assert more.unchanged == first.tracks
    assert len(more.added) == 1

    restarted, _ = await publish(page, more, local=RESTARTED, options={"iceRestart": True})
    assert restarted.ice_restarted
    assert restarted.unchanged == more.tracks

    await page.evaluate("() => pc.removeTrack(pc.getSenders()[1])")
    fewer, directions = await publish(page, restarted, local=RESTARTED)
    assert fewer.removed == (more.tracks[1],)
    assert directions[1] == "inactive"

    await page.evaluate("() => pc.getTransceivers()[2].stop()")
    last, _ = await publish(page, fewer, local=RESTARTED)
    assert [track.kind for track in last.tracks] == ["audio"]
    await page.evaluate("() => pc.addTransceiver(media.video(), { direction: 'sendonly' })")
    recycled, directions = await publish(page, last, local=RESTARTED)
    assert [track.kind for track in recycled.added] == ["video"]
    assert await page.evaluate("() => pc.signalingState") == "stable"


async def test_chromium_whose_simulcast_is_declined_can_renegotiate(page: Page) -> None:
    await page.evaluate(
        """() => pc.addTransceiver(media.video(), {
          direction: 'sendonly',
          sendEncodings: [{ rid: 'q', scaleResolutionDownBy: 4 }, { rid: 'h', scaleResolutionDownBy: 2 }, { rid: 'f' }],
        })"""
    )
    without = replace(SUPPORTED, simulcast=False)
    first, directions = await publish(page, capabilities=without)
    assert directions == ["sendonly"]
    await page.evaluate("() => pc.addTransceiver(media.audio(), { direction: 'sendonly' })")
    more, _ = await publish(page, first, capabilities=without)
    assert more.unchanged == first.tracks
    assert await page.evaluate("() => pc.getSenders()[0].getParameters().encodings.filter((e) => e.active).length") == 1


async def test_a_new_peer_connection_is_told_from_a_renegotiation(page: Page) -> None:
    await page.evaluate("() => pc.addTransceiver('audio', { direction: 'sendonly' })")
    first, _ = await publish(page)
    await page.evaluate(
        """() => {
          pc.close();
          window.pc = new RTCPeerConnection();
          pc.addTransceiver('audio', { direction: 'sendonly' });
        }"""
    )
    offer = read_description(await page.evaluate("() => offer()"))
    assert classify_offer(offer, first) is OfferKind.NEW_CONNECTION


async def test_chromium_subscribes_and_follows_every_change(page: Page) -> None:
    audio, camera, screen = tracks_of("chrome")
    first = await subscribe(page, (audio, camera))
    assert [accepted.track for accepted in first.accepted] == [audio, camera]
    assert all(accepted.forward.padding for accepted in first.accepted)
    assert first.accepted[1].forward.rtx_payload_type == 97
    assert first.accepted[1].forward.nack
    assert first.accepted[1].forward.extensions == first.negotiation.media_slots[1].extensions
    assert first.remote is not None
    assert first.remote.setup is Setup.ACTIVE
    assert await page.evaluate("() => tracks") == [
        ["audio", "pub7-1", ["rheon-7"]],
        ["video", "pub7-2", ["rheon-7"]],
    ]

    without = await subscribe(page, (audio,), first.negotiation)
    assert await directions(page) == [["0", "recvonly"], ["1", "inactive"]]
    assert [accepted.track for accepted in without.accepted] == [audio]

    back = await subscribe(page, (audio, screen), without.negotiation)
    assert await directions(page) == [["0", "recvonly"], ["1", "recvonly"]]
    assert [(accepted.track, accepted.forward.mid) for accepted in back.accepted] == [(audio, "0"), (screen, "1")]
    announced = await page.evaluate("() => tracks.at(-1)")
    assert (announced[0], announced[2]) == ("video", ["rheon-7"])

    swapped = await subscribe(page, (audio, camera), back.negotiation)
    assert await directions(page) == [["0", "recvonly"], ["1", "inactive"], ["2", "recvonly"]]

    restarted = await subscribe(page, (audio, camera), swapped.negotiation, local=RESTARTED)
    assert restarted.remote is not None
    assert swapped.remote is not None
    assert restarted.remote.ice != swapped.remote.ice
    assert restarted.remote.fingerprints == swapped.remote.fingerprints
    assert len(restarted.accepted) == 2


async def test_chromium_refuses_one_section_and_the_next_offers_stand(page: Page) -> None:
    audio, camera, screen = tracks_of("chrome")
    first = await subscribe(page, (audio, camera), unknown_codec="VP8")
    assert [accepted.track for accepted in first.accepted] == [audio]
    assert [(refused.track, refused.reason) for refused in first.refused] == [(camera, Refusal.REJECTED)]
    second = await subscribe(page, (audio, camera), first.negotiation)
    assert [accepted.track for accepted in second.accepted] == [audio]
    assert second.refused == ()
    third = await subscribe(page, (audio, camera, screen), second.negotiation)
    assert [(accepted.track, accepted.forward.mid) for accepted in third.accepted] == [(audio, "0"), (screen, "2")]


async def test_chromium_refuses_everything(page: Page) -> None:
    nothing = await subscribe(page, tracks_of("chrome")[1:], unknown_codec="VP8")
    assert nothing.remote is None
    assert len(nothing.refused) == 2


async def test_chromium_wants_a_track_later(page: Page) -> None:
    audio, camera, _ = tracks_of("chrome")
    first = await subscribe(page, (audio, camera), unwanted=("1",))
    assert [(refused.track, refused.reason) for refused in first.refused] == [(camera, Refusal.INACTIVE)]
    await page.evaluate("() => { pc.getTransceivers()[1].direction = 'recvonly'; }")
    second = await subscribe(page, (audio, camera), first.negotiation)
    assert [accepted.track for accepted in second.accepted] == [audio, camera]


@pytest.mark.parametrize("name", ["aiortc", "firefox", "pion", "safari", "wrtc"])
async def test_chromium_subscribes_to_what_other_clients_publish(page: Page, name: str) -> None:
    tracks = tracks_of(name)
    result = await subscribe(page, tracks)
    assert tuple(accepted.track for accepted in result.accepted) == tracks
