"""What the tests of other WebRTC implementations share: one `rheon dev` that peers without loopback reach as well."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.peers_node import install_node_peers
from tests.support.processes import Service, running_dev


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rheon() -> AsyncIterator[Service]:
    """Announces the default route's address beside loopback: of all peers only Chromium gathers loopback candidates."""
    async with running_dev(ANNOUNCED_IPS="") as service:
        yield service


@pytest.fixture(scope="session")
def node_packages() -> None:
    """The packages of the Node.js peers, installed on first use."""
    install_node_peers()
