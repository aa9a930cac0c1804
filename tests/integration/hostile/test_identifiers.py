"""SSRCs, mids and rids that belong to others, and more of them than anybody needs."""

from __future__ import annotations

import struct

import pytest

from tests.integration.hostile.test_media import rtp
from tests.support.hostile_peer import HostilePeer
from tests.support.hostile_site import HostileSite, error_of
from tests.support.native_peer import tracks

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = "identifiers"
MID, RID = 1, 2


def extensions(**values: str) -> bytes:
    """A one-byte header extension block (RFC 8285 §4.2)."""
    elements = b""
    for name, value in values.items():
        number = MID if name == "mid" else RID
        elements += bytes([number << 4 | len(value) - 1]) + value.encode()
    elements += bytes(-len(elements) % 4)
    return struct.pack(">HH", 0xBEDE, len(elements) // 4) + elements


async def test_a_flood_of_ssrcs_for_one_section(site: HostileSite) -> None:
    async with site.unharmed("ssrc-cap"), site.publisher(ROOM, "audio") as (client, peer, (audio,)):
        block = extensions(mid=audio.mid)
        packets = [rtp(audio, 1, first=0x90, rest=block, ssrc=1 + number) for number in range(600)]
        before = (await site.size()).tables["ssrcs"]
        await site.flood(peer.datagram, [peer.core.protect(each) for each in packets])
        assert (await site.size()).tables["ssrcs"] - before <= 256
        assert await client.silent()


async def test_the_ssrcs_of_another_publisher(site: HostileSite) -> None:
    """Announced and sent by a publisher of the same room, under the same mids."""
    assert site.witness is not None
    witness = site.witness

    def claimed(offer: str) -> str:
        for mine, theirs in zip(ssrcs_in(offer), (track.ssrc for track in witness.tracks), strict=True):
            offer = offer.replace(f"a=ssrc:{mine} ", f"a=ssrc:{theirs} ")
        return offer

    async with site.unharmed(), site.publisher("quiet", "audio", "video", offer=claimed) as (client, peer, published):
        for number in range(200):
            for track, theirs in zip(published, witness.tracks, strict=True):
                packet = rtp(track, number, bytes(50), ssrc=theirs.ssrc)
                peer.datagram(peer.core.protect(packet))
        async with site.subscriber("quiet", client.user_id) as (_, viewer):
            for number in range(200, 400):
                packet = rtp(published[0], number, bytes(50), ssrc=witness.tracks[0].ssrc)
                await site.flood(peer.datagram, [peer.core.protect(packet)])
            await viewer.until(lambda: bool(viewer.core.sequences))
    async with site.unharmed("unknown-ssrc"), site.publisher("quiet", "audio", "audio") as (client, peer, published):
        # Not announced this time; two tracks share the payload type, so that it tells nothing.
        packets = [rtp(published[0], number, ssrc=witness.tracks[0].ssrc) for number in range(200)]
        await site.flood(peer.datagram, [peer.core.protect(each) for each in packets])


def ssrcs_in(offer: str) -> list[str]:
    """SSRCs an offer announces, in order."""
    return list(dict.fromkeys(line[7:].split()[0] for line in offer.splitlines() if line.startswith("a=ssrc:")))


async def test_two_sections_that_announce_the_same_ssrc(site: HostileSite) -> None:
    def doubled(offer: str) -> str:
        first, second = ssrcs_in(offer)
        return offer.replace(f"a=ssrc:{second} ", f"a=ssrc:{first} ")

    async with site.unharmed(errors=[400]), site.client() as client, HostilePeer() as peer:
        offer = doubled(peer.core.offer(tracks("audio", "audio")))
        await client.send("publish-offer", roomName=ROOM, offer=offer)
        assert "used twice" in (await error_of(client, "publish-offer"))["message"]


async def test_the_mid_of_another_section_and_rids_of_nobody(site: HostileSite) -> None:
    def with_rid(offer: str) -> str:
        uri = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
        return offer.replace("a=extmap:1 ", f"a=extmap:{RID} {uri}\r\na=extmap:1 ")

    async with (
        site.unharmed("unknown-ssrc", "unknown-payload-type"),
        site.publisher(ROOM, "audio", "video", offer=with_rid) as (client, peer, (audio, video)),
    ):
        packets = []
        for number in range(100):
            # Video under the audio section's mid, and layers the video section has not.
            packets.append(rtp(video, number, first=0x90, rest=extensions(mid=audio.mid), ssrc=7))
            block = extensions(mid=video.mid, rid=f"r{number}")
            packets.append(rtp(video, number, first=0x90, rest=block, ssrc=1000 + number))
            # The announced SSRC of audio, now saying it were video.
            packets.append(rtp(video, number, first=0x90, rest=extensions(mid=video.mid), ssrc=audio.ssrc))
        await site.flood(peer.datagram, [peer.core.protect(each) for each in packets])
        assert await client.silent()
