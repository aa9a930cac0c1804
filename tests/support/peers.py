"""What the tests of other WebRTC implementations have in common: what a peer counts, and how a call is judged by it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from tests.e2e.sfu_page import SfuPage, Snapshot
from tests.support.browser import eventually

CALL_SECONDS = 6.0
CONNECT_SECONDS = 45.0
"""Patience for the first frames: several media stacks share few cores."""
GOOD_SHARE = 0.8
"""Of what was sent: the two ends are not asked at the same instant, and a decoder holds some frames back."""
FEWEST_FRAMES = 25
"""A call of ten frames a second that shows fewer was no call."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a peer has sent and got since it started."""

    frames_sent: int
    """Video frames given to the encoder, or to the network where the peer works on RTP packets."""
    frames_received: int
    """Video frames that came out of the decoder, or whole ones from the network where the peer works on RTP packets."""
    audio_received: float
    """Seconds of sound that came out of the decoder, or from the network."""
    audio_heard: float = 0.0
    """Sum of the absolute samples received, 1.0 being full scale: grows only if there is something to hear."""


class Peer(Protocol):
    """A participant that publishes a camera and a microphone and views everybody else."""

    @property
    def user_id(self) -> int: ...

    async def counts(self) -> Counts: ...


@dataclass(frozen=True, slots=True)
class Moment:
    """Both ends of a call at about the same time."""

    peer: Counts
    page: Snapshot


async def moment(peer: Peer, page: SfuPage) -> Moment:
    counts, snapshot = await asyncio.gather(peer.counts(), page.snapshot())
    return Moment(counts, snapshot)


async def both_decode(peer: Peer, page: SfuPage) -> None:
    """Wait until media flows in both directions."""
    await eventually(
        lambda: moment(peer, page),
        lambda now: (
            now.peer.frames_received > 2
            and now.peer.audio_received > 0
            and now.page.frames_decoded(peer.user_id) > 2
            and now.page.inbound(peer.user_id, "audio")["packetsReceived"] > 0
        ),
        within=CONNECT_SECONDS,
        what="media in both directions",
    )


async def decodes(peer: Peer) -> None:
    """Wait until frames come out of the peer's decoder."""
    await eventually(
        peer.counts, lambda counts: counts.frames_received > 2, within=CONNECT_SECONDS, what="decoded frames"
    )


async def observe(peer: Peer, page: SfuPage, seconds: float = CALL_SECONDS) -> tuple[Moment, Moment]:
    """Begin and end of a stretch of a call."""
    before = await moment(peer, page)
    await asyncio.sleep(seconds)
    return before, await moment(peer, page)


def assert_page_saw_peer(peer: Peer, before: Moment, after: Moment) -> None:
    """Chromium decoded what the peer sent, and heard it."""
    sent = after.peer.frames_sent - before.peer.frames_sent
    decoded = after.page.frames_decoded(peer.user_id) - before.page.frames_decoded(peer.user_id)
    assert sent >= FEWEST_FRAMES, f"the peer sent {sent} frames"
    assert decoded >= GOOD_SHARE * sent, f"Chromium decoded {decoded} of the peer's {sent} frames"
    first, last = (each.page.inbound(peer.user_id, "audio") for each in (before, after))
    assert last["packetsReceived"] > first["packetsReceived"] + 100, "Chromium got no sound of the peer"
    assert last["totalAudioEnergy"] > first["totalAudioEnergy"], "Chromium heard nothing of the peer"


def assert_peer_saw_page(before: Moment, after: Moment, *, decodes: bool = True) -> None:
    """The peer got what Chromium sent: as decoded frames and sound, or as packets where it has no decoder."""
    sent = after.page.outbound("video")["framesSent"] - before.page.outbound("video")["framesSent"]
    received = after.peer.frames_received - before.peer.frames_received
    assert sent >= FEWEST_FRAMES, f"Chromium sent {sent} frames"
    assert received >= GOOD_SHARE * sent, f"the peer got {received} of Chromium's {sent} frames"
    assert after.peer.audio_received - before.peer.audio_received >= GOOD_SHARE * CALL_SECONDS, "sound was missing"
    if decodes:
        assert after.peer.audio_heard > before.peer.audio_heard, "the peer heard nothing of Chromium"
