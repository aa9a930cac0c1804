"""SRTP that is replayed, forged or cut, and RTP of an admitted peer that is no good RTP."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable

import pytest
from rheon.media.v1 import media_pb2 as pb

from tests.support.hostile_peer import HostilePeer
from tests.support.hostile_site import HostileSite
from tests.support.native_peer import SentTrack

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = "media"
COUNT = 200


def rtp(
    track: SentTrack,
    sequence: int,
    payload: bytes = b"\x78 an Opus packet",
    *,
    first: int = 0x80,
    rest: bytes = b"",
    payload_type: int | None = None,
    ssrc: int | None = None,
) -> bytes:
    """An RTP packet; `rest` is what stands between the fixed header and the payload."""
    kind = track.payload_type if payload_type is None else payload_type
    return struct.pack(">BBHII", first, kind, sequence, 960 * sequence, ssrc or track.ssrc) + rest + payload


def collected(peer: HostilePeer, send: Callable[[], None]) -> list[bytes]:
    """What a peer would send."""
    peer.held = []
    send()
    held, peer.held = peer.held, None
    return held


async def test_replay(site: HostileSite) -> None:
    async with site.unharmed("srtp-replay"), site.publisher(ROOM, "audio", "video") as (client, peer, published):
        audio, _ = published
        packets = [packet for _ in range(COUNT) for packet in collected(peer, lambda: peer.core.send_audio(audio))]
        await site.flood(peer.datagram, packets)
        before = await site.drops()
        for _ in range(3):
            await site.flood(peer.datagram, packets)
        assert (await site.drops())["srtp-replay"] - before["srtp-replay"] == 3 * COUNT
        assert await client.silent()


async def test_packets_under_other_keys(site: HostileSite) -> None:
    """Packets of one peer from the address of another, and from that of the witness."""
    assert site.witness is not None
    witness, (track, _) = site.witness.publisher, site.witness.tracks
    async with (
        site.unharmed("srtp-authentication"),
        site.publisher(ROOM, "audio") as (client, peer, _),
        site.publisher(ROOM, "audio") as (_, other, _),
    ):
        ahead = witness.core.sent(track.ssrc) + 1000
        packets = [peer.core.protect(rtp(track, ahead + number & 0xFFFF)) for number in range(COUNT)]
        await site.flood(other.datagram, packets)
        await site.flood(witness.datagram, packets)
        assert (await client.expect("new-publisher"))["publisherId"]


async def test_forgery(site: HostileSite) -> None:
    async with site.unharmed("srtp-authentication"), site.publisher(ROOM, "audio") as (_, peer, (audio,)):
        forged = []
        for _ in range(COUNT):
            (packet,) = collected(peer, lambda: peer.core.send_audio(audio))
            at = secrets.randbelow(len(packet) - 12) + 12
            forged.append(packet[:at] + bytes([packet[at] ^ 1 << secrets.randbelow(8)]) + packet[at + 1 :])
        before = await site.drops()
        await site.flood(peer.datagram, forged)
        moved = await site.drops() - before
        # A flipped bit may also make the length of the header extension wrong.
        assert moved["srtp-authentication"] + moved["rtp-malformed"] == COUNT


async def test_packets_cut_short(site: HostileSite) -> None:
    async with (
        site.unharmed("too-short", "srtp-authentication", "rtp-malformed"),
        site.publisher(ROOM, "audio") as (_, peer, (audio,)),
    ):
        (packet,) = collected(peer, lambda: peer.core.send_audio(audio))
        control = peer.core.protect_rtcp(struct.pack(">BBHI", 0x80, 201, 1, audio.ssrc))
        await site.flood(peer.datagram, [whole[:length] for whole in (packet, control) for length in range(len(whole))])


def bad_padding(track: SentTrack, number: int) -> bytes:
    """A count of none, of more than there is, and of all the packet with its header."""
    return rtp(track, number, bytes(20) + bytes([(0, 22, 40, 255)[number % 4]]), first=0xA0)


def only_padding(track: SentTrack, number: int) -> bytes:
    return rtp(track, number, bytes(20) + b"\x15", first=0xA0)


def unknown_payload_type(track: SentTrack, number: int) -> bytes:
    known = number % 2 == 0
    return rtp(track, number, payload_type=(track.payload_type + 1) & 0x7F if known else 35 + number % 30)


def unknown_ssrc(track: SentTrack, number: int) -> bytes:
    return rtp(track, number, ssrc=track.ssrc ^ (1 + number), payload_type=50)


def unknown_mid(track: SentTrack, number: int) -> bytes:
    extension = struct.pack(">HH", 0xBEDE, 2) + b"\x14other\0\0"
    return rtp(track, number, first=0x90, rest=extension, ssrc=track.ssrc ^ (1 + number))


@pytest.mark.parametrize(
    ("reason", "make"),
    [
        pytest.param("rtp-malformed", bad_padding, id="padding"),
        pytest.param("padding-only", only_padding, id="nothing but padding"),
        pytest.param("unknown-payload-type", unknown_payload_type, id="payload types"),
        pytest.param("unknown-ssrc", unknown_ssrc, id="SSRCs"),
        pytest.param("unknown-ssrc", unknown_mid, id="mids"),
    ],
)
async def test_authentic_packets_that_are_no_good(
    site: HostileSite, reason: str, make: Callable[[SentTrack, int], bytes]
) -> None:
    async with site.unharmed(reason), site.publisher(ROOM, "audio") as (client, peer, (audio,)):
        peer.core.send_audio(audio)
        await site.flood(peer.datagram, [peer.core.protect(make(audio, 1000 + number)) for number in range(COUNT)])
        assert await client.silent()


async def test_header_lengths_beyond_the_packet(site: HostileSite) -> None:
    """Contributing sources and extensions that would lie behind the end, or in the authentication tag."""
    async with site.unharmed("rtp-malformed", "srtp-authentication"), site.publisher(ROOM, "audio") as (_, peer, made):
        (audio,) = made
        hostile = []
        for number in range(COUNT):
            packet = peer.core.protect(rtp(audio, 1000 + number, bytes(number % 40)))
            hostile.append(bytes([0x80 | number % 16]) + packet[1:])
            words = (number * 331) & 0xFFFF if number % 3 else number % 12
            extension = struct.pack(">HH", (0xBEDE, 0x1000, number)[number % 3], words)
            hostile.append(bytes([0x90]) + packet[1:12] + extension + packet[12:])
        await site.flood(peer.datagram, hostile)


async def test_extension_elements_beyond_their_block(site: HostileSite) -> None:
    """Authentic packets whose extension block has the length it says, but whose elements do not fit into it: what can
    be read of it counts, and the packets are media like others."""
    async with site.unharmed(), site.publisher(ROOM, "audio") as (client, peer, (audio,)):
        packets = []
        for number in range(COUNT):
            profile = (0xBEDE, 0x1000, 0x100F, secrets.randbits(16))[number % 4]
            words = number % 6
            extension = struct.pack(">HH", profile, words) + secrets.token_bytes(4 * words)
            packets.append(rtp(audio, 1000 + number, first=0x90, rest=extension))
        # Contributing sources as many as may be, in packets long enough for them.
        packets += [rtp(audio, 1300 + n, first=0x80 | n, rest=secrets.token_bytes(4 * n)) for n in range(16)]
        await site.flood(peer.datagram, [peer.core.protect(packet) for packet in packets])
        assert await client.silent()
        room = await site.stub.GetRoom(pb.GetRoomRequest(room=ROOM), timeout=5)
        assert room.publishers[0].tracks[0].layers[0].packets == len(packets)


async def test_payloads_that_are_none_of_their_codec(site: HostileSite) -> None:
    async with site.unharmed("payload-malformed"), site.publisher(ROOM, "audio", "video") as (client, peer, published):
        _, video = published
        payloads = [secrets.token_bytes(number % 9 + 1) for number in range(COUNT)]
        payloads += [bytes([first]) for first in range(256)]
        packets = [rtp(video, 1000 + number, payload) for number, payload in enumerate(payloads)]
        await site.flood(peer.datagram, [peer.core.protect(packet) for packet in packets])
        assert await client.silent()


async def test_a_publisher_that_sends_more_than_it_may(site: HostileSite) -> None:
    async with site.unharmed("policed"), site.publisher(ROOM, "video") as (client, peer, (video,)):
        packets = [peer.core.protect(rtp(video, number, bytes(1300))) for number in range(1500)]
        await site.flood(peer.datagram, packets)
        assert await client.silent()
