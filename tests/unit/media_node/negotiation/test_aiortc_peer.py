"""aiortc, an implementation of its own, applies our descriptions and answers them."""

import pytest
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from rheon_engine.types import HeaderExtension
from rheon_media_node.negotiation import EVERYTHING, DataChannels, offer_subscription, read_subscription_answer
from rheon_media_node.sdp import Setup
from tests.unit.media_node.negotiation.peer import LOCAL, publish, published, ssrcs


async def test_aiortc_publishes() -> None:
    peer = RTCPeerConnection()
    try:
        peer.addTrack(AudioStreamTrack())
        peer.addTrack(VideoStreamTrack())
        await peer.setLocalDescription(await peer.createOffer())
        negotiation = publish(peer.localDescription.sdp)
        await peer.setRemoteDescription(RTCSessionDescription(negotiation.answer_text, "answer"))
        assert peer.signalingState == "stable"
        assert [transceiver.currentDirection for transceiver in peer.getTransceivers()] == ["sendonly", "sendonly"]
    finally:
        await peer.close()


@pytest.mark.parametrize(
    ("kind", "mime_type"), [("audio", "audio/PCMA"), ("video", "video/H264"), ("video", "video/VP8")]
)
async def test_aiortc_agrees_on_each_of_its_codecs(kind: str, mime_type: str) -> None:
    peer, subscriber = RTCPeerConnection(), RTCPeerConnection()
    try:
        transceiver = peer.addTransceiver(AudioStreamTrack() if kind == "audio" else VideoStreamTrack())
        codecs = RTCRtpSender.getCapabilities(kind).codecs
        transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType in (mime_type, "video/rtx")])
        peer.createDataChannel("x")
        await peer.setLocalDescription(await peer.createOffer())
        negotiation = publish(peer.localDescription.sdp, capabilities=EVERYTHING)
        await peer.setRemoteDescription(RTCSessionDescription(negotiation.answer_text, "answer"))
        (track,) = negotiation.tracks
        assert f"{kind}/{track.parameters.codec}" == mime_type
        assert negotiation.data == DataChannels("1", 5000, 262144)

        offer = offer_subscription([track], LOCAL, ssrcs(), data=True)
        await subscriber.setRemoteDescription(RTCSessionDescription(offer.offer_text, "offer"))
        await subscriber.setLocalDescription(await subscriber.createAnswer())
        result = read_subscription_answer(offer, subscriber.localDescription.sdp)
        assert [accepted.track for accepted in result.accepted] == [track]
        assert result.data == DataChannels("1", 5000, 262144)
    finally:
        await peer.close()
        await subscriber.close()


async def test_aiortc_subscribes_and_loses_a_track() -> None:
    tracks = published("chrome")[:2]
    peer = RTCPeerConnection()

    async def answered(offer: str) -> str:
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        text: str = peer.localDescription.sdp
        return text

    try:
        offer = offer_subscription(tracks, LOCAL, ssrcs())
        first = read_subscription_answer(offer, await answered(offer.offer_text))
        assert [accepted.track for accepted in first.accepted] == list(tracks)
        video = first.accepted[1].forward
        assert (video.rtx_payload_type, video.nack, video.padding) == (97, True, False)
        assert video.extensions == {HeaderExtension.MID: 1, HeaderExtension.ABS_SEND_TIME: 3}
        assert first.remote is not None
        assert first.remote.setup is Setup.ACTIVE

        offer = offer_subscription(tracks[:1], LOCAL, ssrcs(), first.negotiation)
        second = read_subscription_answer(offer, await answered(offer.offer_text))
        assert [accepted.track for accepted in second.accepted] == list(tracks[:1])
        assert second.refused == ()
    finally:
        await peer.close()
