"""Application data through the endpoint: what data channels stand on."""

from __future__ import annotations

from rheon_media_node.dtls import DtlsEndpoint, DtlsIdentity, Role
from rheon_media_node.dtls.endpoint import MAX_APPLICATION_DATA
from rheon_media_node.dtls.records import MAX_DATAGRAM
from tests.unit.media_node.dtls.link import Link, lose, pair

CLIENT, SERVER = DtlsIdentity(), DtlsIdentity()
LARGEST = 1135
"""Bytes of the largest packet data channels send."""


def connected() -> Link:
    link = pair(CLIENT, SERVER)
    link.run()
    return link


def test_records_arrive_whole_and_in_order() -> None:
    link = connected()
    packets = [bytes([number]) * LARGEST for number in range(10)]
    for packet in packets:
        link.server.send(packet)
    link.run()
    assert link.client.take_application_data() == packets
    assert link.client.take_application_data() == []
    assert max(map(len, link.sent[Role.SERVER])) <= MAX_DATAGRAM


def test_what_is_not_taken_is_bounded() -> None:
    link = connected()
    for _ in range(3):
        for _ in range(MAX_APPLICATION_DATA // 2):
            link.client.send(b"x")
        link.run()
    assert len(link.server.take_application_data()) == MAX_APPLICATION_DATA
    assert link.server.dropped == MAX_APPLICATION_DATA // 2


def test_nothing_is_sent_or_taken_before_the_certificate_was_judged() -> None:
    link = Link(DtlsEndpoint(CLIENT, Role.CLIENT, [SERVER.fingerprint]), DtlsEndpoint(SERVER, Role.SERVER)).start()
    link.run(until=5.0)
    assert link.client.connected
    assert not link.server.connected
    link.client.send(b"too early")
    link.server.send(b"to whom?")
    link.run(until=0.1)
    assert link.server.take_application_data() == []
    assert link.client.take_application_data() == []
    link.server.set_remote_fingerprints([CLIENT.fingerprint])
    link.client.send(b"now")
    link.run(until=0.1)
    assert link.server.take_application_data() == [b"now"]


def test_a_lost_final_flight_is_repeated_after_data_was_sent() -> None:
    # The server's second flight is its last: it goes on to send data while the client still waits for the flight.
    identities = DtlsIdentity(), DtlsIdentity()
    whole = pair(*identities)
    whole.run()
    last = len(whole.sent[Role.SERVER]) - 1
    link = pair(*identities, down=lose(last))
    while not link.server.connected:
        link.run(until=0.0)
    link.server.send(b"early data")
    link.run()
    assert link.client.connected
    link.server.send(b"later data")
    link.run()
    assert link.client.take_application_data()[-1] == b"later data"


def test_after_the_end_data_is_dropped() -> None:
    link = connected()
    link.server.close()
    link.server.send(b"x")
    assert link.server.dropped == 1
    link.run()
    assert link.client.take_application_data() == []
    link.client.send(b"y")
    assert link.client.dropped == 1
