"""What the end-to-end tests share: one browser, one web server for the test pages, one `rheon dev`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.page_server import serving_pages
from tests.support.browser import running_browser
from tests.support.processes import Service, running_dev

ARTIFACTS = Path(__file__).parents[2] / ".artifacts"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with running_browser() as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pages_url() -> AsyncIterator[str]:
    async with serving_pages() as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def dev() -> AsyncIterator[Service]:
    async with running_dev() as service:
        yield service


@pytest.fixture
def artifacts() -> Path:
    """Where tests leave what a person may want to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS
