"""Firefox in a network namespace and Chromium outside of it, in one room: each decodes the other's picture and sound.

Firefox gathers no loopback candidates, so the media node is announced at the machine's end of a link between the two.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Browser

from tests.e2e.sfu_page import sfu_page
from tests.support.peers import assert_page_saw_peer, assert_peer_saw_page, both_decode, observe
from tests.support.peers_firefox import firefox_peer
from tests.support.peers_namespace import Namespace, NamespaceUnavailableError, network_namespace
from tests.support.processes import running_dev

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    try:
        with network_namespace() as namespace:
            yield namespace
    except NamespaceUnavailableError as error:
        pytest.skip(f"no network namespaces here: {error}")


async def test_a_call_between_firefox_and_chromium(browser: Browser, pages_url: str, namespace: Namespace) -> None:
    room = "firefox and chromium"
    async with (
        running_dev(HOST="0.0.0.0", ANNOUNCED_IPS=namespace.our_address) as rheon,  # noqa: S104 - reached by the link
        sfu_page(browser, pages_url, rheon, 2, room) as page,
        firefox_peer(namespace, rheon, 1, room) as peer,
    ):
        await both_decode(peer, page)
        before, after = await observe(peer, page)
        assert_page_saw_peer(peer, before, after)
        assert_peer_saw_page(before, after)
