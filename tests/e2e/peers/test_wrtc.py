"""libwebrtc under Node.js (@roamhq/wrtc) and Chromium in one room.

It offers AES_CM_128_HMAC_SHA1_80 alone, Chromium takes AES-GCM: the node encrypts anew in another profile.
"""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.e2e.sfu_page import SfuPage, sfu_page
from tests.support.peers import assert_page_saw_peer, assert_peer_saw_page, both_decode, observe
from tests.support.peers_node import node_peer
from tests.support.processes import Service

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def ciphers_of(page: SfuPage) -> set[str]:
    snapshot = await page.snapshot()
    reports = [snapshot.published, *snapshot.received.values()]
    return {entry["srtpCipher"] for report in reports for entry in report if entry["type"] == "transport"}


async def test_a_call_between_wrtc_and_chromium(
    browser: Browser, pages_url: str, rheon: Service, node_packages: None
) -> None:
    room = "wrtc and chromium"
    async with (
        sfu_page(browser, pages_url, rheon, 2, room) as page,
        node_peer("wrtc.js", rheon, 1, room) as peer,
    ):
        await both_decode(peer, page)
        before, after = await observe(peer, page)
        assert_page_saw_peer(peer, before, after)
        assert_peer_saw_page(before, after)
        assert set((await peer.report())["ciphers"]) == {"AES_CM_128_HMAC_SHA1_80"}
        ciphers = await ciphers_of(page)
        assert ciphers
        assert all("AEAD_AES" in cipher for cipher in ciphers), ciphers
