"""UDP from strangers, and ICE checks that prove nothing."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
from aioice import stun

from tests.support.hostile_peer import HostilePeer, garbage
from tests.support.hostile_site import HostileSite

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = "datagrams"


async def test_garbage_from_a_stranger(site: HostileSite) -> None:
    reasons = ("too-short", "too-long", "unknown-protocol", "unknown-tuple", "stun-malformed")
    async with site.unharmed(*reasons), site.stranger() as stranger:
        await site.flood(stranger.datagram, garbage())
        assert stranger.answers == []


async def test_garbage_from_the_address_of_an_admitted_peer(site: HostileSite) -> None:
    reasons = ("too-short", "too-long", "unknown-protocol", "stun-malformed", "srtp-authentication", "rtp-malformed")
    async with site.unharmed(*reasons), site.publisher(ROOM, "audio", "video") as (client, peer, _):
        # Records of DTLS are another matter: an alert in the clear would be an attack of its own.
        await site.flood(peer.datagram, [each for each in garbage() if not (each and 20 <= each[0] <= 63)])
        assert await client.silent()
        await still_admitted(peer)


async def still_admitted(peer: HostilePeer) -> None:
    """The node answers a peer's checks."""
    answered = peer.core.checks_answered
    peer.core.check()
    await peer.until(lambda: peer.core.checks_answered > answered)


def request(peer: HostilePeer) -> stun.Message:
    """A check with the right user fragments and nothing to prove it."""
    assert peer.core.remote is not None
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{peer.core.remote.ufrag}:{peer.core.ufrag}"
    message.attributes["PRIORITY"] = 0x7E0000FF
    message.attributes["ICE-CONTROLLING"] = 1
    message.attributes["USE-CANDIDATE"] = None
    return message


def with_fingerprint(message: stun.Message) -> bytes:
    message.attributes["FINGERPRINT"] = stun.message_fingerprint(bytes(message))
    return bytes(message)


def authentic(peer: HostilePeer) -> bytes:
    assert peer.core.remote is not None
    message = request(peer)
    message.add_message_integrity(peer.core.remote.password.encode())
    return bytes(message)


def no_integrity(peer: HostilePeer) -> bytes:
    return with_fingerprint(request(peer))


def wrong_key(peer: HostilePeer) -> bytes:
    message = request(peer)
    message.add_message_integrity(b"not the password of this transport")
    return bytes(message)


def wrong_integrity(peer: HostilePeer) -> bytes:
    message = request(peer)
    message.attributes["MESSAGE-INTEGRITY"] = secrets.token_bytes(20)
    return with_fingerprint(message)


def no_fingerprint(peer: HostilePeer) -> bytes:
    """The right integrity over a message without the FINGERPRINT behind it."""
    whole = authentic(peer)[:-8]
    return whole[:2] + (len(whole) - 20).to_bytes(2, "big") + whole[4:]


def wrong_fingerprint(peer: HostilePeer) -> bytes:
    whole = authentic(peer)
    return whole[:-1] + bytes([whole[-1] ^ 1])


def truncated(length: int) -> Callable[[HostilePeer], bytes]:
    """MESSAGE-INTEGRITY that is only so long; the message is well formed otherwise."""

    def make(peer: HostilePeer) -> bytes:
        head = authentic(peer)[: -8 - 24]
        value = secrets.token_bytes(length)
        head += b"\x00\x08" + length.to_bytes(2, "big") + value + bytes(-length % 4)
        head = head[:2] + (len(head) - 20 + 8).to_bytes(2, "big") + head[4:]
        return head + b"\x80\x28\x00\x04" + (zlib.crc32(head) ^ 0x5354554E).to_bytes(4, "big")

    return make


def cut_short(peer: HostilePeer) -> bytes:
    return authentic(peer)[:-12]


def tampered(peer: HostilePeer) -> bytes:
    """The priority changed after signing, the fingerprint made anew."""
    whole = bytearray(authentic(peer)[:-8])
    at = whole.index(b"\x7e\x00\x00\xff")
    whole[at + 3] ^= 1
    return bytes(whole) + b"\x80\x28\x00\x04" + (zlib.crc32(whole) ^ 0x5354554E).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("reason", "make"),
    [
        pytest.param("stun-integrity", no_integrity, id="no integrity"),
        pytest.param("stun-integrity", wrong_key, id="wrong key"),
        pytest.param("stun-integrity", wrong_integrity, id="random integrity"),
        pytest.param("stun-integrity", tampered, id="tampered with"),
        pytest.param("stun-integrity", truncated(16), id="truncated integrity"),
        pytest.param("stun-integrity", truncated(0), id="empty integrity"),
        pytest.param("stun-malformed", no_fingerprint, id="no fingerprint"),
        pytest.param("stun-malformed", wrong_fingerprint, id="wrong fingerprint"),
        pytest.param("stun-malformed", cut_short, id="cut short"),
    ],
)
async def test_checks_that_prove_nothing(site: HostileSite, reason: str, make: Callable[[HostilePeer], bytes]) -> None:
    async with site.unharmed(reason), site.publisher(ROOM, "audio") as (_, peer, _), site.stranger() as stranger:
        before = (await site.size()).tables
        await site.flood(stranger.datagram, [make(peer) for _ in range(50)])
        await site.flood(peer.datagram, [make(peer) for _ in range(50)])
        assert stranger.answers == []
        assert (await site.size()).tables == before
        await still_admitted(peer)


async def test_checks_from_more_addresses_than_a_peer_has(site: HostileSite) -> None:
    async with site.unharmed("tuple-cap"), site.publisher(ROOM, "audio") as (_, peer, _), AsyncExitStack() as stack:
        strangers = [await stack.enter_async_context(site.stranger()) for _ in range(40)]
        for stranger in strangers:
            await site.flood(stranger.datagram, [authentic(peer)])
        await still_admitted(peer)
        assert sum(bool(stranger.answers) for stranger in strangers) == 7


async def test_checks_from_the_address_of_another(site: HostileSite) -> None:
    """An admitted peer that can forge a source address must not take that address' call away."""
    async with site.unharmed("tuple-taken"), site.publisher(ROOM, "audio") as (_, peer, _):
        assert site.witness is not None
        await site.flood(site.witness.publisher.datagram, [authentic(peer) for _ in range(20)])
        await still_admitted(peer)


async def test_checks_for_nobody(site: HostileSite) -> None:
    async with site.unharmed("stun-unknown-ufrag"), site.stranger() as stranger:
        message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        message.attributes["USERNAME"] = "nobody:here"
        message.add_message_integrity(b"a password")
        await site.flood(stranger.datagram, [bytes(message)] * 100)
        assert stranger.answers == []


async def test_dtls_and_media_from_an_address_that_passed_no_check(site: HostileSite) -> None:
    async with (
        site.unharmed("unknown-tuple"),
        site.publisher(ROOM, "audio") as (_, peer, published),
        site.stranger() as stranger,
    ):
        peer.held = []
        peer.core.send_audio(published[0])
        media, peer.held = peer.held, None
        hello = bytes.fromhex("16fefd0000000000000000002f01") + secrets.token_bytes(46)
        await site.flood(stranger.datagram, [hello, *media] * 20)
        assert stranger.answers == []
