"""RTCP of admitted peers: wrong lengths, and floods of requests."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterator

import pytest

from tests.support.hostile_site import HostileSite

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = "control packets"
KINDS = {
    "SR": (200, 0),
    "RR": (201, 0),
    "SDES": (202, 1),
    "BYE": (203, 1),
    "APP": (204, 0),
    "NACK": (205, 1),
    "transport feedback": (205, 15),
    "PLI": (206, 1),
    "FIR": (206, 4),
    "REMB": (206, 15),
    "XR": (207, 0),
    "unknown": (208, 0),
}
SENDER, MEDIA = 0x01020304, 0x0A0B0C0D


def packet(kind: int, count: int, body: bytes, *, words: int | None = None, first: int = 0x80) -> bytes:
    """One RTCP packet that says it is `words` long (less one), by default what it is."""
    said = len(body) // 4 if words is None else words
    return struct.pack(">BBH", first | count, kind, said & 0xFFFF) + body


def wrong_lengths(kind: int, count: int) -> Iterator[bytes]:
    """Compounds that begin well, go on with packets of one kind whose lengths and counts are wrong."""
    good = packet(201, 0, struct.pack(">I", SENDER))
    body = struct.pack(">II", SENDER, MEDIA) + secrets.token_bytes(24)
    for words in (0, 1, 2, 3, 5, 7, 9, 30, 1000, 0xFFFF):
        yield good + packet(kind, count, body, words=words)
    for size in range(0, 36, 4):
        yield good + packet(kind, count, body[:size])
        yield good + packet(kind, count, body[:size]) + good
    for claimed in (0, 1, 2, 16, 31):
        yield good + packet(kind, claimed, body)
        yield good + packet(kind, claimed, b"\xff" * 32)
    for padding in (0, 1, 4, 29, 32, 33, 255):
        yield good + packet(kind, count, body[:-1] + bytes([padding]), first=0xA0)
    for cut in range(1, 8):
        yield good + packet(kind, count, body)[:-cut]
    for version in (0x00, 0x40, 0xC0):
        yield good + packet(kind, count, body, first=version)


@pytest.mark.parametrize("kind", KINDS)
async def test_compounds_of_wrong_lengths(site: HostileSite, kind: str) -> None:
    async with site.unharmed("rtcp-malformed"), site.publisher(ROOM, "audio", "video") as (client, peer, published):
        for track in published:
            peer.core.send_audio(track)
        compounds = [peer.core.protect_rtcp(each) for each in wrong_lengths(*KINDS[kind])]
        await site.flood(peer.datagram, compounds)
        assert await client.silent()


async def test_replayed_and_forged_control_packets(site: HostileSite) -> None:
    async with (
        site.unharmed("srtp-replay", "srtp-authentication"),
        site.publisher(ROOM, "audio") as (client, peer, _),
    ):
        reports = [peer.core.protect_rtcp(packet(201, 0, struct.pack(">I", SENDER))) for _ in range(100)]
        forged = [each[:8] + bytes([each[8] ^ 1 << number % 8]) + each[9:] for number, each in enumerate(reports)]
        await site.flood(peer.datagram, forged + reports * 3)
        assert await client.silent()


async def test_reports_under_ever_new_ssrcs(site: HostileSite) -> None:
    async with site.unharmed("ssrc-cap"), site.publisher(ROOM, "audio") as (client, peer, _):
        reports = [peer.core.protect_rtcp(packet(201, 0, struct.pack(">I", SENDER + n))) for n in range(600)]
        await site.flood(peer.datagram, reports)
        assert (await site.size()).tables["ssrcs"] <= 300
        assert await client.silent()


async def test_a_subscriber_that_floods_with_requests(site: HostileSite) -> None:
    """PLI, FIR and NACK about a track the witness gets, too: it is delivered no worse, and the publisher left alone."""
    assert site.witness is not None
    asked = site.witness.key_frames_asked
    reasons = ("key-frame-request-limit", "retransmission-gone")
    async with site.unharmed(*reasons), site.subscriber("quiet", site.witness.user) as (client, peer):
        await peer.until(lambda: len(peer.core.sequences) == 2)
        await peer.until(lambda: all(len(numbers) >= 5 for numbers in peer.core.sequences.values()))
        flood = []
        for number in range(400):
            for ssrc, sequences in list(peer.core.sequences.items()):
                head = struct.pack(">II", SENDER, ssrc)
                old = struct.pack(">HH", (sequences[-1] - 20_000 - 17 * number) & 0xFFFF, 0xFFFF)
                new = struct.pack(">HH", (sequences[-1] - number % 8) & 0xFFFF, 0xFFFF)
                flood.append(
                    packet(206, 1, head)
                    + packet(206, 4, head + struct.pack(">II", ssrc, number % 256 << 24))
                    + packet(205, 1, head + old * 16 + new * 16)
                )
        await site.flood(peer.datagram, [peer.core.protect_rtcp(each) for each in flood])
        assert site.witness.key_frames_asked - asked <= 20
        assert await client.silent()
