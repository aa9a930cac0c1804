"""werift, a WebRTC stack in TypeScript, and Chromium in one room.

It has no codecs: it publishes the very packets it receives, so Chromium decodes its own picture after two passes
through the node, and asks for key frames across both.
"""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.e2e.sfu_page import sfu_page
from tests.support.peers import assert_page_saw_peer, assert_peer_saw_page, both_decode, decodes, observe
from tests.support.peers_aiortc import aiortc_peer
from tests.support.peers_node import node_peer
from tests.support.processes import Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_a_call_between_werift_and_chromium(
    browser: Browser, pages_url: str, rheon: Service, node_packages: None
) -> None:
    room = "werift and chromium"
    async with (
        sfu_page(browser, pages_url, rheon, 2, room) as page,
        node_peer("werift.js", rheon, 1, room) as peer,
    ):
        await both_decode(peer, page)
        before, after = await observe(peer, page)
        assert_page_saw_peer(peer, before, after)
        assert_peer_saw_page(before, after, decodes=False)
        # Somebody who comes late and views this peer alone needs a key frame, and the peer does not make any.
        async with aiortc_peer(rheon, 3, room, watches={peer.user_id}) as late:
            await decodes(late)
        report = await peer.report()
        assert report["keyFramesAskedFor"] > 0
        assert set(report["states"]) == {"connected"}
