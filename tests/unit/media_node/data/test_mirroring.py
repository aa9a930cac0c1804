"""Channels and messages from a publisher to its subscribers."""

from __future__ import annotations

import random
import secrets
from typing import Any

import pytest

from rheon_media_node.data import Drop
from tests.support.data_peer import until
from tests.unit.media_node.data.wire import World


async def test_text_and_binary_reach_every_subscriber_in_order() -> None:
    async with World() as world:
        ada = await world.publisher("ada")
        viewers = [await world.subscriber("ada") for _ in range(2)]
        chat = await ada.peer.opened("chat")
        large = secrets.token_bytes(65536)
        sent: list[str | bytes] = ["hello", b"\x00\xff", "", b"", large, *(f"message {n}" for n in range(1000))]
        for message in sent:
            chat.send(message)
        for viewer in viewers:
            await until(lambda viewer=viewer: len(viewer.peer.messages["chat"]) == len(sent))  # type: ignore[misc]
            assert viewer.peer.messages["chat"] == sent
            assert viewer.longest <= 1200
        assert not world.hub.drops


@pytest.mark.parametrize(
    "options",
    [
        {"ordered": True},
        {"ordered": False},
        {"ordered": True, "maxRetransmits": 0},
        {"ordered": False, "maxRetransmits": 3},
        {"ordered": False, "maxPacketLifeTime": 200},
        {"ordered": True, "maxPacketLifeTime": 500},
    ],
)
async def test_a_mirror_is_opened_like_the_original(options: dict[str, Any]) -> None:
    async with World() as world:
        ada, bob = await world.publisher("ada"), await world.subscriber("ada")
        original = await ada.peer.opened("state", protocol="json", **options)
        original.send("now")
        await until(lambda: bob.peer.messages["state"] == ["now"])
        mirror = bob.peer.channels["state"]
        for name in ("label", "protocol", "ordered", "maxRetransmits", "maxPacketLifeTime"):
            assert getattr(mirror, name) == getattr(original, name)


@pytest.mark.parametrize("seed", [2, 3])
async def test_nothing_reliable_is_lost_on_a_lossy_path(seed: int) -> None:
    dice = random.Random(seed)
    async with World() as world:
        ada = await world.publisher("ada", loss=lambda: dice.random() < 0.05)
        bob = await world.subscriber("ada", loss=lambda: dice.random() < 0.05)
        chat, bag = await ada.peer.opened("chat"), await ada.peer.opened("bag", ordered=False)
        sent = [secrets.token_bytes(dice.randrange(1, 3000)) for _ in range(60)]
        for message in sent:
            chat.send(message)
            bag.send(message)
        await until(lambda: [len(bob.peer.messages[label]) for label in ("chat", "bag")] == [60, 60], seconds=60)
        assert bob.peer.messages["chat"] == sent
        assert sorted(bob.peer.messages["bag"], key=sent.index) == sent  # type: ignore[arg-type]


async def test_partially_reliable_messages_are_given_up_and_later_ones_arrive() -> None:
    losing, swallowed = False, 0

    def loss() -> bool:
        nonlocal swallowed
        swallowed += losing
        return losing

    async with World() as world:
        ada, bob = await world.publisher("ada"), await world.subscriber("ada", loss=loss)
        position = await ada.peer.opened("position", ordered=False, maxRetransmits=0)
        position.send("first")
        await until(lambda: bob.peer.messages["position"] == ["first"])
        losing = True
        position.send("lost")
        await until(lambda: swallowed > 0)
        losing = False
        for number in range(20):
            position.send(str(number))
        await until(lambda: "19" in bob.peer.messages["position"])
        assert "lost" not in bob.peer.messages["position"]


async def test_a_subscriber_that_comes_later_gets_the_channels_and_what_follows() -> None:
    async with World() as world:
        ada, eve = await world.publisher("ada"), await world.subscriber("ada")
        chat = await ada.peer.opened("chat")
        chat.send("before")
        await until(lambda: eve.peer.messages["chat"] == ["before"])
        bob = await world.subscriber("ada")
        await until(lambda: "chat" in bob.peer.channels)
        chat.send("welcome")
        await until(lambda: bob.peer.messages["chat"] == ["welcome"])


async def test_closing_reaches_the_subscribers_after_the_last_message() -> None:
    async with World() as world:
        ada, bob = await world.publisher("ada"), await world.subscriber("ada")
        chat = await ada.peer.opened("chat")
        for number in range(50):
            chat.send(str(number))
        chat.close()
        await until(lambda: bob.peer.closed == ["chat"])
        assert bob.peer.messages["chat"] == [str(number) for number in range(50)]


async def test_a_subscriber_may_close_its_mirror() -> None:
    async with World() as world:
        ada = await world.publisher("ada")
        bob, eve = await world.subscriber("ada"), await world.subscriber("ada")
        chat = await ada.peer.opened("chat")
        await until(lambda: "chat" in bob.peer.channels and "chat" in eve.peer.channels)
        bob.peer.channels["chat"].close()
        await until(lambda: bob.peer.closed == ["chat"])
        chat.send("still here")
        await until(lambda: eve.peer.messages["chat"] == ["still here"])
        assert chat.readyState == "open"
        assert bob.peer.messages["chat"] == []


async def test_a_publisher_that_comes_again_goes_on_with_its_subscribers() -> None:
    async with World() as world:
        first, bob = await world.publisher("ada"), await world.subscriber("ada")
        await first.peer.opened("chat")
        await until(lambda: "chat" in bob.peer.channels)
        again = await world.publisher("ada")
        await until(lambda: bob.peer.closed == ["chat"])
        chat = await again.peer.opened("chat")
        chat.send("back")
        await until(lambda: bob.peer.messages["chat"] == ["back"])


async def test_one_connection_may_follow_several_publishers() -> None:
    async with World() as world:
        ada, eve = await world.publisher("ada"), await world.publisher("eve")
        bob = await world.subscriber("ada")
        (await ada.peer.opened("a")).send("1")
        (await eve.peer.opened("e")).send("too early")
        await until(lambda: bob.peer.messages["a"] == ["1"] and world.hub.tables()["data-channels"] == 3)
        assert bob.association is not None
        world.hub.follow(bob.association, ["ada", "eve"])
        await until(lambda: "e" in bob.peer.channels)
        world.hub.follow(bob.association, ["eve"])
        await until(lambda: bob.peer.closed == ["a"])


async def test_a_connection_of_several_publishers_is_told_by_labels_whose_channels_are_whose() -> None:
    async with World() as world:
        ada = await world.publisher("ada")
        bob = await world.subscriber("ada", "eve", label_of=lambda publisher, label: f"{publisher}/{label}")
        await ada.peer.opened("chat")
        eve = await world.publisher("eve")
        (await eve.peer.opened("chat")).send("from eve")
        await until(lambda: bob.peer.messages["eve/chat"] == ["from eve"])
        assert set(bob.peer.channels) == {"ada/chat", "eve/chat"}


async def test_nothing_is_taken_from_subscribers() -> None:
    async with World() as world:
        ada, bob = await world.publisher("ada"), await world.subscriber("ada")
        await ada.peer.opened("chat")
        await until(lambda: "chat" in bob.peer.channels)
        bob.peer.channels["chat"].send("may I?")
        bob.peer.open("own")
        await until(lambda: bob.peer.closed == ["own"])
        await until(lambda: world.hub.drops[Drop.FROM_SUBSCRIBER] == 2)
        assert ada.peer.messages["chat"] == []


async def test_labels_beyond_ascii_arrive_percent_encoded() -> None:
    async with World() as world:
        ada, bob = await world.publisher("ada"), await world.subscriber("ada")
        # aiortc counts characters where bytes belong: the announcement is written here as browsers do.
        channel = ada.peer.open("plain 100%")
        await until(lambda: channel.readyState == "open")
        label = "caf\u00e9 ~".encode()
        announcement = bytes([3, 0, 0, 0, 0, 0, 0, 0, 0, len(label), 0, 0]) + label
        await ada.peer.sctp._send(100, 50, announcement)
        await until(lambda: set(bob.peer.channels) == {"plain 100%", "caf%C3%A9 ~"})
