"""Data channels through a real node: gRPC, ICE, DTLS, SCTP."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from rheon.media.v1 import media_pb2 as pb

from rheon_media_node.data import Drop, limits
from tests.integration.media_node.conftest import Gateway, participant
from tests.support.data_peer import DataPeer, until
from tests.support.native_peer import NativePeer, SentTrack, tracks


@asynccontextmanager
async def data_peer() -> AsyncIterator[tuple[NativePeer, DataPeer]]:
    """A peer that takes part in data channels."""
    async with NativePeer() as native:
        native.core.data = data = DataPeer(native.core.send_data)
        try:
            yield native, data
        finally:
            await data.stop()


async def publish(gateway: Gateway, native: NativePeer, data: DataPeer, published: tuple[SentTrack, ...]) -> None:
    await gateway.publish(1, native, published)
    await data.start()


async def subscribe(gateway: Gateway, user: int, native: NativePeer, data: DataPeer) -> None:
    await gateway.subscribe(user, 1, native)
    await data.start()


async def test_messages_and_media_reach_two_subscribers(gateway: Gateway) -> None:
    published = tracks("audio", "video")
    async with AsyncExitStack() as stack:
        (ada, ada_data), *viewers = [await stack.enter_async_context(data_peer()) for _ in range(3)]
        await publish(gateway, ada, ada_data, published)
        for user, (native, data) in enumerate(viewers, start=2):
            await subscribe(gateway, user, native, data)
        chat = await ada_data.opened("chat")
        sent: list[str | bytes] = [secrets.token_bytes(65536), "text", *(str(number) for number in range(200))]
        for message in sent:
            chat.send(message)
            ada.core.send_audio(published[0])
        for native, data in viewers:
            await until(lambda data=data: data.messages["chat"] == sent)  # type: ignore[misc]
            await native.until(lambda native=native: len(native.core.received) == 1)  # type: ignore[misc]
        node = await gateway.get_node()
        assert node.tables["data-associations"] == 3
        assert node.tables["data-channels"] == 3
        assert node.tables["data-queued-bytes"] == 0
        assert not node.drops_by_reason


async def test_a_publisher_of_nothing_but_data(gateway: Gateway) -> None:
    async with data_peer() as (ada, ada_data), data_peer() as (bob, bob_data):
        await publish(gateway, ada, ada_data, ())
        await subscribe(gateway, 2, bob, bob_data)
        (await ada_data.opened("chat")).send("only words")
        await until(lambda: bob_data.messages["chat"] == ["only words"])


async def test_data_that_comes_later_is_offered_on_the_same_connection(gateway: Gateway) -> None:
    published = tracks("audio")
    async with NativePeer() as ada, data_peer() as (bob, bob_data):
        await gateway.publish(1, ada, published)
        offered = await gateway.subscribe(2, 1, bob)
        assert "m=application" not in offered.offer
        ada.core.data = ada_data = DataPeer(ada.core.send_data)
        request = pb.PublishRequest(participant=participant(1), offer=ada.core.offer(published))
        await gateway.stub.Publish(request, timeout=5)
        await ada_data.start()
        await gateway.answer_again(2, 1, bob)
        await bob_data.start()
        (await ada_data.opened("chat")).send("at last")
        await until(lambda: bob_data.messages["chat"] == ["at last"])
        await ada_data.stop()


async def test_a_subscriber_without_data_channels_still_gets_media(gateway: Gateway) -> None:
    published = tracks("audio")
    async with data_peer() as (ada, ada_data), NativePeer() as bob:
        await publish(gateway, ada, ada_data, published)
        await gateway.subscribe(2, 1, bob)
        chat = await ada_data.opened("chat")
        for _ in range(10):
            chat.send("for nobody")
            ada.core.send_audio(published[0])
        await bob.until(lambda: len(bob.core.received) == 1)


async def test_garbage_over_dtls_harms_nobody_else(gateway: Gateway) -> None:
    published = tracks("audio")
    async with data_peer() as (ada, ada_data), data_peer() as (bob, bob_data):
        await publish(gateway, ada, ada_data, published)
        await subscribe(gateway, 2, bob, bob_data)
        chat = await ada_data.opened("chat")
        for length in range(200):
            bob.core.send_data(secrets.token_bytes(length + 1))
        chat.send("alive")
        await until(lambda: bob_data.messages["chat"] == ["alive"])
        ada.core.send_audio(published[0])
        await bob.until(lambda: len(bob.core.received) == 1)
        assert (await gateway.get_node()).drops_by_reason[Drop.MALFORMED] > 0


async def test_a_subscriber_that_stops_is_cut_off_and_the_others_read_on(gateway: Gateway) -> None:
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(data_peer()) for _ in range(3)]
        (ada, ada_data), (stopped, stopped_data), (reading, reading_data) = peers
        await publish(gateway, ada, ada_data, ())
        await subscribe(gateway, 2, stopped, stopped_data)
        await subscribe(gateway, 3, reading, reading_data)
        log = await ada_data.opened("log")
        await until(lambda: "log" in stopped_data.channels)
        stopped_data.paused = True
        for number in range(30):
            log.send(bytes(60_000))
            await until(lambda number=number: len(reading_data.messages["log"]) == number + 1)  # type: ignore[misc]
            node = await gateway.get_node()
            assert node.tables["data-queued-bytes"] <= limits.MAX_SEND_QUEUE
        assert node.drops_by_reason[Drop.SLOW_SUBSCRIBER_CLOSED] == 1


@pytest.mark.parametrize("leaver", ["publisher", "subscriber"])
async def test_leaving_frees_the_associations(gateway: Gateway, leaver: str) -> None:
    async with data_peer() as (ada, ada_data), data_peer() as (bob, bob_data):
        await publish(gateway, ada, ada_data, ())
        await subscribe(gateway, 2, bob, bob_data)
        await ada_data.opened("chat")
        await until(lambda: "chat" in bob_data.channels)
        await gateway.remove(1 if leaver == "publisher" else 2)
        await gateway.remove(2 if leaver == "publisher" else 1)
        tables = (await gateway.get_node()).tables
        assert set(tables.values()) == {0}


async def test_a_shared_connection_brings_the_channels_of_all_it_carries(gateway: Gateway) -> None:
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(data_peer()) for _ in range(3)]
        (ada, ada_data), (eve, eve_data), (bob, bob_data) = peers
        await publish(gateway, ada, ada_data, tracks("audio"))
        await gateway.publish(3, eve, tracks("audio"))
        await eve_data.start()
        offered = await gateway.share(2, 1)
        await gateway.take(2, offered, bob)
        bob.connect(offered.offer)
        await bob.connected()
        await gateway.event("subscription_ready")
        await bob_data.start()
        (await ada_data.opened("ada")).send("one")
        await eve_data.opened("eve")
        await until(lambda: bob_data.messages["1/ada"] == ["one"])
        await gateway.take(2, await gateway.share(2, 3), bob)
        await until(lambda: "3/eve" in bob_data.channels)
        await gateway.remove(1)
        await until(lambda: bob_data.closed == ["1/ada"])
