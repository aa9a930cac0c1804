"""What a connection may hold and send, and what happens beyond."""

from __future__ import annotations

import secrets

from rheon_media_node.data import Drop, limits
from tests.support.data_peer import until
from tests.unit.media_node.data.wire import World


async def test_a_channel_too_many_is_closed() -> None:
    async with World() as world:
        ada, bob = await world.publisher("ada"), await world.subscriber("ada")
        for number in range(limits.MAX_CHANNELS + 2):
            ada.peer.open(f"{number}")
        await until(lambda: sorted(ada.peer.closed) == ["16", "17"])
        await until(lambda: len(bob.peer.channels) == limits.MAX_CHANNELS)
        assert world.hub.drops == {Drop.CHANNELS: 2}


async def test_a_subscriber_of_many_gets_no_more_channels_than_a_connection_has() -> None:
    async with World() as world:
        ada, eve = await world.publisher("ada"), await world.publisher("eve")
        bob = await world.subscriber("ada", "eve")
        for number in range(10):
            await ada.peer.opened(f"a{number}")
            await eve.peer.opened(f"e{number}")
        await until(lambda: len(bob.peer.channels) == limits.MAX_CHANNELS)
        assert world.hub.drops == {Drop.CHANNELS: 4}


async def test_channels_can_be_opened_and_closed_without_end() -> None:
    async with World() as world:
        ada, bob = await world.publisher("ada"), await world.subscriber("ada")
        for number in range(100):
            (await ada.peer.opened(f"{number}")).close()
            await until(lambda number=number: len(ada.peer.closed) == len(bob.peer.closed) == number + 1)  # type: ignore[misc]
        assert not world.hub.drops


async def test_a_message_that_is_too_long_is_dropped() -> None:
    async with World() as world:
        ada, bob = await world.publisher("ada"), await world.subscriber("ada")
        chat = await ada.peer.opened("chat")
        ada.peer.sctp._remote_max_message_size = 0
        chat.send(secrets.token_bytes(limits.MAX_MESSAGE + 1))
        chat.send("after")
        await until(lambda: bob.peer.messages["chat"] == ["after"])
        assert world.hub.drops == {Drop.MESSAGE_TOO_LONG: 1}


async def test_a_message_that_fills_the_receive_window_ends_the_association() -> None:
    async with World() as world:
        ada, bob = await world.publisher("ada"), await world.subscriber("ada")
        chat = await ada.peer.opened("chat")
        await until(lambda: "chat" in bob.peer.channels)
        ada.peer.sctp._remote_max_message_size = 0
        chat.send(bytes(2 * limits.RECEIVE_WINDOW))
        await until(lambda: ada.peer.closed == ["chat"] and bob.peer.closed == ["chat"])
        assert world.hub.drops[Drop.REASSEMBLY] == 1
        assert ada.association is not None
        assert ada.association.over


async def test_a_name_that_is_too_long_closes_the_channel() -> None:
    async with World() as world:
        ada = await world.publisher("ada")
        ada.peer.open("x" * (limits.MAX_NAME + 1))
        await until(lambda: len(ada.peer.closed) == 1)
        assert world.hub.drops == {Drop.NAME_TOO_LONG: 1}


async def test_a_message_longer_than_the_subscriber_takes_is_dropped_for_it() -> None:
    async with World() as world:
        ada = await world.publisher("ada")
        bob, eve = await world.subscriber("ada", max_message_size=1000), await world.subscriber("ada")
        chat = await ada.peer.opened("chat")
        chat.send(bytes(1001))
        chat.send("short")
        await until(lambda: len(eve.peer.messages["chat"]) == 2)
        await until(lambda: bob.peer.messages["chat"] == ["short"])
        assert world.hub.drops == {Drop.MESSAGE_TOO_LONG: 1}


async def test_a_subscriber_that_stops_reading_holds_a_bounded_queue() -> None:
    async with World() as world:
        ada = await world.publisher("ada")
        stopped, reading = await world.subscriber("ada"), await world.subscriber("ada")
        log, position = await ada.peer.opened("log"), await ada.peer.opened("position", maxRetransmits=0)
        await until(lambda: len(stopped.peer.channels) == len(reading.peer.channels) == 2)
        stopped.peer.paused = True
        bound = limits.MAX_SEND_QUEUE
        for number in range(60):
            position.send(bytes(30_000))
            await until(lambda number=number: len(reading.peer.messages["position"]) == number + 1)  # type: ignore[misc]
            assert world.hub.tables()["data-queued-bytes"] <= 2 * bound
            assert stopped.association is not None
            assert stopped.association.queued_bytes <= bound
        assert world.hub.drops[Drop.SLOW_SUBSCRIBER] > 0
        assert world.hub.drops[Drop.SLOW_SUBSCRIBER_CLOSED] == 0

        log.send(bytes(60_000))
        await until(lambda: len(reading.peer.messages["log"]) == 1)
        assert world.hub.drops[Drop.SLOW_SUBSCRIBER_CLOSED] == 1
        assert stopped.association is not None
        assert [channel.carrier.label for channel in stopped.association.channels] == ["position"]

        stopped.peer.paused = False
        await until(lambda: stopped.peer.closed == ["log"])
        log.send("for those who read")
        await until(lambda: reading.peer.messages["log"][-1] == "for those who read")
        assert stopped.peer.messages["log"] == []


async def test_small_messages_count_with_what_they_cost() -> None:
    async with World() as world:
        ada, bob = await world.publisher("ada"), await world.subscriber("ada")
        chat = await ada.peer.opened("chat")
        await until(lambda: "chat" in bob.peer.channels)
        bob.peer.paused = True
        assert bob.association is not None
        for _ in range(limits.MAX_SEND_QUEUE // limits.MESSAGE_OVERHEAD + 500):
            chat.send("")
        await until(lambda: world.hub.drops[Drop.SLOW_SUBSCRIBER_CLOSED] == 1)
        assert bob.association.queued_bytes == 0
        assert bob.association.channels == []
