"""Chromium and the node agree on every codec Chromium knows, on layers, redundancy and data channels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from rheon_engine.types import Encoding, HeaderExtension
from rheon_media_node.negotiation import (
    EVERYTHING,
    DataChannels,
    PublishedTrack,
    PublishNegotiation,
    Refusal,
)
from rheon_media_node.negotiation.slots import MAX_SLOTS
from tests.e2e.sdp_page import LOCAL, RESTARTED, SCRIPT, directions, publish, subscribe, tracks_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

LAYERS = "[{ rid: 'q', scaleResolutionDownBy: 4 }, { rid: 'h', scaleResolutionDownBy: 2 }, { rid: 'f' }]"


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with await browser.new_context() as context:
        page = await context.new_page()
        await page.evaluate(SCRIPT)
        yield page


async def capabilities(page: Page, kind: str) -> list[dict[str, Any]]:
    """Chromium's codecs for sending, without those that only belong to others."""
    found: list[dict[str, Any]] = await page.evaluate("(kind) => RTCRtpSender.getCapabilities(kind).codecs", kind)
    auxiliary = {"rtx", "red", "ulpfec", "flexfec-03", "cn", "telephone-event", "g722"}
    return [codec for codec in found if codec["mimeType"].split("/")[1].lower() not in auxiliary]


async def publish_codec(page: Page, kind: str, codec: dict[str, Any]) -> PublishNegotiation:
    """A fresh connection that prefers one codec over all others."""
    await page.evaluate(
        """([kind, codec]) => {
          fresh();
          const transceiver = pc.addTransceiver(media[kind](), { direction: 'sendonly' });
          const same = (other) => other.mimeType === codec.mimeType && other.sdpFmtpLine === codec.sdpFmtpLine;
          const codecs = RTCRtpReceiver.getCapabilities(kind).codecs;
          transceiver.setCodecPreferences([...codecs.filter(same), ...codecs.filter((other) => !same(other))]);
          const extensions = transceiver.getHeaderExtensionsToNegotiate();
          for (const extension of extensions) {
            if (extension.uri.includes('dependency-descriptor')) extension.direction = 'sendrecv';
          }
          transceiver.setHeaderExtensionsToNegotiate(extensions);
        }""",
        [kind, codec],
    )
    negotiation, found = await publish(page, capabilities=EVERYTHING)
    assert found == ["sendonly"]
    return negotiation


async def sent_codec(page: Page) -> str:
    found: str = await page.evaluate("() => pc.getSenders()[0].getParameters().codecs[0].mimeType")
    return found.lower()


@pytest.mark.parametrize("kind", ["audio", "video"])
async def test_every_codec_is_published_and_subscribed(page: Page, kind: str) -> None:
    seen = set()
    for codec in await capabilities(page, kind):
        negotiation = await publish_codec(page, kind, codec)
        (track,) = negotiation.tracks
        name = codec["mimeType"].split("/")[1]
        if track.parameters.codec.lower() != name.lower():
            continue  # a variant that is not forwarded: the next codec was taken
        seen.add(name.lower())
        assert await sent_codec(page) == codec["mimeType"].lower()
        if kind == "video":
            assert track.parameters.rtx_payload_type is not None
            assert track.parameters.nack
            assert track.parameters.pli
        # Chromium asks for no feedback about its 64 kbit/s codecs.
        assert track.parameters.transport_cc is not name.startswith("PCM")
        scalable = name in ("VP9", "AV1")
        assert (HeaderExtension.DEPENDENCY_DESCRIPTOR in track.parameters.extensions) is scalable

        await page.evaluate("() => fresh()")
        result = await subscribe(page, (track,))
        assert [accepted.track for accepted in result.accepted] == [track]
        assert (HeaderExtension.DEPENDENCY_DESCRIPTOR in result.accepted[0].forward.extensions) is scalable
    assert seen >= ({"opus", "pcmu", "pcma"} if kind == "audio" else {"vp8", "vp9", "h264", "av1"})


async def test_variants_of_one_codec_share_a_connection(page: Page) -> None:
    tracks: list[PublishedTrack] = []
    for number, codec in enumerate(await capabilities(page, "video")):
        (track,) = (await publish_codec(page, "video", codec)).tracks
        renamed = replace(track.parameters, cname=f"pub{number}")
        tracks.append(replace(track, track_id=f"pub{number}-1", subscriber_stream_id=f"s{number}", parameters=renamed))
    await page.evaluate("() => fresh()")
    result = await subscribe(page, tuple(tracks))
    assert [accepted.track for accepted in result.accepted] == tracks
    assert [entry[2] for entry in await page.evaluate("() => tracks")] == [[f"s{n}"] for n in range(len(tracks))]


async def test_what_chromium_cannot_decode_is_refused_with_track_and_codec(page: Page) -> None:
    audio, camera, screen = tracks_of("chrome")
    parameters = replace(camera.parameters, codec="H265")
    unknown = replace(
        camera, parameters=parameters, format_parameters="level-id=93;profile-id=2;tier-flag=0;tx-mode=SRST"
    )
    result = await subscribe(page, (audio, unknown, screen))
    assert [accepted.track for accepted in result.accepted] == [audio, screen]
    (refused,) = result.refused
    assert "pub7-2" in refused.explanation
    assert "H265" in refused.explanation


async def test_redundant_audio_stands_beside_opus_in_the_order_chromium_prefers(page: Page) -> None:
    await page.evaluate(
        """() => {
          const transceiver = pc.addTransceiver(media.audio(), { direction: 'sendonly' });
          const codecs = RTCRtpReceiver.getCapabilities('audio').codecs;
          const red = codecs.filter(({ mimeType }) => mimeType === 'audio/red');
          transceiver.setCodecPreferences([...red, ...codecs.filter((codec) => !red.includes(codec))]);
        }"""
    )
    negotiation, _ = await publish(page, capabilities=EVERYTHING)
    (track,) = negotiation.tracks
    assert track.parameters.codec == "opus"
    assert track.parameters.red_payload_type == 63
    assert [payload.name for payload in negotiation.answer.media[0].payloads] == ["red", "opus"]
    assert await sent_codec(page) == "audio/red"

    await page.evaluate("() => fresh()")
    result = await subscribe(page, (track,))
    assert result.accepted[0].forward.red_payload_type == 63


async def active_layers(page: Page) -> list[bool]:
    found: list[bool] = await page.evaluate(
        "() => pc.getSenders()[0].getParameters().encodings.map(({ active }) => active)"
    )
    return found


@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
async def test_simulcast_is_accepted_and_survives_every_renegotiation(page: Page, codec: str) -> None:
    await page.evaluate(
        f"""(codec) => {{
          const transceiver = pc.addTransceiver(media.video(), {{ direction: 'sendonly', sendEncodings: {LAYERS} }});
          const codecs = RTCRtpReceiver.getCapabilities('video').codecs;
          const wanted = codecs.filter(({{ mimeType }}) => mimeType === `video/${{codec}}`);
          transceiver.setCodecPreferences([...wanted, ...codecs.filter((other) => !wanted.includes(other))]);
        }}""",
        codec,
    )
    first, found = await publish(page, capabilities=EVERYTHING)
    assert found == ["sendonly"]
    (track,) = first.tracks
    assert track.parameters.codec == codec
    assert track.parameters.encodings == (Encoding(rid="q"), Encoding(rid="h"), Encoding(rid="f"))
    assert {HeaderExtension.RID, HeaderExtension.REPAIRED_RID} <= track.parameters.extensions.keys()
    assert HeaderExtension.VIDEO_LAYERS_ALLOCATION in track.parameters.extensions
    assert await active_layers(page) == [True, True, True]

    await page.evaluate(
        "() => { pc.addTransceiver(media.audio(), { direction: 'sendonly' }); pc.createDataChannel('x'); }"
    )
    more, _ = await publish(page, first, capabilities=EVERYTHING)
    assert more.unchanged == first.tracks
    assert more.data == DataChannels("2", 5000, 262144)
    restarted, _ = await publish(page, more, local=RESTARTED, options={"iceRestart": True}, capabilities=EVERYTHING)
    assert restarted.ice_restarted
    assert restarted.unchanged == more.tracks
    assert restarted.data == more.data
    assert await active_layers(page) == [True, True, True]

    await page.evaluate("() => { pc.getTransceivers()[0].direction = 'inactive'; }")
    silent, _ = await publish(page, restarted, local=RESTARTED, capabilities=EVERYTHING)
    assert silent.removed == (track,)
    await page.evaluate("() => { pc.getTransceivers()[0].direction = 'sendonly'; }")
    back, _ = await publish(page, silent, local=RESTARTED, capabilities=EVERYTHING)
    assert [added.parameters.encodings for added in back.added] == [track.parameters.encodings]
    assert await active_layers(page) == [True, True, True]


async def test_a_layer_the_page_has_switched_off_stays_off_and_in_the_track(page: Page) -> None:
    await page.evaluate(
        """() => pc.addTransceiver(media.video(), {
          direction: 'sendonly',
          sendEncodings: [{ rid: 'low', scaleResolutionDownBy: 2 }, { rid: 'high', active: false }],
        })"""
    )
    first, _ = await publish(page, capabilities=EVERYTHING)
    assert first.tracks[0].parameters.encodings == (Encoding(rid="low"), Encoding(rid="high"))
    assert await active_layers(page) == [True, False]
    await page.evaluate(
        """async () => {
          const [sender] = pc.getSenders();
          const parameters = sender.getParameters();
          parameters.encodings[1].active = true;
          await sender.setParameters(parameters);
        }"""
    )
    again, _ = await publish(page, first, capabilities=EVERYTHING)
    assert again.unchanged == first.tracks
    assert await active_layers(page) == [True, True]


async def test_layers_of_a_munged_offer_are_known_by_source(page: Page) -> None:
    await page.evaluate(
        """() => {
          pc.addTransceiver(media.video(), { direction: 'sendonly' });
          const munge = (sdp) => {
            const [, media, repair] = sdp.match(/a=ssrc-group:FID (\\d+) (\\d+)/).map(Number);
            const [, cname] = sdp.match(/cname:(\\S+)/);
            const [, msid] = sdp.match(/a=msid:(.*)\\r/);
            const source = (ssrc) => `a=ssrc:${ssrc} cname:${cname}\\r\\na=ssrc:${ssrc} msid:${msid}\\r\\n`;
            const layers = [media, media + 10, media + 20].map((ssrc, at) => [ssrc, at === 0 ? repair : ssrc + 1]);
            const kept = sdp.split('\\r\\n').filter((line) => !/^a=ssrc/.test(line)).join('\\r\\n');
            return kept + `a=ssrc-group:SIM ${layers.map(([ssrc]) => ssrc).join(' ')}\\r\\n`
              + layers.map((pair) => `a=ssrc-group:FID ${pair.join(' ')}\\r\\n${pair.map(source).join('')}`).join('');
          };
          window.offer = async () => {
            const { sdp } = await pc.createOffer();
            await pc.setLocalDescription({ type: 'offer', sdp: sdp.includes('SIM') ? sdp : munge(sdp) });
            return pc.localDescription.sdp;
          };
        }"""
    )
    first, found = await publish(page, capabilities=EVERYTHING)
    assert found == ["sendonly"]
    encodings = first.tracks[0].parameters.encodings
    assert len({encoding.ssrc for encoding in encodings} | {encoding.rtx_ssrc for encoding in encodings}) == 6
    assert len(await active_layers(page)) == 3
    again, _ = await publish(page, first, capabilities=EVERYTHING)
    assert again.unchanged == first.tracks


async def test_data_channels_alone_make_a_connection(page: Page) -> None:
    await page.evaluate("() => { pc.createDataChannel('x'); }")
    first, _ = await publish(page, capabilities=EVERYTHING)
    assert first.tracks == ()
    assert first.data == DataChannels("0", 5000, 262144)
    assert await page.evaluate("() => pc.sctp.maxMessageSize") == 65536
    await page.evaluate("() => { pc.addTransceiver(media.audio(), { direction: 'sendonly' }); }")
    more, found = await publish(page, first, capabilities=EVERYTHING)
    assert found == ["sendonly"]
    assert more.data == first.data
    restarted, _ = await publish(page, more, local=RESTARTED, options={"iceRestart": True}, capabilities=EVERYTHING)
    assert restarted.ice_restarted
    assert restarted.data == first.data


async def test_chromium_is_offered_data_channels_beside_tracks_that_come_and_go(page: Page) -> None:
    audio, camera, screen = tracks_of("chrome")
    alone = await subscribe(page, (), data=True)
    assert alone.data == DataChannels("0", 5000, 65536)  # an answer lists no more than the offer
    assert alone.remote is not None
    more = await subscribe(page, (audio, camera), alone.negotiation, data=True)
    assert [accepted.track for accepted in more.accepted] == [audio, camera]
    assert more.data == alone.data
    assert await directions(page) == [["1", "recvonly"], ["2", "recvonly"]]
    restarted = await subscribe(page, (audio, screen), more.negotiation, local=RESTARTED)
    assert [accepted.forward.mid for accepted in restarted.accepted] == ["1", "3"]
    assert restarted.data == alone.data
    assert [section.kind for section in restarted.negotiation.offer.media] == ["application", "audio", "video", "video"]
    assert await page.evaluate("() => pc.sctp.maxMessageSize") == 65536


async def test_publishers_come_and_go_on_a_shared_connection(page: Page) -> None:
    def of(publisher: int) -> tuple[PublishedTrack, ...]:
        return tuple(
            replace(
                track,
                track_id=f"pub{publisher}-{number}",
                subscriber_stream_id=f"user{publisher}",
                parameters=replace(track.parameters, cname=f"pub{publisher}"),
            )
            for number, track in enumerate(tracks_of("chrome"))
        )

    everyone = [of(number) for number in range(8)]
    result = await subscribe(page, sum(everyone, ()), data=True)
    assert len(result.accepted) == 24
    assert {track.publisher for track in result.negotiation.tracks_by_mid.values()} == {f"pub{n}" for n in range(8)}
    sections = len(result.negotiation.slots)
    for turn in range(8, 12):
        everyone = [*everyone[1:], of(turn)]
        without = await subscribe(page, sum(everyone[:-1], ()), result.negotiation, local=LOCAL)
        result = await subscribe(page, sum(everyone, ()), without.negotiation)
        assert len(result.accepted) == 24
        assert len(result.negotiation.slots) == sections
        assert result.data is not None
        names = {mid: track.publisher for mid, track in result.negotiation.tracks_by_mid.items()}
        assert {accepted.forward.mid: accepted.track.publisher for accepted in result.accepted} == names
    streams = await page.evaluate("() => tracks.slice(-3).map(([, , streams]) => streams)")
    assert streams == [["user11"]] * 3


async def test_the_answer_to_a_full_connection_can_be_read(page: Page) -> None:
    (track,) = (await publish_codec(page, "video", (await capabilities(page, "video"))[-1])).tracks
    many = tuple(replace(track, track_id=f"{'p' * 40}-{number}") for number in range(MAX_SLOTS))
    await page.evaluate("() => fresh()")
    result = await subscribe(page, many, data=True)
    assert len(result.accepted) == MAX_SLOTS - 1
    assert [refused.reason for refused in result.refused] == [Refusal.NO_ROOM]
    assert result.data is not None
