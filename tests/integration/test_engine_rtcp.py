"""Repair, key-frame requests and reports over real sockets, read by aiortc's RTCP classes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import (
    HeaderExtensionsMap,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
)

from rheon_engine.engine import Engine, Track, Transport
from rheon_engine.types import ForwardParameters, HeaderExtension
from tests.integration.test_engine_forwarding import AUDIO, VIDEO
from tests.support.engine_peer import OpusSource, Peer, Vp8Source, close_peers, eventually

TRANSPORT_CC_ID = 3
NTP = 3_900_000_000 << 32
GENERIC_NACK, TRANSPORT_FEEDBACK, PLI = 1, 15, 1


@dataclass
class Call:
    """One publisher, one subscriber."""

    engine: Engine
    publisher: Peer
    source: Transport
    audio: Track
    video: Track
    subscriber: Peer
    opus: OpusSource
    vp8: Vp8Source

    def publish(self, frames: int = 1) -> None:
        for _ in range(frames):
            for packet in self.vp8.frame():
                self.publisher.send_rtp(packet)
            self.publisher.send_rtp(self.opus.packet())


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    with Engine(bind="127.0.0.1", port=0) as engine:
        publisher, source = await Peer.join(engine)
        audio = source.add_track(AUDIO)
        video = source.add_track(
            replace(
                VIDEO,
                rtx_payload_type=97,
                transport_cc=True,
                extensions={HeaderExtension.TRANSPORT_CC: TRANSPORT_CC_ID},
            )
        )
        subscriber, sink = await Peer.join(engine)
        sink.add_forward(audio, ForwardParameters(mid="0", ssrc=10, payload_type=109))
        sink.add_forward(
            video,
            ForwardParameters(mid="1", ssrc=20, payload_type=120, rtx_ssrc=21, rtx_payload_type=121, nack=True),
        )
        await engine.stats()
        yield Call(engine, publisher, source, audio, video, subscriber, OpusSource(1001), Vp8Source(2001))
        close_peers()


async def test_a_lost_packet_is_sent_again_as_rtx(call: Call) -> None:
    call.publish(2)
    await call.subscriber.until(lambda: len(call.subscriber.of(20)) == 16)
    lost = call.subscriber.of(20)[5]
    nack = RtcpRtpfbPacket(fmt=GENERIC_NACK, ssrc=1, media_ssrc=20, lost=[lost.sequence_number])
    call.subscriber.send_rtcp(bytes(nack))
    await call.subscriber.until(lambda: len(call.subscriber.of(21)) == 1)
    (repair,) = call.subscriber.of(21)
    # RFC 4588 §4: the original sequence number, then the original payload.
    assert repair.payload == lost.sequence_number.to_bytes(2, "big") + lost.payload
    assert (repair.payload_type, repair.timestamp, repair.marker) == (121, lost.timestamp, lost.marker)


async def test_a_gap_is_asked_for_at_the_publisher(call: Call) -> None:
    frame = call.vp8.frame()
    for packet in frame[:3] + frame[4:]:
        call.publisher.send_rtp(packet)

    def asked() -> list[RtcpRtpfbPacket]:
        return [p for p in call.publisher.rtcp if isinstance(p, RtcpRtpfbPacket) and p.fmt == GENERIC_NACK]

    await call.publisher.until(lambda: bool(asked()))
    assert (asked()[0].media_ssrc, asked()[0].lost) == (2001, [frame[3].sequence_number])
    call.publisher.send_rtp(frame[3])
    await call.subscriber.until(lambda: len(call.subscriber.of(20)) == 8)
    payloads = {packet.sequence_number: packet.payload for packet in call.subscriber.of(20)}
    assert [b"0/%d;" % n in payloads[number] for n, number in enumerate(sorted(payloads))] == [True] * 8


async def test_a_key_frame_request_reaches_the_publisher(call: Call) -> None:
    call.publish(1)
    await call.subscriber.until(lambda: len(call.subscriber.of(20)) == 8)
    # Older than what the ring may serve it from.
    await asyncio.sleep(0.6)
    call.subscriber.send_rtcp(bytes(RtcpPsfbPacket(fmt=PLI, ssrc=1, media_ssrc=20)))

    def asked() -> bool:
        return any(isinstance(p, RtcpPsfbPacket) and p.fmt == PLI and p.media_ssrc == 2001 for p in call.publisher.rtcp)

    await call.publisher.until(asked)


async def test_publishers_get_transport_feedback_and_receiver_reports(call: Call) -> None:
    extensions = HeaderExtensionsMap()
    uri = str(HeaderExtension.TRANSPORT_CC)
    extensions.configure(
        RTCRtpParameters(headerExtensions=[RTCRtpHeaderExtensionParameters(id=TRANSPORT_CC_ID, uri=uri)])
    )
    for number, packet in enumerate(call.vp8.frame()):
        packet.extensions.transport_sequence_number = number
        call.publisher.send(call.publisher.send_session.protect(packet.serialize(extensions)))
    await call.publisher.until(
        lambda: any(isinstance(p, RtcpRtpfbPacket) and p.fmt == TRANSPORT_FEEDBACK for p in call.publisher.rtcp)
    )
    await call.publisher.until(lambda: any(isinstance(p, RtcpRrPacket) for p in call.publisher.rtcp))
    reports = [report for p in call.publisher.rtcp if isinstance(p, RtcpRrPacket) for report in p.reports]
    assert {(report.ssrc, report.packets_lost) for report in reports} == {(2001, 0)}


async def test_subscribers_get_sender_reports_with_the_publishers_name(call: Call) -> None:
    call.publish(1)
    for ssrc in (1001, 2001):
        info = RtcpSenderInfo(ntp_timestamp=NTP, rtp_timestamp=0, packet_count=1, octet_count=1)
        call.publisher.send_rtcp(bytes(RtcpSrPacket(ssrc=ssrc, sender_info=info)))
    call.publish(1)
    await call.subscriber.until(
        lambda: {p.ssrc for p in call.subscriber.rtcp if isinstance(p, RtcpSrPacket)} >= {10, 20}
    )
    names = {
        (chunk.ssrc, dict(chunk.items)[1])
        for p in call.subscriber.rtcp
        if isinstance(p, RtcpSdesPacket)
        for chunk in p.chunks
    }
    reports = {p.ssrc: p.sender_info for p in call.subscriber.rtcp if isinstance(p, RtcpSrPacket)}
    assert len({report.ntp_timestamp - NTP >> 32 for report in reports.values()}) == 1, "one clock for both"
    assert names >= {(10, b"publisher"), (20, b"publisher")}


async def test_receiver_reports_and_losses_are_counted(call: Call) -> None:
    call.publish(1)
    await call.subscriber.until(lambda: len(call.subscriber.of(20)) == 8)
    report = RtcpReceiverInfo(ssrc=20, fraction_lost=64, packets_lost=7, highest_sequence=0, jitter=0, lsr=0, dlsr=0)
    call.subscriber.send_rtcp(bytes(RtcpRrPacket(ssrc=1, reports=[report])))

    async def counted() -> bool:
        return {forward.packets_lost for forward in (await call.engine.stats()).forwards} == {0, 7}

    await eventually(counted)


async def test_the_end_of_a_track_is_told_with_bye(call: Call) -> None:
    call.publish(1)
    await call.subscriber.until(lambda: len(call.subscriber.of(20)) == 8)
    call.video.remove()

    def ended() -> set[int]:
        return {ssrc for p in call.subscriber.rtcp if isinstance(p, RtcpByePacket) for ssrc in p.sources}

    await call.subscriber.until(lambda: 20 in ended())
    assert 10 not in ended()
    call.source.close()
    await call.subscriber.until(lambda: 10 in ended())
