"""Participants who go, with or without a word, leave nothing behind and are missed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from playwright.async_api import Browser
from rheon.media.v1 import media_pb2

from tests.e2e.node_client import get_node
from tests.e2e.sfu_page import sfu_page
from tests.support.browser import eventually, freezable_browser
from tests.support.processes import Service, running_dev, token

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

SILENCE_LIMIT = 35.0
"""Seconds within which the others must know: consent to send expires after 30 (RFC 7675 section 5.1)."""


def footprint(node: media_pb2.GetNodeResponse) -> dict[str, int]:
    """Everything on a node that grows with its participants."""
    tables = {f"table {name}": size for name, size in node.tables.items()}
    states = {f"{state} transports": count for state, count in node.transports_by_state.items() if count}
    return {
        "rooms": node.rooms,
        "publish transports": node.publish_transports,
        "subscribe transports": node.subscribe_transports,
        "tasks": node.tasks,
        **tables,
        **states,
    }


async def test_closing_a_tab_frees_everything_it_had(browser: Browser, pages_url: str) -> None:
    async with running_dev() as service:

        async def taken() -> dict[str, int]:
            return footprint(await get_node(service.grpc_address))

        empty = await taken()
        assert empty["publish transports"] == empty["subscribe transports"] == 0
        async with sfu_page(browser, pages_url, service, 51, "departures") as stays:
            async with sfu_page(browser, pages_url, service, 52, "departures") as goes:
                await stays.until_decoding(52)
                await goes.until_decoding(51)
                both = await taken()
                assert (both["publish transports"], both["subscribe transports"]) == (2, 2)
                assert both["table forwards"] == 4
            left = await eventually(lambda: stays.messages("publisher-left"), bool, what="publisher-left")
            assert [message["publisherId"] for message in left] == [52]
            alone = await eventually(taken, lambda now: now["publish transports"] == 1, what="freed publish transport")
            assert alone["subscribe transports"] == 0
            assert alone["table forwards"] == 0
            assert alone["table tracks"] == 2
        await eventually(taken, lambda now: now == empty, what=f"return to {empty}")


@asynccontextmanager
async def listener(service: Service, user_id: int, room: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A member of the room without media."""
    async with aiohttp.ClientSession() as session, session.ws_connect(service.websocket_url) as socket:
        await socket.send_json({"type": "auth", "token": token(user_id, "listener")})
        await socket.send_json({"type": "join-room", "roomName": room})
        yield socket


async def until_told(socket: aiohttp.ClientWebSocketResponse, kind: str, *, within: float) -> float:
    """Wait for a message of this type about user 61; when it came, on the monotonic clock."""
    async with asyncio.timeout(within):
        while True:
            message = await socket.receive_json()
            if message["type"] == kind and message["publisherId"] == 61:
                return time.monotonic()


async def test_a_client_whose_network_falls_silent_is_noticed(pages_url: str, dev: Service) -> None:
    async with (
        freezable_browser() as (browser, freezer),
        listener(dev, 62, "silence") as socket,
        sfu_page(browser, pages_url, dev, 61, "silence"),
    ):
        await until_told(socket, "new-publisher", within=15)
        freezer.freeze()
        frozen = time.monotonic()
        try:
            noticed = await until_told(socket, "publisher-left", within=2 * SILENCE_LIMIT)
        finally:
            freezer.thaw()
    print(f"silence noticed after {noticed - frozen:.1f} s")
    assert noticed - frozen <= SILENCE_LIMIT
