"""What ends or is ignored above the packet engine has a counter with the reason."""

from __future__ import annotations

from collections import Counter

from rheon_engine.types import DtlsReceived, IceConnected
from rheon_media_node.control.transport import DTLS_DEADLINE, FIRST_CHECK_DEADLINE
from rheon_media_node.dtls import DtlsIdentity
from tests.support.native_peer import tracks
from tests.unit.media_node.control.node import Node, Peer, participant


def drops(node: Node) -> Counter[str]:
    return node.control.transports.drops


def test_deadlines() -> None:
    node = Node()
    node.watch()
    silent, half = Peer(), Peer()
    node.publish(participant(1), silent, tracks("audio"))
    half.set_remote(node.publish(participant(2), half, tracks("audio")).answer)
    node.happen(IceConnected(node.transport_of(half).id))
    node.clock.advance(max(FIRST_CHECK_DEADLINE, DTLS_DEADLINE))
    assert drops(node) == {"ice-deadline": 1, "dtls-deadline": 1}
    assert len(node.control.transports) == 0


def test_garbage_instead_of_records() -> None:
    node = Node()
    peer = node.live(participant(1), tracks("audio"))
    for datagram in (b"\x16", b"\x16" + bytes(100), b"\x3f" * 1000):
        node.happen(DtlsReceived(node.transport_of(peer).id, datagram))
    assert drops(node) == {"dtls-malformed": 3}
    assert len(node.control.transports) == 1


def test_another_certificate_than_announced() -> None:
    node = Node()
    peer = Peer()
    answer = node.publish(participant(1), peer, tracks("audio")).answer
    peer.identity = DtlsIdentity()
    # The peer has its keys before it hears that the node wants nothing of it.
    node.connect(peer, answer)
    assert peer.closed
    assert drops(node) == {"dtls-fingerprint": 1}
    assert len(node.control.transports) == 0
