"""Whatever arrives, an endpoint neither raises nor grows, and never gives keys to a stranger."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rheon_media_node.dtls import Connected, DtlsEndpoint, DtlsIdentity, Role
from rheon_media_node.dtls.endpoint import MAX_OUTGOING
from rheon_media_node.dtls.records import MAX_DATAGRAM
from tests.unit.media_node.dtls.link import pair

ALICE, BOB = DtlsIdentity(), DtlsIdentity()

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def recorded() -> list[bytes]:
    """What a client sends in one handshake."""
    link = pair(ALICE, BOB)
    link.run()
    return link.sent[Role.CLIENT]


RECORDED = recorded()


@SETTINGS
@given(st.lists(st.binary(max_size=1500).map(lambda tail: b"\x16\xfe\xfd" + tail) | st.binary(max_size=200)))
def test_arbitrary_datagrams(datagrams: list[bytes]) -> None:
    server = DtlsEndpoint(BOB, Role.SERVER, [ALICE.fingerprint])
    client = DtlsEndpoint(ALICE, Role.CLIENT, [BOB.fingerprint])
    for datagram in datagrams:
        for endpoint in (server, client):
            endpoint.receive(datagram, 1.0)
            assert len(endpoint.take_datagrams()) <= MAX_OUTGOING
            assert not endpoint.connected


@SETTINGS
@given(st.integers(0, 2**32))
def test_damaged_handshakes(seed: int) -> None:
    """Flights of a live handshake with bytes changed, cut, doubled, lost and mixed with those of another."""
    dice = random.Random(seed)

    def damage(_: int, datagram: bytes) -> list[bytes]:
        match dice.choice(["keep", "keep", "change", "cut", "double", "foreign", "lose"]):
            case "change":
                changed = bytearray(datagram)
                changed[dice.randrange(len(changed))] ^= dice.randrange(1, 256)
                return [bytes(changed)]
            case "cut":
                return [datagram[: dice.randrange(len(datagram))]]
            case "double":
                return [datagram, datagram]
            case "foreign":
                return [dice.choice(RECORDED), datagram]
            case "lose":
                return []
            case _:
                return [datagram]

    link = pair(ALICE, BOB, up=damage, down=damage)
    link.run(until=20.0)
    for sent in link.sent.values():
        assert all(len(datagram) <= MAX_DATAGRAM for datagram in sent)
    keys = {
        role: [event.keys for event in link.events[role] if isinstance(event, Connected)]
        for role in (Role.SERVER, Role.CLIENT)
    }
    if keys[Role.SERVER] and keys[Role.CLIENT]:
        assert keys[Role.SERVER][0].send == keys[Role.CLIENT][0].receive
