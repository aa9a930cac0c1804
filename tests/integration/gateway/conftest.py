"""A gateway with one fake media node."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.gateway.client import Site, running_site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as running:
        yield running
