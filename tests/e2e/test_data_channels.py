"""Data channels between Chromium's own SCTP and the node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from rheon_media_node.data import Drop, limits
from tests.e2e.node_client import get_node
from tests.support.browser import eventually, freezable_browser, open_page
from tests.support.processes import Service, running_dev, token

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@asynccontextmanager
async def in_room(
    browser: Browser, pages_url: str, service: Service, user_id: int, room: str, *, camera: bool = False
) -> AsyncIterator[Page]:
    async with open_page(browser, f"{pages_url}/pages/index.html") as page:
        options = {
            "url": service.url,
            "token": token(user_id, f"user-{user_id}"),
            "roomName": room,
            "camera": camera,
        }
        await call(page, "join", options)
        yield page


async def call(page: Page, name: str, options: dict[str, Any]) -> None:
    await page.evaluate("async ([name, options]) => (await import('/pages/data.js'))[name](options)", [name, options])


async def open_channel(page: Page, label: str, **options: Any) -> None:
    await call(page, "open", {"label": label, "options": options})


async def received(page: Page, channel: str) -> list[str]:
    messages: list[str] = await page.evaluate("(channel) => window.data.received[channel] ?? []", channel)
    return messages


async def until_received(page: Page, channel: str, count: int) -> list[str]:
    return await eventually(
        lambda: received(page, channel), lambda messages: len(messages) >= count, within=30, what=f"{count} messages"
    )


async def until_channels(service: Service, count: int) -> None:
    """Wait until the node has this many channels, mirrors included."""

    async def channels() -> int:
        return (await get_node(service.grpc_address)).tables["data-channels"]

    await eventually(channels, lambda now: now == count, within=30, what=f"{count} channels")


async def test_messages_reach_two_subscribers_in_order(browser: Browser, pages_url: str) -> None:
    room = "letters"
    async with (
        running_dev() as service,
        in_room(browser, pages_url, service, 201, room, camera=True) as ada,
        in_room(browser, pages_url, service, 202, room) as bob,
        in_room(browser, pages_url, service, 203, room) as eve,
    ):
        await open_channel(ada, "letters")
        await until_channels(service, 3)
        await call(ada, "binary", {"label": "letters", "length": 65536})
        await call(ada, "count", {"label": "letters", "count": 1000})
        await call(ada, "binary", {"label": "letters", "length": 0})
        expected = ["65536 bytes, whole", *map(str, range(1000)), "0 bytes, whole"]
        for reader in (bob, eve):
            assert await until_received(reader, "user-201 letters", len(expected)) == expected
        # A browser's first packet can overtake its answer, before which the node has nothing to take it.
        assert set((await get_node(service.grpc_address)).drops_by_reason) <= {Drop.NO_ASSOCIATION}


@pytest.mark.parametrize(
    "options",
    [{"ordered": False}, {"ordered": False, "maxRetransmits": 0}, {"maxPacketLifeTime": 100}],
    ids=["unordered", "unordered-and-unreliable", "ordered-with-a-lifetime"],
)
async def test_other_kinds_of_channels_flow(
    browser: Browser, pages_url: str, dev: Service, options: dict[str, Any]
) -> None:
    room = f"kinds {options}"
    async with (
        in_room(browser, pages_url, dev, 211, room) as ada,
        in_room(browser, pages_url, dev, 212, room) as bob,
    ):
        await open_channel(ada, "position", protocol="json", **options)
        # Nobody is told when a mirror has opened, so messages are sent until one comes through.
        for _ in range(200):
            await call(ada, "count", {"label": "position", "count": 1})
            if await received(bob, "user-211 position"):
                break
        before = len(await received(bob, "user-211 position"))
        await call(ada, "count", {"label": "position", "count": 100})
        messages = await until_received(bob, "user-211 position", before + 90)
        assert set(messages) <= set(map(str, range(100)))


async def test_both_may_speak_and_a_rejoined_publisher_goes_on(browser: Browser, pages_url: str) -> None:
    room = "dialogue"
    async with (
        running_dev() as service,
        in_room(browser, pages_url, service, 221, room) as ada,
        in_room(browser, pages_url, service, 222, room, camera=True) as bob,
    ):
        await open_channel(ada, "chat")
        await open_channel(bob, "chat")
        await until_channels(service, 4)
        await call(ada, "count", {"label": "chat", "count": 3})
        await call(bob, "count", {"label": "chat", "count": 3})
        assert await until_received(bob, "user-221 chat", 3) == ["0", "1", "2"]
        assert await until_received(ada, "user-222 chat", 3) == ["0", "1", "2"]
        # Publishing the camera as well moves the channel to another connection.
        await ada.evaluate(
            "async () => window.data.room.publish(await navigator.mediaDevices.getUserMedia({ audio: true }))"
        )
        is_open = "() => window.data.channels.chat.isOpen"
        await eventually(lambda: ada.evaluate(is_open), bool, what="an open channel")
        await until_channels(service, 4)
        await call(ada, "count", {"label": "chat", "count": 2})
        assert await until_received(bob, "user-221 chat", 5) == ["0", "1", "2", "0", "1"]


async def test_a_frozen_reader_does_not_grow_the_nodes_queue_past_its_cap(browser: Browser, pages_url: str) -> None:
    room = "frozen reader"
    async with (
        running_dev() as service,
        in_room(browser, pages_url, service, 231, room) as ada,
        in_room(browser, pages_url, service, 232, room) as bob,
        freezable_browser() as (other, freezer),  # freezes what was started since
        in_room(other, pages_url, service, 233, room),
    ):
        await open_channel(ada, "log")
        await open_channel(ada, "position", ordered=False, maxRetransmits=0)
        await until_channels(service, 6)
        freezer.freeze()
        peak = 0
        for burst in range(1, 11):
            await call(ada, "binary", {"label": "log", "length": 65536, "times": 4})
            await call(ada, "binary", {"label": "position", "length": 60000, "times": 4})
            await until_received(bob, "user-231 log", 4 * burst)
            node = await get_node(service.grpc_address)
            peak = max(peak, node.tables["data-queued-bytes"])
        freezer.thaw()
        # Those who read have all; the queue of the one who does not never grew past its cap.
        assert await until_received(bob, "user-231 log", 40) == ["65536 bytes, whole"] * 40
        assert limits.MAX_SEND_QUEUE // 2 < peak <= limits.MAX_SEND_QUEUE + 2 * limits.MAX_MESSAGE
        assert node.drops_by_reason[Drop.SLOW_SUBSCRIBER_CLOSED] == 1
        assert node.drops_by_reason[Drop.SLOW_SUBSCRIBER] > 0
