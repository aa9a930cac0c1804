"""aiortc's client and Chromium in one room: each decodes the other's picture and sound."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.e2e.sfu_page import sfu_page
from tests.support.peers import assert_page_saw_peer, assert_peer_saw_page, both_decode, observe
from tests.support.peers_aiortc import aiortc_peer
from tests.support.processes import Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_a_call_between_aiortc_and_chromium(browser: Browser, pages_url: str, rheon: Service) -> None:
    room = "aiortc and chromium"
    async with (
        sfu_page(browser, pages_url, rheon, 2, room) as page,
        aiortc_peer(rheon, 1, room) as peer,
    ):
        await both_decode(peer, page)
        before, after = await observe(peer, page)
        assert_page_saw_peer(peer, before, after)
        assert_peer_saw_page(before, after)
        assert peer.codecs() >= {"opus", "VP8"}
