"""One site for all cases: what one of them leaves behind, the next would notice."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.hostile_site import HostileSite, running_hostile_site


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def site() -> AsyncIterator[HostileSite]:
    async with running_hostile_site() as running:
        yield running
