"""A participant in a real page that runs the unchanged SFU client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Browser, Page

from tests.support.browser import eventually, open_page, stream_stats
from tests.support.processes import Service, token


@dataclass(frozen=True, slots=True)
class Snapshot:
    """getStats of every connection of one participant, taken together."""

    published: list[dict[str, Any]]
    received: dict[int, list[dict[str, Any]]]

    def outbound(self, kind: str) -> dict[str, Any]:
        return stream_stats(self.published, "outbound-rtp", kind)

    def inbound(self, publisher_id: int, kind: str) -> dict[str, Any]:
        return stream_stats(self.received[publisher_id], "inbound-rtp", kind)

    def frames_decoded(self, publisher_id: int) -> int:
        report = self.received.get(publisher_id, [])
        return sum(entry.get("framesDecoded", 0) for entry in report if entry["type"] == "inbound-rtp")

    def key_frame_requests(self) -> int:
        """Key-frame requests the publisher was sent."""
        video = self.outbound("video")
        return int(video.get("pliCount", 0)) + int(video.get("firCount", 0))


@dataclass(frozen=True, slots=True)
class SfuPage:
    page: Page
    user_id: int

    async def snapshot(self) -> Snapshot:
        stats = await self.page.evaluate("async () => (await import('/pages/participant.js')).stats()")
        received = {int(publisher): report for publisher, report in stats["received"].items()}
        return Snapshot(stats["published"], received)

    async def messages(self, kind: str) -> list[dict[str, Any]]:
        script = "(type) => window.participant.messages.filter((message) => message.type === type)"
        messages: list[dict[str, Any]] = await self.page.evaluate(script, kind)
        return messages

    async def until_decoding(self, *publisher_ids: int) -> None:
        """Wait until frames of all these publishers come out of the decoder."""
        await eventually(
            self.snapshot,
            lambda snapshot: all(snapshot.frames_decoded(publisher) > 2 for publisher in publisher_ids),
            what=f"decoded frames of {publisher_ids} at {self.user_id}",
        )


@asynccontextmanager
async def sfu_page(
    browser: Browser, pages_url: str, service: Service, user_id: int, room: str, *, views: bool = True
) -> AsyncIterator[SfuPage]:
    """Join `room` as a publisher and, unless `views` is off, as a viewer of everybody else."""
    async with open_page(browser, f"{pages_url}/pages/index.html") as page:
        await page.evaluate(
            "async (options) => (await import('/pages/participant.js')).startSfu(options)",
            {
                "url": service.websocket_url,
                "token": token(user_id, f"user-{user_id}"),
                "roomName": room,
                "views": views,
            },
        )
        yield SfuPage(page, user_id)
