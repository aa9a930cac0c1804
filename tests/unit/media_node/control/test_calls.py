"""Calls through the control: real descriptions, real DTLS, a fake engine."""

from __future__ import annotations

from typing import Any

import pytest

from rheon_engine.types import ConsentLost, DtlsReceived, IceConnected, TransportFailed
from rheon_media_node.control.events import SubscriptionOffered
from rheon_media_node.control.gateways import KEPT_WITHOUT_STREAM
from rheon_media_node.control.transport import DTLS_DEADLINE, FIRST_CHECK_DEADLINE
from rheon_media_node.errors import (
    Overloaded,
    StaleSession,
    SubscriptionNotFound,
    WrongState,
)
from rheon_media_node.negotiation import InvalidDescriptionError, NoCommonCodecError
from rheon_media_node.router.effects import PublisherClosed, PublisherReady, SubscriptionClosed, SubscriptionReady
from rheon_media_node.router.values import CloseReason, ConnectionId, Layers, OfferId, UserId
from tests.support.native_peer import tracks
from tests.unit.media_node.control.node import Node, Peer, drained, participant

ADA = participant(1, gateway="ga")
BOB = participant(2, gateway="gb")
AV = tracks("audio", "video")


@pytest.fixture
def node() -> Node:
    return Node()


def kinds(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


async def test_publish_and_subscribe(node: Node) -> None:
    ga, gb = node.watch("ga"), node.watch("gb")
    publisher = node.live(ADA, AV)
    (ready,) = drained(ga)
    assert isinstance(ready, PublisherReady)
    assert [(track.kind, track.parameters.codec) for track in ready.tracks] == [("audio", "opus"), ("video", "VP8")]
    assert len(node.engine.tracks) == 2

    subscriber = node.watching(BOB, 1)
    assert drained(gb) == [SubscriptionReady(BOB, UserId(1), node.connection(BOB, 1))]
    assert drained(ga) == []
    forwards = list(node.engine.forwards.values())
    assert [forward.track.parameters.mid for forward in forwards] == ["0", "1"]
    assert forwards[1].parameters.payload_type == 96
    transport = node.transport_of(subscriber)
    assert transport.srtp is not None
    assert transport.srtp[0] == "AEAD_AES_128_GCM"
    assert node.transport_of(publisher) is not transport


async def test_keys_are_installed_only_for_the_announced_certificate(node: Node) -> None:
    ga = node.watch("ga")
    honest, impostor = Peer(), Peer()
    published = node.publish(ADA, honest, AV)
    node.connect(impostor, published.answer, expect=True)  # its own side completes: it cannot know
    assert node.engine.transports == {}
    assert drained(ga) == [PublisherClosed(ADA, CloseReason.DTLS_FAILED)]


async def test_dtls_may_overtake_the_answer(node: Node) -> None:
    node.live(ADA, AV)
    gb = node.watch("gb")
    subscriber = Peer()
    offered = node.subscribe(BOB, 1)
    answer = subscriber.answer(offered.offer)
    node.connect(subscriber, offered.offer)
    assert node.transport_of(subscriber).srtp is None
    assert drained(gb) == []
    node.control.answer_subscription(BOB, offered.connection, OfferId(offered.offer_id), answer)
    assert node.transport_of(subscriber).srtp is not None
    assert kinds(drained(gb)) == ["SubscriptionReady"]
    assert len(node.engine.forwards) == 2


async def test_a_renegotiation_is_offered_to_subscribers(node: Node) -> None:
    ga, gb = node.watch("ga"), node.watch("gb")
    three = tracks("audio", "video", "video")
    publisher = node.live(ADA, three[:2])
    subscriber = node.watching(BOB, 1)
    drained(ga)
    drained(gb)
    published = node.publish(ADA, publisher, three)
    assert len(published.tracks) == 3
    assert kinds(drained(ga)) == ["PublisherReady"]
    (offered,) = drained(gb)
    assert isinstance(offered, SubscriptionOffered)
    answer = subscriber.answer(offered.offer)
    refused = node.control.answer_subscription(BOB, offered.connection, offered.offer_id, answer)
    assert refused == ()
    assert len(node.engine.forwards) == 3
    assert len(node.engine.transports) == 2


async def test_a_new_connection_of_the_publisher_keeps_subscribers(node: Node) -> None:
    gb = node.watch("gb")
    first = node.live(ADA, AV)
    subscriber = node.watching(BOB, 1)
    drained(gb)
    old = node.transport_of(first)
    second = node.live(ADA, tracks("audio", "video"))
    assert old.id not in node.engine.transports
    assert len(node.engine.forwards) == 0
    (offered,) = drained(gb)
    assert isinstance(offered, SubscriptionOffered)
    node.answer(BOB, offered, subscriber)
    again = drained(gb)
    while again:  # emptied sections are taken over one offer later
        (offered,) = again
        assert isinstance(offered, SubscriptionOffered)
        node.answer(BOB, offered, subscriber)
        again = drained(gb)
    assert len(node.engine.forwards) == 2
    assert {each.track.transport for each in node.engine.forwards.values()} == {node.transport_of(second).id}


async def test_an_ice_restart_of_the_publisher_gets_new_credentials(node: Node) -> None:
    publisher = node.live(ADA, AV)
    transport = node.transport_of(publisher)
    before = transport.ice
    publisher.ufrag, publisher.password = "restarted", "r" * 24
    published = node.publish(ADA, publisher, AV)
    assert transport.ice != before
    assert f"a=ice-ufrag:{transport.ice.ufrag}" in published.answer
    assert len(node.engine.transports) == 1


async def test_an_ice_restart_of_a_subscription(node: Node) -> None:
    node.live(ADA, AV)
    subscriber = node.watching(BOB, 1)
    transport = node.transport_of(subscriber)
    offered = node.control.restart_subscription_ice(BOB, node.connection(BOB, 1))
    assert f"a=ice-ufrag:{transport.ice.ufrag}" in offered.offer
    subscriber.ufrag, subscriber.password = "restarted", "r" * 24
    node.answer(BOB, offered, subscriber)
    assert len(node.engine.forwards) == 2


async def test_leaving_frees_everything(node: Node) -> None:
    node.watch("ga"), node.watch("gb")
    node.live(ADA, AV)
    node.watching(BOB, 1)
    node.control.unsubscribe(BOB, UserId(1))
    assert len(node.engine.transports) == 1
    node.control.remove_participant(ADA)
    assert (node.engine.transports, node.engine.tracks, node.engine.forwards) == ({}, {}, {})
    assert len(node.control.transports) == 0
    assert node.clock.pending == 0


async def test_a_publisher_that_leaves_says_goodbye_and_ends_subscriptions(node: Node) -> None:
    gb = node.watch("gb")
    publisher = node.live(ADA, AV)
    node.watching(BOB, 1)
    drained(gb)
    connection = node.connection(BOB, 1)
    transport = node.transport_of(publisher)
    arriving: list[bytes] = []
    transport.to_peer = arriving.append
    node.control.unpublish(ADA)
    for datagram in arriving:
        publisher.receive(datagram, node.clock.now)
    assert publisher.closed
    assert drained(gb) == [SubscriptionClosed(BOB, UserId(1), connection, CloseReason.PUBLISHER_LEFT)]
    assert node.engine.transports == {}


async def test_the_peer_closes(node: Node) -> None:
    ga = node.watch("ga")
    publisher = node.live(ADA, AV)
    transport = node.transport_of(publisher)
    drained(ga)
    publisher.close()
    for datagram in publisher.outgoing:
        node.happen(DtlsReceived(transport.id, datagram))
    assert drained(ga) == [PublisherClosed(ADA, CloseReason.PEER_CLOSED)]


async def test_no_first_check_in_time(node: Node) -> None:
    ga = node.watch("ga")
    node.publish(ADA, Peer(), AV)
    node.clock.advance(FIRST_CHECK_DEADLINE - 0.1)
    assert drained(ga) == []
    node.clock.advance(0.1)
    assert drained(ga) == [PublisherClosed(ADA, CloseReason.ICE_FAILED)]
    assert node.engine.transports == {}


async def test_no_dtls_in_time(node: Node) -> None:
    ga = node.watch("ga")
    peer = Peer()
    peer.set_remote(node.publish(ADA, peer, AV).answer)
    node.happen(IceConnected(node.transport_of(peer).id))
    node.clock.advance(DTLS_DEADLINE)
    assert drained(ga) == [PublisherClosed(ADA, CloseReason.DTLS_FAILED)]
    assert node.clock.pending == 0


async def test_lost_consent_and_engine_failures_end_the_transport(node: Node) -> None:
    ga, gb = node.watch("ga"), node.watch("gb")
    publisher = node.live(ADA, AV)
    subscriber = node.watching(BOB, 1)
    drained(ga)
    drained(gb)
    connection = node.connection(BOB, 1)
    node.happen(TransportFailed(node.transport_of(subscriber).id, "panic"))
    assert drained(gb) == [SubscriptionClosed(BOB, UserId(1), connection, CloseReason.INTERNAL)]
    node.happen(ConsentLost(node.transport_of(publisher).id))
    assert drained(ga) == [PublisherClosed(ADA, CloseReason.ICE_FAILED)]
    assert node.engine.transports == {}


async def test_a_lost_server_flight_is_sent_again(node: Node) -> None:
    peer = Peer()
    peer.set_remote(node.publish(ADA, peer, AV).answer)
    transport = node.transport_of(peer)
    node.happen(IceConnected(transport.id))
    peer.start_dtls(node.clock.now)
    node.happen(DtlsReceived(transport.id, peer.outgoing.pop(0)))
    flight = list(transport.sent)
    node.clock.advance(0.2)
    assert transport.sent == flight * 2


async def test_a_passive_peer_is_called(node: Node) -> None:
    peer = Peer()
    offer = peer.offer(AV).replace("a=setup:actpass", "a=setup:passive")
    published = node.control.publish(ADA, offer)
    assert "a=setup:active" in published.answer
    peer.set_remote(published.answer)
    transport = node.transport_of(peer)
    assert transport.sent == []
    node.happen(IceConnected(transport.id))
    assert len(transport.sent) == 1


async def test_refused_commands_leave_nothing(node: Node) -> None:
    with pytest.raises(InvalidDescriptionError):
        node.control.publish(ADA, "v=0\r\n")
    with pytest.raises(NoCommonCodecError):
        node.control.publish(ADA, Peer().offer(AV).replace("opus", "G722").replace("VP8", "VP6"))
    assert node.engine.transports == {}
    node.live(ADA, AV)
    with pytest.raises(SubscriptionNotFound):
        node.control.answer_subscription(BOB, ConnectionId("none"), OfferId(0), "")
    offered = node.subscribe(BOB, 1)
    with pytest.raises(InvalidDescriptionError):
        node.control.answer_subscription(BOB, offered.connection, OfferId(0), "nonsense")
    with pytest.raises(WrongState):
        node.control.answer_subscription(BOB, offered.connection, OfferId(offered.offer_id + 1), "")
    with pytest.raises(StaleSession):
        node.control.unpublish(participant(1, 0, "ga"))


@pytest.mark.parametrize("after", range(3))
async def test_a_busy_engine_fails_the_command_and_frees_what_was_made(node: Node, after: int) -> None:
    ga = node.watch("ga")
    offer = Peer().offer(AV)
    if after == 0:
        node.engine.busy = 1
    else:
        original, count = node.engine.command, iter(range(1, 100))

        def command() -> None:
            node.engine.busy = 1 if next(count) == after + 1 else 0
            original()

        node.engine.command = command  # type: ignore[method-assign]
    with pytest.raises(Overloaded):
        node.control.publish(ADA, offer)
    assert (node.engine.transports, node.engine.tracks) == ({}, {})
    assert len(node.control.transports) == 0
    assert kinds(drained(ga)) == (["PublisherClosed"] if after else [])


async def test_layers_reach_the_forwards(node: Node) -> None:
    node.live(ADA, AV)
    node.watching(BOB, 1)
    node.control.set_layers(BOB, UserId(1), None, Layers(1, 2))
    assert [forward.layers for forward in node.engine.forwards.values()] == [None, (1, 2)]


async def test_a_muted_track_is_sent_to_nobody(node: Node) -> None:
    node.live(ADA, AV)
    node.control.set_muted(ADA, None, "video", muted=True)
    assert [track.muted for track in node.engine.tracks.values()] == [False, True]
    node.control.set_muted(ADA, None, "video", muted=False)
    assert not any(track.muted for track in node.engine.tracks.values())


async def test_a_gateway_without_stream_loses_its_participants_after_a_while(node: Node) -> None:
    gb = node.watch("gb")
    node.live(ADA, AV)
    node.watching(BOB, 1)
    drained(gb)
    connection = node.connection(BOB, 1)
    node.clock.advance(KEPT_WITHOUT_STREAM - 0.1)
    assert len(node.engine.transports) == 2
    stream = node.watch("ga")
    node.clock.advance(KEPT_WITHOUT_STREAM)
    assert len(node.engine.transports) == 2
    node.control.unwatch(ADA.gateway, stream)
    node.clock.advance(KEPT_WITHOUT_STREAM)
    assert drained(gb) == [SubscriptionClosed(BOB, UserId(1), connection, CloseReason.PUBLISHER_LEFT)]
    assert node.engine.transports == {}


async def test_closing_ends_streams_and_transports(node: Node) -> None:
    node.watch("ga")
    node.live(ADA, AV)
    node.control.close()
    assert node.engine.transports == {}
    assert node.clock.pending == 0
