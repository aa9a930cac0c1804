"""Opus and VP8 from a publisher to subscribers, through a real engine and real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import pytest
from aiortc.rtp import RtpPacket

from rheon_engine.engine import Engine, Track, Transport
from rheon_engine.types import (
    Encoding,
    EngineStats,
    Event,
    ForwardParameters,
    IceConnected,
    SrtpProfile,
    TrackParameters,
    TrackStarted,
)
from tests.support.engine_peer import OpusSource, Peer, Vp8Source, close_peers, eventually

AUDIO = TrackParameters(
    kind="audio",
    mid="0",
    codec="opus",
    payload_type=111,
    clock_rate=48000,
    encodings=(Encoding(ssrc=1001),),
    cname="publisher",
)
VIDEO = TrackParameters(
    kind="video",
    mid="1",
    codec="VP8",
    payload_type=96,
    clock_rate=90000,
    encodings=(Encoding(ssrc=2001),),
    cname="publisher",
    nack=True,
    pli=True,
)
AUDIO_PACKETS = 12
FRAMES = 6
FRAME_PACKETS = 8


@pytest.fixture(autouse=True)
async def _peers() -> AsyncIterator[None]:
    yield
    close_peers()


@dataclass
class Subscription:
    peer: Peer
    transport: Transport
    audio: int
    video: int


@asynccontextmanager
async def publishing(
    engine: Engine, *, worker: int = 0, profile: SrtpProfile = "AEAD_AES_128_GCM"
) -> AsyncIterator[tuple[Peer, Transport, Track, Track]]:
    peer, transport = await Peer.join(engine, worker=worker, profile=profile)
    yield peer, transport, transport.add_track(AUDIO), transport.add_track(VIDEO)
    peer.close()


async def subscribe(
    engine: Engine, number: int, audio: Track, video: Track, *, worker: int = 0, profile: SrtpProfile
) -> Subscription:
    peer, transport = await Peer.join(engine, worker=worker, profile=profile)
    ssrcs = 10_000 + number, 20_000 + number
    transport.add_forward(audio, ForwardParameters(mid="0", ssrc=ssrcs[0], payload_type=109))
    transport.add_forward(video, ForwardParameters(mid="1", ssrc=ssrcs[1], payload_type=120, nack=True))
    return Subscription(peer, transport, *ssrcs)


async def publish(peer: Peer, sources: tuple[OpusSource, Vp8Source] | None = None) -> None:
    """Send audio and video, paced so that no socket buffer overflows."""
    opus, vp8 = sources or (OpusSource(1001), Vp8Source(2001))
    for _ in range(FRAMES):
        for packet in vp8.frame(FRAME_PACKETS):
            peer.send_rtp(packet)
        for _ in range(AUDIO_PACKETS // FRAMES):
            peer.send_rtp(opus.packet())
        await asyncio.sleep(0.005)


def assert_whole(subscription: Subscription) -> None:
    """Everything arrived once, in order, under the subscriber's own numbers."""
    audio = subscription.peer.of(subscription.audio)
    assert [packet.payload for packet in audio] == [b"\xfc" + n.to_bytes(4, "big") * 20 for n in range(AUDIO_PACKETS)]
    assert {packet.payload_type for packet in audio} == {109}
    assert_consecutive(audio)
    assert steps([packet.timestamp for packet in audio]) == {960}

    video = subscription.peer.of(subscription.video)
    bodies = [packet.payload[packet.payload.index(f"{n // 8}/{n % 8};".encode()) :] for n, packet in enumerate(video)]
    assert [body.split(b";")[0].decode() for body in bodies] == [
        f"{frame}/{index}" for frame in range(FRAMES) for index in range(FRAME_PACKETS)
    ]
    assert {packet.payload_type for packet in video} == {120}
    assert_consecutive(video)
    assert [packet.marker for packet in video] == ([0] * 7 + [1]) * FRAMES
    assert steps([packet.timestamp for packet in video]) == {0, 3000}


def assert_consecutive(packets: list[RtpPacket]) -> None:
    assert {(b.sequence_number - a.sequence_number) & 0xFFFF for a, b in pairwise(packets)} == {1}


def steps(values: list[int]) -> set[int]:
    return {(b - a) & 0xFFFFFFFF for a, b in pairwise(values)}


async def received(subscription: Subscription) -> None:
    peer = subscription.peer
    await peer.until(
        lambda: (
            len(peer.of(subscription.audio)) >= AUDIO_PACKETS
            and len(peer.of(subscription.video)) >= FRAMES * FRAME_PACKETS
        )
    )


async def empty(engine: Engine) -> bool:
    return {size for worker in (await engine.stats()).workers for size in worker.tables.values()} == {0}


@pytest.mark.parametrize("segmentation", ["auto", "off", "fail"])
async def test_everything_arrives_with_and_without_segmentation_offload(
    segmentation: Literal["auto", "off", "fail"],
) -> None:
    with Engine(bind="127.0.0.1", port=0, segmentation=segmentation) as engine:
        async with publishing(engine) as (publisher, _, audio, video):
            subscriptions = [await subscribe(engine, n, audio, video, profile="AEAD_AES_128_GCM") for n in range(2)]
            await engine.stats()  # commands before it were carried out
            await publish(publisher)
            for subscription in subscriptions:
                await received(subscription)
                assert_whole(subscription)
            stats = await engine.stats()
            for subscription in subscriptions:
                subscription.peer.close()
        assert_counted(stats, segmentation)


def assert_counted(stats: EngineStats, segmentation: str) -> None:
    (worker,) = stats.workers
    assert worker.segmentation_offload == (segmentation != "off")
    media = AUDIO_PACKETS + FRAMES * FRAME_PACKETS
    assert worker.packets_received >= media
    assert worker.packets_sent >= 2 * media
    assert worker.bytes_sent > worker.bytes_received > 1100 * FRAMES * FRAME_PACKETS
    assert worker.send_calls < worker.packets_sent
    assert worker.tables["transports"] == 3
    assert worker.tables["tracks"] == 2
    assert worker.tables["forwards"] == 4
    assert {(layer.ssrc, layer.packets) for layer in stats.layers} == {(1001, 12), (2001, 48)}
    assert sorted(forward.packets for forward in stats.forwards) == [12, 12, 48, 48]
    assert {layer.key_frames for layer in stats.layers if layer.ssrc == 2001} == {1}


@pytest.mark.parametrize("publisher_profile", ["AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES128_CM_SHA1_80"])
async def test_peers_with_different_srtp_profiles_meet(publisher_profile: SrtpProfile) -> None:
    profiles: list[SrtpProfile] = ["AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES128_CM_SHA1_80"]
    with Engine(bind="127.0.0.1", port=0) as engine:
        async with publishing(engine, profile=publisher_profile) as (publisher, _, audio, video):
            subscriptions = [
                await subscribe(engine, n, audio, video, profile=profile) for n, profile in enumerate(profiles)
            ]
            await engine.stats()
            await publish(publisher)
            for subscription in subscriptions:
                await received(subscription)
                assert_whole(subscription)
                subscription.peer.close()


async def test_a_track_reaches_subscribers_on_every_worker_and_leaves_nothing_behind() -> None:
    with Engine(bind="127.0.0.1", port=0, workers=2) as engine:
        async with publishing(engine, worker=0) as (publisher, source, audio, video):
            subscriptions = [
                await subscribe(engine, n, audio, video, worker=n % 2, profile="AEAD_AES_128_GCM") for n in range(4)
            ]
            await engine.stats()
            await engine.stats()  # messages between workers were taken, too
            await publish(publisher)
            for subscription in subscriptions:
                await received(subscription)
                assert_whole(subscription)
            sent = [worker.packets_sent for worker in (await engine.stats()).workers]
            assert all(count >= 2 * (AUDIO_PACKETS + FRAMES * FRAME_PACKETS) for count in sent)
            source.close()
            for subscription in subscriptions:
                subscription.transport.close()
                subscription.peer.close()
        await eventually(lambda: empty(engine))


async def test_events_tell_of_checks_and_first_packets() -> None:
    events: list[Event] = []
    with Engine(bind="127.0.0.1", port=0) as engine:
        async with publishing(engine) as (publisher, transport, audio, video):
            await publish(publisher)
            async with asyncio.timeout(5):
                async for event in engine.events():
                    events.append(event)
                    if len(events) == 3:
                        break
            assert events[0] == IceConnected(transport.id)
            assert {event for event in events[1:] if isinstance(event, TrackStarted)} == {
                TrackStarted(audio.id, 0, 1001),
                TrackStarted(video.id, 0, 2001),
            }
