"""The demo page as a person uses it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import open_page, running_browser
from tests.support.processes import Service, running_dev

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

FIGURES = re.compile(r"320 \u00d7 180.*[1-9]\d* frames/s.*[1-9]\d* kbit/s.*0\.0 % loss")
TIMEOUT = 20_000
"""Milliseconds."""


@asynccontextmanager
async def joined(browser: Browser, dev: Service, name: str, room: str, *, picture: str = "low") -> AsyncIterator[Page]:
    async with open_page(browser, f"{dev.url}/") as page:
        await page.get_by_label("Your name").fill(name)
        await page.get_by_label("Room").fill(room)
        await page.get_by_label("Picture").select_option(picture)
        await page.get_by_role("button", name="Join", exact=True).click()
        await expect(page.get_by_role("heading", name=room)).to_be_visible(timeout=TIMEOUT)
        yield page


async def test_two_participants_see_each_other(browser: Browser, dev: Service, artifacts: Path) -> None:
    room = "Kitchen table"
    async with joined(browser, dev, "Ada Lovelace", room) as ada:
        async with joined(browser, dev, "Grace Hopper", room) as grace:
            for page, other in ((ada, "Grace Hopper"), (grace, "Ada Lovelace")):
                tile = page.get_by_role("article", name=other)
                await expect(tile).to_contain_text(FIGURES, timeout=TIMEOUT)
                await expect(tile).to_have_class(re.compile("showing"))
            await expect(ada.get_by_text("2 people")).to_be_visible()
            await ada.screenshot(path=artifacts / "demo-call.png")

            await ada.get_by_role("button", name="Mute microphone").click()
            await expect(ada.get_by_role("button", name="Unmute microphone")).to_be_visible()
            there = grace.get_by_role("article", name="Ada Lovelace")
            await expect(there.get_by_role("img", name="Microphone muted")).to_be_visible()
            await ada.get_by_role("button", name="Turn camera off").click()
            await expect(there).not_to_have_class(re.compile("showing"))
            await ada.get_by_role("button", name="Turn camera on").click()
            await ada.get_by_role("button", name="Unmute microphone").click()
            await expect(there).to_have_class(re.compile("showing"))
            await expect(there.get_by_role("img", name="Microphone muted")).to_have_count(0)
            await grace.get_by_role("button", name="Leave the call").click()
            await expect(grace.get_by_role("heading", name="Join a call")).to_be_visible()
            await expect(ada.get_by_role("article", name="Grace Hopper")).to_have_count(0, timeout=TIMEOUT)
        await expect(ada.get_by_text("Only you")).to_be_visible()


async def test_a_person_chooses_the_size_of_a_picture(browser: Browser, dev: Service, artifacts: Path) -> None:
    room = "Gallery"
    async with (
        joined(browser, dev, "Ada Lovelace", room, picture="standard") as ada,
        joined(browser, dev, "Grace Hopper", room) as grace,
    ):
        tile = grace.get_by_role("article", name="Ada Lovelace")
        choice = tile.get_by_label("Picture of Ada Lovelace")
        # The browser adds layers as its bandwidth estimate grows.
        await expect(tile).to_contain_text("640 \u00d7 360", timeout=3 * TIMEOUT)
        # What is sent in two layers counts as one picture.
        own = re.compile(r"640 \u00d7 360\D*([12]?\d|3[0-5]) frames/s")
        await expect(ada.get_by_role("article", name="Ada Lovelace (you)")).to_contain_text(own, timeout=TIMEOUT)
        await choice.select_option("Low")
        await expect(tile).to_contain_text("320 \u00d7 180", timeout=TIMEOUT)
        await grace.screenshot(path=artifacts / "demo-layers.png")
        await choice.select_option("Medium")
        await expect(tile).to_contain_text("640 \u00d7 360", timeout=TIMEOUT)
        await expect(tile).to_have_class(re.compile("showing"))
        await grace.set_viewport_size({"width": 390, "height": 780})
        await grace.screenshot(path=artifacts / "demo-layers-narrow.png")


async def test_the_call_comes_back_after_the_server_was_started_anew(browser: Browser) -> None:
    room = "Workshop"
    async with (
        running_dev() as dev,
        joined(browser, dev, "Ada", room) as ada,
        joined(browser, dev, "Grace", room) as grace,
    ):
        await expect(ada.get_by_role("article", name="Grace")).to_contain_text(FIGURES, timeout=TIMEOUT)
        await dev.stop()
        await expect(ada.locator("#call-state")).to_contain_text("Reconnecting", timeout=TIMEOUT)
        port = str(urlsplit(dev.url).port)
        async with running_dev(PORT=port, JWT_SECRET="another secret, which knows none of the tokens"):
            for page, other in ((ada, "Grace"), (grace, "Ada")):
                await expect(page.locator("#call-state")).to_be_hidden(timeout=2 * TIMEOUT)
                await expect(page.get_by_role("article", name=other)).to_contain_text(FIGURES, timeout=TIMEOUT)
                await expect(page.get_by_text("2 people")).to_be_visible()


async def test_a_refused_token_says_what_to_do(browser: Browser, dev: Service, artifacts: Path) -> None:
    async with open_page(browser, f"{dev.url}/") as page:
        await page.route("**/dev/token", lambda route: route.fulfill(status=404))
        await page.reload()
        await page.get_by_label("Your name").fill("Mallory")
        await page.get_by_label("Room").fill("anywhere")
        await page.get_by_label("Access token").fill("not a token")
        await page.get_by_role("button", name="Join", exact=True).click()
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("The token was refused", timeout=TIMEOUT)
        await expect(alert).to_contain_text("rheon token create")
        await page.screenshot(path=artifacts / "demo-refused.png")


async def test_with_a_blocked_camera_one_can_still_watch(dev: Service, artifacts: Path) -> None:
    async with running_browser(camera_allowed=False) as browser, open_page(browser, f"{dev.url}/") as page:
        await page.get_by_label("Your name").fill("Will")
        await page.get_by_label("Room").fill("Cinema")
        await page.get_by_role("button", name="Join", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("Camera and microphone are blocked")
        await page.screenshot(path=artifacts / "demo-blocked.png")
        await page.get_by_role("button", name="Join and only watch").click()
        await expect(page.get_by_role("heading", name="Cinema")).to_be_visible(timeout=TIMEOUT)
        await expect(page.get_by_role("button", name="Unmute microphone")).to_be_disabled()


async def test_people_chat(browser: Browser, dev: Service, artifacts: Path) -> None:
    room = "Chatter"
    async with joined(browser, dev, "Ada Lovelace", room) as ada, joined(browser, dev, "Grace Hopper", room) as grace:
        for page, other in ((ada, "Grace Hopper"), (grace, "Ada Lovelace")):
            await expect(page.get_by_role("article", name=other)).to_have_class(re.compile("showing"), timeout=TIMEOUT)
        for page in (ada, grace):
            await page.get_by_role("button", name="Chat", exact=True).click()
            await expect(page.get_by_placeholder("Message to everybody")).to_be_focused(timeout=TIMEOUT)
        # Nobody is told when the others' ends have opened: said until it is heard.
        heard = grace.get_by_role("listitem").filter(has_text="Can you hear me?")
        for _ in range(20):
            await ada.keyboard.type("Can you hear me?")
            await ada.keyboard.press("Enter")
            try:
                await expect(heard.first).to_be_visible(timeout=1000)
                break
            except AssertionError:
                continue
        await grace.keyboard.type("Loud and clear: mute and camera keep their keys to themselves.")
        await grace.keyboard.press("Enter")
        await expect(ada.get_by_role("listitem").filter(has_text="Loud and clear")).to_be_visible(timeout=TIMEOUT)
        await expect(ada.get_by_role("button", name="Mute microphone")).to_be_visible()
        await ada.screenshot(path=artifacts / "demo-chat.png")
        await ada.set_viewport_size({"width": 390, "height": 780})
        await ada.screenshot(path=artifacts / "demo-chat-narrow.png")
        await ada.set_viewport_size({"width": 1280, "height": 800})

        await ada.keyboard.press("Escape")
        await expect(ada.get_by_role("complementary", name="Chat")).to_be_hidden()
        await grace.keyboard.type("Are you still there?")
        await grace.keyboard.press("Enter")
        await expect(ada.get_by_role("button", name="Chat, 1 unread")).to_be_visible(timeout=TIMEOUT)
        await ada.screenshot(path=artifacts / "demo-chat-unread.png")
