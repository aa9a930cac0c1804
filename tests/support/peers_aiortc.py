"""A participant made of aiortc's client: synthetic tracks out, decoded frames counted in."""

from __future__ import annotations

import array
import asyncio
import fractions
import math
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AUDIO_PTIME, VIDEO_CLOCK_RATE, MediaStreamError
from av import AudioFrame, VideoFrame

from tests.support.peers import Counts
from tests.support.processes import Service, token

_SAMPLE_RATE = 48000
_SAMPLES = int(_SAMPLE_RATE * AUDIO_PTIME)
_FRAME_RATE = 10
_WIDTH, _HEIGHT = 320, 180


class Tone(MediaStreamTrack):
    """A 440 Hz sine, mono."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._pace = _Pace(AUDIO_PTIME)

    async def recv(self) -> AudioFrame:
        start = await self._pace.next() * _SAMPLES
        samples = array.array(
            "h", (int(8000 * math.sin(2 * math.pi * 440 * (start + i) / _SAMPLE_RATE)) for i in range(_SAMPLES))
        )
        frame = AudioFrame(format="s16", layout="mono", samples=_SAMPLES)
        frame.planes[0].update(samples.tobytes())
        frame.pts, frame.sample_rate, frame.time_base = start, _SAMPLE_RATE, fractions.Fraction(1, _SAMPLE_RATE)
        return frame


class Bars(MediaStreamTrack):
    """A grey picture that gets lighter with every frame."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        self._pace = _Pace(1 / _FRAME_RATE)

    async def recv(self) -> VideoFrame:
        number = await self._pace.next()
        frame = VideoFrame(width=_WIDTH, height=_HEIGHT, format="yuv420p")
        for plane, value in zip(frame.planes, (16 + number % 200, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts, frame.time_base = number * VIDEO_CLOCK_RATE // _FRAME_RATE, fractions.Fraction(1, VIDEO_CLOCK_RATE)
        self.sent += 1
        return frame


class _Pace:
    """Counts steps of equal length; a late step is not made up for by sleeping less than nothing."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._start = time.monotonic()
        self._count = -1

    async def next(self) -> int:
        self._count += 1
        await asyncio.sleep(max(0.0, self._start + self._count * self._interval - time.monotonic()))
        return self._count


class AiortcPeer:
    """Publishes Opus and VP8 and views the publishers of the room: those in `watches`, or all."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, user_id: int, room: str, watches: Collection[int] | None
    ) -> None:
        self._socket = socket
        self._user_id = user_id
        self._room = room
        self._watches = watches
        self._publisher = RTCPeerConnection()
        self._viewers: dict[int, RTCPeerConnection] = {}
        self._picture = Bars()
        self._frames = 0
        self._audio_seconds = 0.0
        self._heard = 0.0
        self._sinks: asyncio.TaskGroup | None = None
        self.running = asyncio.create_task(self._run())

    @property
    def user_id(self) -> int:
        return self._user_id

    async def counts(self) -> Counts:
        if self.running.done():
            self.running.result()
            raise RuntimeError("the server closed the connection")
        return Counts(self._picture.sent, self._frames, self._audio_seconds, self._heard)

    def codecs(self) -> set[str]:
        """Codecs of what is published, as negotiated."""
        answer = self._publisher.remoteDescription.sdp
        return {line.split()[1].split("/")[0] for line in answer.splitlines() if line.startswith("a=rtpmap:")}

    async def _run(self) -> None:
        """Take part until cancelled."""
        await self._send("auth", token=token(self._user_id, "aiortc"))
        self._publisher.addTrack(Tone())
        self._publisher.addTrack(self._picture)
        await self._publisher.setLocalDescription(await self._publisher.createOffer())
        await self._send("publish-offer", roomName=self._room, offer=self._publisher.localDescription.sdp)
        try:
            async with asyncio.TaskGroup() as self._sinks:
                async for message in self._socket:
                    await self._handle(message.json())
        finally:
            for connection in (self._publisher, *self._viewers.values()):
                await connection.close()

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._socket.send_json({"type": kind, **fields})

    async def _handle(self, message: dict[str, Any]) -> None:
        publisher = message.get("publisherId")
        match message["type"]:
            case "publish-answer":
                await self._publisher.setRemoteDescription(RTCSessionDescription(message["answer"], "answer"))
            case "new-publisher" if self._watches is None or publisher in self._watches:
                await self._send("subscribe-request", roomName=self._room, publisherId=publisher)
            case "subscribe-offer":
                await self._subscribe(message["publisherId"], message["offer"])
            case "publisher-left":
                if viewer := self._viewers.pop(message["publisherId"], None):
                    await viewer.close()
            case "error":
                raise RuntimeError(f"the server answered {message}")

    async def _subscribe(self, publisher: int, offer: str) -> None:
        if publisher not in self._viewers:
            viewer = self._viewers[publisher] = RTCPeerConnection()
            viewer.on("track", self._watch)
        viewer = self._viewers[publisher]
        await viewer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await viewer.setLocalDescription(await viewer.createAnswer())
        answer = viewer.localDescription.sdp
        await self._send("subscribe-answer", roomName=self._room, publisherId=publisher, answer=answer)

    def _watch(self, track: MediaStreamTrack) -> None:
        assert self._sinks is not None
        self._sinks.create_task(self._consume(track))

    async def _consume(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, VideoFrame):
                self._frames += 1
            elif isinstance(frame, AudioFrame):
                self._audio_seconds += frame.samples / frame.sample_rate
                samples = array.array("h", bytes(frame.planes[0]))
                self._heard += sum(map(abs, samples[::16])) / 32768


@asynccontextmanager
async def aiortc_peer(
    service: Service, user_id: int, room: str, *, watches: Collection[int] | None = None
) -> AsyncIterator[AiortcPeer]:
    """A peer that has begun to join `room`."""
    async with aiohttp.ClientSession() as http, http.ws_connect(service.websocket_url) as socket:
        peer = AiortcPeer(socket, user_id, room, watches)
        try:
            yield peer
        finally:
            peer.running.cancel()
            await asyncio.wait([peer.running])
