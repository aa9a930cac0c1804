"""P8: from `subscribe-request` to the first decoded frame in Chromium, with the publisher already live.

python -m tests.bench.e2e.first_frame [--joins 12]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time

from playwright.async_api import Page

from tests.e2e.page_server import serving_pages
from tests.e2e.sfu_page import sfu_page
from tests.support.browser import open_page, running_browser
from tests.support.processes import running_dev, token

ROOM = "first frame"
PUBLISHER = 1

# Asks once and measures in the page: nothing of the harness lies between request and frame. framesDecoded counts what
# left the decoder, whether or not a headless page draws it.
MEASURE = """
async ({ url, token, roomName, publisherId }) => {
  const ws = new WebSocket(url);
  const send = (message) => ws.send(JSON.stringify(message));
  const pc = new RTCPeerConnection();
  let started = 0;
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("no offer within 10 s")), 10_000);
    ws.onopen = () => send({ type: "auth", token });
    ws.onmessage = async ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "authenticated") {
        started = performance.now();
        send({ type: "subscribe-request", roomName, publisherId });
      } else if (message.type === "subscribe-offer") {
        await pc.setRemoteDescription({ type: "offer", sdp: message.offer });
        await pc.setLocalDescription();
        send({ type: "subscribe-answer", roomName, publisherId, answer: pc.localDescription.sdp });
        resolve();
      } else if (message.type === "error") {
        reject(new Error(message.message));
      }
    };
  });
  const receiver = pc.getReceivers().find(({ track }) => track.kind === "video");
  const deadline = started + 10_000;
  for (;;) {
    for (const entry of (await receiver.getStats()).values()) {
      if (entry.type === "inbound-rtp" && entry.framesDecoded > 0) return performance.now() - started;
    }
    if (performance.now() > deadline) throw new Error("no frame within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
"""


async def measure(page: Page, url: str, user_id: int) -> float:
    options = {"url": url, "token": token(user_id, f"viewer {user_id}"), "roomName": ROOM, "publisherId": PUBLISHER}
    return float(await page.evaluate(MEASURE, options))


async def main(joins: int) -> None:
    async with (
        running_dev() as service,
        serving_pages() as pages_url,
        running_browser() as browser,
        sfu_page(browser, pages_url, service, PUBLISHER, ROOM, views=False) as publisher,
    ):
        blank = f"{pages_url}/pages/index.html"
        await asyncio.sleep(2)
        before, started = (await publisher.snapshot()).key_frame_requests(), time.monotonic()
        times = []
        for number in range(joins):
            async with open_page(browser, blank) as page:
                times.append(await measure(page, service.websocket_url, PUBLISHER + 1 + number))
        requests = (await publisher.snapshot()).key_frame_requests() - before
        elapsed = time.monotonic() - started
        version = browser.version
    times.sort()
    print(
        "P8 subscribe-request to first decoded frame\n"
        f"  workload  1 publisher (Chromium {version}, fake camera 320x180 at 10 frames/s, VP8, Opus), {joins} joins\n"
        "            one after the other, each in a new page; rheon dev, 1 worker, loopback\n"
        f"  p50       {statistics.median(times):.0f} ms   (must 600, goal 250)\n"
        f"  min, max  {times[0]:.0f}, {times[-1]:.0f} ms\n"
        f"  requests  {requests} key frames asked of the publisher in {elapsed:.1f} s"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--joins", type=int, default=12)
    asyncio.run(main(parser.parse_args().joins))
