"""Real Chromium under Playwright, with fake devices and loopback media."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psutil
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

_T = TypeVar("_T")

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    # Headless tabs are all in the background: none may be slowed down for it.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)


def chromium_path() -> str:
    """The browser to test with: $CHROMIUM, else the system's."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        raise RuntimeError("No Chromium: install the package `chromium`, or name a binary in $CHROMIUM")
    return path


@asynccontextmanager
async def running_browser(*, camera_allowed: bool = True) -> AsyncIterator[Browser]:
    """A Chromium of its own."""
    flags = [flag for flag in FLAGS if camera_allowed or flag != "--use-fake-ui-for-media-stream"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(frozen=True, slots=True)
class Freezer:
    """Stops and continues every process of one browser."""

    others: frozenset[int]
    """Children of ours from before the browser was started."""

    def freeze(self) -> None:
        """SIGSTOP: its network falls silent at once, without a farewell."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # browsers end processes of theirs at any time
                if process.pid not in self.others and "chrom" in process.name():
                    process.send_signal(number)


@asynccontextmanager
async def freezable_browser() -> AsyncIterator[tuple[Browser, Freezer]]:
    """A Chromium of its own and what freezes it."""
    freezer = Freezer(frozenset(process.pid for process in psutil.Process().children(recursive=True)))
    async with running_browser() as browser:
        try:
            yield browser, freezer
        finally:
            freezer.thaw()


@asynccontextmanager
async def open_page(browser: Browser, url: str, *, width: int = 1280, height: int = 800) -> AsyncIterator[Page]:
    """A tab in a context of its own (nothing shared with other participants). An uncaught script error fails it."""
    context: BrowserContext = await browser.new_context(viewport={"width": width, "height": height})
    errors: list[str] = []
    try:
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
        await page.goto(url)
        yield page
    finally:
        await context.close()
    assert not errors, errors


async def eventually(
    probe: Callable[[], Awaitable[_T]],
    accept: Callable[[_T], bool],
    *,
    within: float = 15.0,
    what: str = "a condition",
) -> _T:
    """The first value of `probe` that `accept` takes, asked for ten times a second."""
    deadline = time.monotonic() + within
    while True:
        value = await probe()
        if accept(value):
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"no {what} within {within:.0f} s; last: {value!r}")
        await asyncio.sleep(0.1)


def stream_stats(report: list[dict[str, Any]], kind_of_entry: str, kind: str) -> dict[str, Any]:
    """The one entry of this type ("inbound-rtp", "outbound-rtp") and media kind in a getStats report."""
    entries = [entry for entry in report if entry["type"] == kind_of_entry and entry.get("kind") == kind]
    assert len(entries) == 1, f"{len(entries)} {kind} {kind_of_entry} entries"
    return entries[0]
