"""Handshakes with garbage in them, and certificates that are not the announced ones."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from rheon_media_node.dtls import DtlsIdentity
from tests.integration.hostile.test_datagrams import still_admitted
from tests.support.hostile_peer import HostilePeer
from tests.support.hostile_site import PATIENCE, HostileSite, error_of
from tests.support.native_peer import tracks

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = "dtls"


def no_records() -> Iterator[bytes]:
    """Datagrams with a first byte of DTLS that hold no record."""
    for first in range(20, 64):
        for length in (1, 12, 13, 14, 25, 100, 1400):
            yield bytes([first]) + secrets.token_bytes(length - 1)


def records(epoch: int) -> Iterator[bytes]:
    """Whole records with nonsense in them."""
    for kind in range(20, 26):
        for length in (0, 1, 2, 11, 12, 13, 60, 1000):
            header = bytes([kind, 0xFE, 0xFD]) + epoch.to_bytes(2, "big") + secrets.token_bytes(6)
            yield header + length.to_bytes(2, "big") + secrets.token_bytes(length)
    for message in range(25):
        body = bytes([message]) + secrets.token_bytes(11 + 40)
        yield bytes.fromhex("16fefd") + epoch.to_bytes(2, "big") + bytes(6) + len(body).to_bytes(2, "big") + body


async def hello_of(peer: HostilePeer, answer: str) -> bytes:
    """Pass a check; what the peer would say then, and not say it."""
    held: list[bytes] = []
    peer.held = held
    peer.core.set_remote(answer)
    peer.core.check()
    peer.datagram(held.pop())
    await peer.until(lambda: bool(held))
    return held[0]


async def test_garbage_in_a_handshake(site: HostileSite) -> None:
    """The node starts over a bounded number of times; whether this peer gets anywhere is its own affair."""
    for garbage in (list(no_records()), list(records(0)), list(records(1))):
        async with site.unharmed("dtls-malformed"), site.client() as client, HostilePeer() as peer:
            await client.send("publish-offer", roomName=ROOM, offer=peer.core.offer(tracks("audio")))
            answer = (await client.expect("publish-answer"))["answer"]
            hello = await hello_of(peer, answer)
            await site.flood(peer.datagram, [*garbage[:40], hello, *garbage[40:]])
            broken = [hello[:at] + secrets.token_bytes(4) + hello[at + 4 :] for at in range(0, len(hello) - 4, 4)]
            await site.flood(peer.datagram, broken)
            assert await client.silent()


async def test_garbage_about_a_handshake_does_not_stop_it(site: HostileSite) -> None:
    """What is no record at all is dropped before the handshake sees it."""
    async with site.unharmed("dtls-malformed"), site.client() as client, HostilePeer() as peer:
        await client.send("publish-offer", roomName=ROOM, offer=peer.core.offer(tracks("audio")))
        peer.connect((await client.expect("publish-answer"))["answer"])
        await peer.until(lambda: peer.core.checks_answered > 0)
        await site.flood(peer.datagram, list(no_records()))
        await peer.connected(PATIENCE)


async def test_garbage_after_the_handshake(site: HostileSite) -> None:
    async with site.unharmed("dtls-malformed"), site.publisher(ROOM, "audio") as (client, peer, _):
        await site.flood(peer.datagram, [*no_records(), *records(0), *records(1)])
        assert await client.silent()
        await still_admitted(peer)
        assert not peer.core.closed
        assert (await site.get_node()).publish_transports == 2


def other_fingerprint(offer: str) -> str:
    """The offer with the fingerprint of a certificate nobody shows."""
    lines = [
        f"a=fingerprint:sha-256 {DtlsIdentity().fingerprint.value}" if line.startswith("a=fingerprint") else line
        for line in offer.splitlines()
    ]
    return "\r\n".join(lines) + "\r\n"


async def test_a_certificate_that_was_not_announced(site: HostileSite) -> None:
    async with site.unharmed("dtls-fingerprint"), site.client() as client, HostilePeer() as peer:
        await client.send("publish-offer", roomName=ROOM, offer=other_fingerprint(peer.core.offer(tracks("audio"))))
        peer.connect((await client.expect("publish-answer"))["answer"])
        # To the peer the handshake is complete, and then closed: it gets no key to send with that is of use.
        await peer.until(lambda: peer.core.closed or peer.core.failure is not None)
        assert await client.silent()


async def test_no_fingerprint_and_fingerprints_that_are_none(site: HostileSite) -> None:
    async with site.unharmed(errors=[400]), site.client() as client, HostilePeer() as peer:
        offer = peer.core.offer(tracks("audio"))
        value = peer.core.identity.fingerprint.value
        for replacement in (
            "",
            "a=fingerprint:sha-256",
            "a=fingerprint:sha-256 " + value[:-3],
            "a=fingerprint:sha-256 " + value + ":00",
            "a=fingerprint:sha-1 " + value[:59],
            "a=fingerprint:none 00",
            "a=fingerprint:sha-256 " + "GG:" * 31 + "GG",
        ):
            line = f"a=fingerprint:sha-256 {value}"
            await client.send("publish-offer", roomName=ROOM, offer=offer.replace(line, replacement))
            assert (await error_of(client, "publish-offer"))["code"] == 400, replacement


async def test_a_fingerprint_that_changes(site: HostileSite) -> None:
    """A publisher's is that of a new connection, which then has to show it; a subscriber's is refused."""
    assert site.witness is not None
    async with site.unharmed("dtls-fingerprint"), site.publisher(ROOM, "audio") as (client, peer, published):
        await client.send("publish-offer", roomName=ROOM, offer=other_fingerprint(peer.core.offer(published)))
        answer = (await client.expect("publish-answer"))["answer"]
        await peer.until(lambda: peer.core.closed)
        async with HostilePeer() as again:
            again.core.identity = peer.core.identity
            again.connect(answer)
            await again.until(lambda: again.core.closed or again.core.failure is not None)
    pair = {"roomName": "quiet", "publisherId": site.witness.user}
    async with site.unharmed(errors=[409]), site.subscriber("quiet", site.witness.user) as (client, peer):
        await client.send("restart-ice", **pair)
        offered = await site.subscribe_offer(client)
        await client.send("subscribe-answer", **pair, answer=other_fingerprint(peer.core.answer(offered)))
        assert (await error_of(client, "subscribe-answer"))["code"] == 409
        await still_admitted(peer)
