"""A page with a peer connection of its own, which negotiates with the node's descriptions without any media."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from playwright.async_api import Page

from rheon_engine.types import Candidate, IceCredentials
from rheon_media_node.negotiation import (
    SUPPORTED,
    Capabilities,
    LocalTransport,
    PublishedTrack,
    PublisherIdentity,
    PublishNegotiation,
    SubscriptionAnswer,
    SubscriptionNegotiation,
    answer_publish,
    offer_subscription,
    read_description,
    read_subscription_answer,
)
from rheon_media_node.sdp import Fingerprint
from tests.support.session_descriptions import captured_offer

LOCAL = LocalTransport(
    ice=IceCredentials("ours", "our-password-of-24-chars"),
    candidates=(Candidate("192.0.2.10", 40000), Candidate("2001:db8::10", 40000)),
    fingerprint=Fingerprint("sha-256", ":".join(["AB"] * 32)),
    session_id=4611,
)
RESTARTED = replace(LOCAL, ice=IceCredentials("anew", "another-password-24-char"))
PUBLISHER = PublisherIdentity("pub7", "rheon-7")

SCRIPT = """() => {
window.media = (() => {
  const canvas = document.createElement('canvas');
  canvas.getContext('2d');
  const audio = new AudioContext();
  return {
    video: () => canvas.captureStream(1).getVideoTracks()[0],
    audio: () => audio.createMediaStreamDestination().stream.getAudioTracks()[0],
  };
})();
window.offer = async (options) => {
  await pc.setLocalDescription(await pc.createOffer(options));
  return pc.localDescription.sdp;
};
window.accept = async (sdp) => {
  await pc.setRemoteDescription({ type: 'answer', sdp });
  return pc.getTransceivers().map((transceiver) => transceiver.currentDirection);
};
window.answer = async (sdp, unwanted) => {
  await pc.setRemoteDescription({ type: 'offer', sdp });
  for (const transceiver of pc.getTransceivers()) {
    if (unwanted.includes(transceiver.mid)) transceiver.direction = 'inactive';
  }
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
};
window.fresh = () => {
  window.pc?.close();
  window.tracks = [];
  window.pc = new RTCPeerConnection();
  pc.ontrack = ({ track, streams }) => tracks.push([track.kind, track.id, streams.map((stream) => stream.id)]);
};
fresh();
}"""


async def publish(
    page: Page,
    previous: PublishNegotiation | None = None,
    *,
    local: LocalTransport = LOCAL,
    options: dict[str, Any] | None = None,
    capabilities: Capabilities = SUPPORTED,
) -> tuple[PublishNegotiation, list[str]]:
    """One round: Chromium's offer, our answer applied, its transceivers' directions."""
    offer = read_description(await page.evaluate("(options) => offer(options)", options or {}))
    negotiation = answer_publish(offer, local, PUBLISHER, previous, capabilities=capabilities)
    return negotiation, await page.evaluate("(sdp) => accept(sdp)", negotiation.answer_text)


def tracks_of(name: str) -> tuple[PublishedTrack, ...]:
    return answer_publish(read_description(captured_offer(name)), LOCAL, PUBLISHER).tracks


async def subscribe(
    page: Page,
    tracks: tuple[PublishedTrack, ...],
    previous: SubscriptionNegotiation | None = None,
    *,
    local: LocalTransport = LOCAL,
    unwanted: tuple[str, ...] = (),
    unknown_codec: str | None = None,
    data: bool = False,
) -> SubscriptionAnswer:
    """One round: our offer applied, Chromium's answer read."""
    ssrcs = itertools.count(1000 * (previous.version + 1) if previous else 1000)
    negotiation = offer_subscription(tracks, local, ssrcs.__next__, previous, data=data)
    text = negotiation.offer_text
    if unknown_codec is not None:
        text = text.replace(f" {unknown_codec}/", " unheard-of/")
    return read_subscription_answer(
        negotiation, await page.evaluate("([sdp, unwanted]) => answer(sdp, unwanted)", [text, list(unwanted)])
    )


async def directions(page: Page) -> list[list[str]]:
    found: list[list[str]] = await page.evaluate(
        "() => pc.getTransceivers().map(({ mid, currentDirection }) => [mid, currentDirection])"
    )
    return found
