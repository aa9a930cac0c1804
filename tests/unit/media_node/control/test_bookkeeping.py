"""Request results, event streams and gateways' grace: each bounded."""

from __future__ import annotations

import pytest

from rheon_media_node.control import gateways
from rheon_media_node.control.events import EventStream, StreamClosed, StreamOverflowed, StreamReplaced, Streams
from rheon_media_node.control.gateways import KEPT_WITHOUT_STREAM, Gateways
from rheon_media_node.control.requests import KEPT_FOR, RequestKey, Results
from rheon_media_node.errors import NodeError, TooMany, WrongState
from rheon_media_node.router.effects import PublisherReady
from rheon_media_node.router.values import GatewayId
from tests.unit.media_node.control.node import VirtualClock, participant

ADA = participant(1)
EVENT = PublisherReady(ADA, ())


def key(request_id: str, command: str = "Publish", session: int = 1) -> RequestKey:
    return RequestKey(command, participant(1, session), request_id)


def test_a_result_belongs_to_its_session_and_command() -> None:
    results = Results()
    assert results.once(key("a"), 0.0, lambda: 1) == 1
    assert results.once(key("a"), 0.0, lambda: 2) == 1
    assert results.once(key("a", session=2), 0.0, lambda: 2) == 2
    assert results.once(key("a", "Subscribe"), 0.0, lambda: 3) == 3
    assert results.once(key(""), 0.0, lambda: 4) == 4
    assert results.once(key(""), 0.0, lambda: 5) == 5


def test_failures_are_not_remembered() -> None:
    results = Results()

    def fail() -> int:
        raise WrongState("no")

    with pytest.raises(NodeError):
        results.once(key("a"), 0.0, fail)
    assert results.once(key("a"), 0.0, lambda: 1) == 1


def test_results_expire_and_are_bounded() -> None:
    results = Results(limit=2)
    for request in "abc":
        results.once(key(request), 0.0, lambda: 1)
    assert len(results) == 2
    assert results.once(key("a"), 0.0, lambda: 2) == 2
    assert results.once(key("c"), KEPT_FOR - 0.1, lambda: 2) == 1
    assert results.once(key("c"), KEPT_FOR, lambda: 2) == 2
    assert len(results) == 1


async def test_a_full_stream_ends() -> None:
    stream = EventStream(limit=2)
    stream.put(EVENT)
    assert await stream.next() is EVENT
    for _ in range(3):
        stream.put(EVENT)
    with pytest.raises(StreamOverflowed):
        await stream.next()


async def test_streams_are_one_per_gateway() -> None:
    streams = Streams()
    gateway = GatewayId("g")
    first = streams.open(gateway)
    second = streams.open(gateway)
    with pytest.raises(StreamReplaced):
        await first.next()
    assert not streams.discard(gateway, first)
    streams.put(gateway, EVENT)
    streams.put(GatewayId("elsewhere"), EVENT)
    assert await second.next() is EVENT
    streams.close()
    with pytest.raises(StreamClosed):
        await second.next()
    assert streams.discard(gateway, second)
    assert len(streams) == 0


def test_a_gateways_time_is_not_prolonged_by_commands() -> None:
    clock, lost = VirtualClock(), list[GatewayId]()
    waiting = Gateways(clock, lost.append)
    gateway = GatewayId("g")
    waiting.command_from(gateway)
    clock.advance(KEPT_WITHOUT_STREAM - 1)
    waiting.command_from(gateway)
    clock.advance(1)
    assert lost == [gateway]
    waiting.away(gateway)
    waiting.streaming(gateway)
    clock.advance(KEPT_WITHOUT_STREAM)
    assert lost == [gateway]


def test_gateways_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways, "MAX_GATEWAYS", 1)
    clock = VirtualClock()
    waiting = Gateways(clock, lambda _: None)
    waiting.command_from(GatewayId("a"))
    waiting.command_from(GatewayId("a"))
    with pytest.raises(TooMany):
        waiting.command_from(GatewayId("b"))
    waiting.close()
    assert clock.pending == 0
