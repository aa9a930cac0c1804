"""The DTLS endpoint against another one over a link in virtual time."""

from __future__ import annotations

import random

import pytest

from rheon_media_node.dtls import (
    DtlsEndpoint,
    DtlsIdentity,
    Failed,
    FailureReason,
    Fingerprint,
    PeerClosed,
    Role,
)
from rheon_media_node.dtls.endpoint import FIRST_RETRANSMISSION, HANDSHAKE_DEADLINE, MAX_DATAGRAM_IN, MAX_RESTARTS
from rheon_media_node.dtls.records import MAX_DATAGRAM
from tests.unit.media_node.dtls.link import Link, deliver, lose, pair

KEY_LENGTHS = {"AEAD_AES_128_GCM": 28, "AEAD_AES_256_GCM": 44, "AES128_CM_SHA1_80": 30}


@pytest.fixture(scope="module")
def alice() -> DtlsIdentity:
    return DtlsIdentity()


@pytest.fixture(scope="module")
def bob() -> DtlsIdentity:
    return DtlsIdentity()


def handshake_record(content: bytes) -> bytes:
    return bytes([22, 254, 253]) + bytes(8) + len(content).to_bytes(2, "big") + content


def assert_same_keys(link: Link) -> None:
    client, server = link.connected(Role.CLIENT).keys, link.connected(Role.SERVER).keys
    assert client.profile == server.profile
    assert (client.send, client.receive) == (server.receive, server.send)
    assert client.send != client.receive
    assert len(client.send) == len(client.receive) == KEY_LENGTHS[client.profile]


def test_both_sides_get_the_same_keys_and_prefer_aes_128_gcm(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    link = pair(alice, bob)
    link.run()
    assert_same_keys(link)
    assert link.connected(Role.SERVER).keys.profile == "AEAD_AES_128_GCM"
    assert link.client.next_timeout() is None
    assert link.server.next_timeout() is None


@pytest.mark.parametrize("profile", list(KEY_LENGTHS))
def test_every_profile_gives_keys(profile: str, bob: DtlsIdentity) -> None:
    link = pair(DtlsIdentity(srtp_profiles=f"SRTP_{profile}".encode()), bob)
    link.run()
    assert_same_keys(link)
    assert link.connected(Role.CLIENT).keys.profile == profile


def test_datagrams_fit_the_mtu(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    link = pair(alice, bob)
    link.run()
    assert max(len(datagram) for sent in link.sent.values() for datagram in sent) <= MAX_DATAGRAM


@pytest.mark.parametrize("lost", range(4))
def test_a_lost_flight_is_repeated_byte_for_byte(lost: int, alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    role = Role.CLIENT if lost % 2 == 0 else Role.SERVER
    numbers = (lost // 2,)
    link = pair(alice, bob, up=lose(*numbers) if role is Role.CLIENT else deliver,
                down=lose(*numbers) if role is Role.SERVER else deliver)  # fmt: skip
    started = link.now
    link.run()
    assert_same_keys(link)
    assert link.sent[role].count(link.sent[role][lost // 2]) >= 2
    assert link.now - started == pytest.approx(FIRST_RETRANSMISSION)


def test_repetition_intervals_double(alice: DtlsIdentity) -> None:
    client = DtlsEndpoint(alice, Role.CLIENT, [alice.fingerprint])
    client.start(0.0)
    client.take_datagrams()
    times: list[float] = []
    while (at := client.next_timeout()) is not None and at < HANDSHAKE_DEADLINE:
        client.timeout(at)
        assert client.take_datagrams()
        times.append(round(at, 3))
    assert times[:5] == [0.15, 0.45, 1.05, 2.25, 4.65]


@pytest.mark.parametrize("seed", range(20))
def test_handshakes_survive_a_third_of_all_datagrams_lost(seed: int, alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    dice = random.Random(seed)

    def transit(_: int, datagram: bytes) -> list[bytes]:
        fate = dice.random()
        return [] if fate < 0.33 else [datagram, datagram] if fate > 0.9 else [datagram]

    link = pair(alice, bob, up=transit, down=transit)
    link.run()
    assert_same_keys(link)


def test_a_client_hello_in_two_datagrams_is_put_together(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    """Chromium and Firefox send theirs so: one handshake message in two fragments, each a record of its own."""

    def fragment(number: int, datagram: bytes) -> list[bytes]:
        if number != 0:
            return [datagram]
        record, body = datagram[:11], datagram[13:]
        message, payload = body[:12], body[12:]
        halves = []
        # A sequence number the client will not use for its next records, which would be taken for replays.
        for sequence, start, end in ((0, 0, 60), (40, 60, len(payload))):
            part = message[:6] + start.to_bytes(3, "big") + (end - start).to_bytes(3, "big") + payload[start:end]
            halves.append(record[:10] + bytes([sequence]) + len(part).to_bytes(2, "big") + part)
        return halves

    link = pair(alice, bob, up=fragment)
    link.run()
    assert_same_keys(link)


def test_the_wrong_fingerprint_gives_no_keys(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    server = DtlsEndpoint(bob, Role.SERVER, [bob.fingerprint])
    link = Link(DtlsEndpoint(alice, Role.CLIENT, [bob.fingerprint]), server).start()
    link.run()
    assert link.events[Role.SERVER] == [Failed(FailureReason.FINGERPRINT)]
    assert server.ended


def test_a_weak_fingerprint_is_no_fingerprint(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    server = DtlsEndpoint(bob, Role.SERVER, [Fingerprint("sha-1", "AA:BB")])
    link = Link(DtlsEndpoint(alice, Role.CLIENT, [bob.fingerprint]), server).start()
    link.run()
    assert link.events[Role.SERVER] == [Failed(FailureReason.FINGERPRINT)]


def test_fingerprints_are_compared_without_case(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    lower = Fingerprint("SHA-256", alice.fingerprint.value.lower())
    link = Link(DtlsEndpoint(alice, Role.CLIENT, [bob.fingerprint]), DtlsEndpoint(bob, Role.SERVER, [lower])).start()
    link.run()
    assert_same_keys(link)


def test_keys_wait_for_a_fingerprint_that_comes_late(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    server = DtlsEndpoint(bob, Role.SERVER)
    link = Link(DtlsEndpoint(alice, Role.CLIENT, [bob.fingerprint]), server).start()
    link.run(until=1.0)
    assert link.events[Role.SERVER] == []
    assert not server.connected
    server.set_remote_fingerprints([alice.fingerprint])
    link.run()
    assert_same_keys(link)


def test_no_srtp_profile_in_common_fails(bob: DtlsIdentity) -> None:
    other = DtlsIdentity(srtp_profiles=b"SRTP_AES128_CM_SHA1_32")
    link = pair(other, bob)
    link.run()
    assert link.events[Role.SERVER] == [Failed(FailureReason.NO_SRTP_PROFILE)]


def test_silence_ends_at_the_deadline(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    link = pair(alice, bob, up=lambda *_: [])
    started = link.now
    link.run()
    assert link.events[Role.SERVER] == [Failed(FailureReason.DEADLINE)]
    assert link.now - started == pytest.approx(HANDSHAKE_DEADLINE)


def test_garbage_before_the_certificate_does_not_end_the_handshake(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    link = pair(alice, bob)
    dice = random.Random(7)
    for _ in range(200):
        link.server.receive(bytes([dice.randrange(20, 64)]) + dice.randbytes(dice.randrange(0, 300)), link.now)
    for _ in range(MAX_RESTARTS):
        link.server.receive(handshake_record(dice.randbytes(32)), link.now)
    link.run()
    assert_same_keys(link)


def test_restarts_are_bounded(alice: DtlsIdentity) -> None:
    server = DtlsEndpoint(alice, Role.SERVER, [alice.fingerprint])
    for _ in range(MAX_RESTARTS + 1):
        assert not server.ended
        server.receive(handshake_record(b"\xff" * 32), 0.0)
    assert server.take_events() == [Failed(FailureReason.HANDSHAKE)]


def test_an_alert_before_the_certificate_restarts_the_handshake(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    link = pair(alice, bob)
    fatal_alert = bytes([21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 5, 0, 2, 2, 40])
    link.server.receive(fatal_alert, link.now)
    link.run()
    assert_same_keys(link)


def test_garbage_after_the_handshake_is_ignored(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    link = pair(alice, bob)
    link.run()
    dice = random.Random(8)
    for _ in range(200):
        link.server.receive(bytes([dice.randrange(20, 64)]) + dice.randbytes(dice.randrange(12, 300)), link.now)
    assert link.server.connected
    assert link.server.take_events() == []


def test_close_notify_reaches_the_peer(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    link = pair(alice, bob)
    link.run()
    link.client.close()
    link.run()
    assert link.events[Role.SERVER][1:] == [PeerClosed()]
    assert link.events[Role.CLIENT][1:] == []
    assert link.server.ended


def test_an_ended_endpoint_ignores_everything(alice: DtlsIdentity, bob: DtlsIdentity) -> None:
    link = pair(alice, bob)
    link.server.close()
    link.run(until=1.0)
    assert link.events[Role.SERVER] == []
    assert link.server.dropped > 0
    assert link.server.next_timeout() is None


def test_a_long_datagram_is_dropped(alice: DtlsIdentity) -> None:
    server = DtlsEndpoint(alice, Role.SERVER)
    server.receive(b"\x16" + bytes(MAX_DATAGRAM_IN), 0.0)
    server.receive(b"", 0.0)
    server.receive(b"\x80" + bytes(100), 0.0)
    assert server.dropped == 3


def test_what_does_not_begin_with_a_record_is_dropped(alice: DtlsIdentity) -> None:
    server = DtlsEndpoint(alice, Role.SERVER)
    record = bytes.fromhex("16fefd 0000 000000000000 0004 00000000")
    for datagram in (record[:-1], b"\x16\x03\x03" + record[3:], b"\x13" + record[1:], b"\x3f" + record[1:]):
        server.receive(datagram, 0.0)
    assert server.dropped == 4
