"""The unchanged mesh client: two pages find each other through the server and talk without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.support.browser import eventually, open_page
from tests.support.processes import Service, token

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

ROOM = "mesh"
ADA, GRACE = 31, 32


@asynccontextmanager
async def mesh_page(browser: Browser, pages_url: str, dev: Service, user_id: int, name: str) -> AsyncIterator[Page]:
    async with open_page(browser, f"{pages_url}/pages/index.html") as page:
        authenticated = await page.evaluate(
            "async (options) => (await import('/pages/mesh.js')).start(options)",
            {"url": dev.websocket_url, "token": token(user_id, name)},
        )
        assert (authenticated["userId"], authenticated["username"]) == (user_id, name)
        yield page


async def log(page: Page, kind: str) -> list[dict[str, Any]]:
    script = "(type) => window.mesh.log.filter((message) => message.type === type)"
    messages: list[dict[str, Any]] = await page.evaluate(script, kind)
    return messages


async def first(page: Page, kind: str) -> dict[str, Any]:
    return (await eventually(lambda: log(page, kind), bool, what=f"{kind} message"))[0]


async def test_two_pages_join_call_each_other_and_leave(browser: Browser, pages_url: str, dev: Service) -> None:
    async with (
        mesh_page(browser, pages_url, dev, ADA, "ada") as ada,
        mesh_page(browser, pages_url, dev, GRACE, "grace") as grace,
    ):
        await ada.evaluate("(room) => window.mesh.client.join(room)", ROOM)
        assert (await first(ada, "room-joined"))["participants"] == []
        await grace.evaluate("(room) => window.mesh.client.join(room)", ROOM)
        assert (await first(grace, "room-joined"))["participants"] == [{"userId": ADA, "username": "ada"}]
        assert (await first(ada, "user-joined"))["user"] == {"userId": GRACE, "username": "grace"}

        options = {"roomName": ROOM, "peerId": ADA}
        await ada.evaluate("async (options) => (await import('/pages/mesh.js')).answerCalls(options)", options)
        await grace.evaluate("async (options) => (await import('/pages/mesh.js')).call(options)", options)
        received = await eventually(lambda: ada.evaluate("() => window.mesh.received"), bool, what="greeting")
        assert received == ["hello"]
        assert (await first(ada, "offer"))["fromUserId"] == GRACE
        assert (await first(grace, "answer"))["fromUserId"] == ADA
        assert (await first(ada, "ice-candidate"))["fromUserId"] == GRACE
        assert (await first(grace, "ice-candidate"))["fromUserId"] == ADA

        await grace.evaluate("(room) => window.mesh.client.leave(room)", ROOM)
        assert (await first(grace, "room-left"))["roomName"] == ROOM
        assert (await first(ada, "user-left"))["userId"] == GRACE
