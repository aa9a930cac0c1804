"""A measured call: an engine in this process on one core, the traffic generator on another."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rheon_engine.engine import Engine, Track, Transport
from rheon_engine.types import Encoding, ForwardParameters, IceCredentials, TrackParameters

ENGINE = Path(__file__).parents[3] / "libs" / "engine"
PASSWORD = "p" * 24
PUBLISHER_KEY, SUBSCRIBER_KEY, UNUSED_KEY = bytes([1]) * 28, bytes([2]) * 28, bytes([3]) * 28

AUDIO = TrackParameters(
    kind="audio",
    mid="0",
    codec="opus",
    payload_type=111,
    clock_rate=48000,
    encodings=(Encoding(ssrc=1001),),
    cname="publisher",
)
VIDEO = TrackParameters(
    kind="video",
    mid="1",
    codec="VP8",
    payload_type=96,
    clock_rate=90000,
    encodings=(Encoding(ssrc=2001),),
    cname="publisher",
    nack=True,
    pli=True,
)


@dataclass(frozen=True)
class Workload:
    """What the generator sends. Sizes are of protected packets; video and audio are packets a second."""

    subscribers: int = 100
    seconds: float = 10
    video: float = 300
    burst: int = 8
    size: int = 1100
    spread_us: int = 0
    audio: float = 0
    segmentation: Literal["auto", "off"] = "auto"
    workers: int = 1
    """The publisher is on the first, subscribers take turns."""

    def arguments(self, servers: Sequence[str]) -> list[str]:
        """The generator's command line."""
        return [
            f"servers={','.join(servers)}",
            f"subscribers={self.subscribers}",
            f"seconds={self.seconds}",
            f"video={self.video}",
            f"burst={self.burst}",
            f"size={self.size}",
            f"spread-us={self.spread_us}",
            f"audio={self.audio}",
        ]


@dataclass(frozen=True)
class Measured:
    """What came of it."""

    seconds: float
    cpu_seconds: float
    """User and system time of this process while it forwarded."""
    sent: int
    send_calls: int
    received: int
    receive_calls: int
    drops: dict[str, int]
    memory_before: int
    """Resident bytes with the publisher connected and no subscriber."""
    memory_after: int
    figures: dict[str, float]
    """What the generator printed."""

    @property
    def cpu_us_per_packet(self) -> float:
        """CPU microseconds per packet sent."""
        return self.cpu_seconds * 1e6 / max(self.sent, 1)

    @property
    def packets_per_call(self) -> float:
        """Packets per `sendmmsg`."""
        return self.sent / max(self.send_calls, 1)

    @property
    def loss(self) -> float:
        """Fraction of what every subscriber should have received that it did not."""
        return 1 - self.figures["received"] / max(self.figures["expected"], 1)


def generator() -> Path:
    """The traffic generator, built if need be."""
    command = ["cargo", "build", "--release", "--quiet", "-p", "rheon-engine-bench"]
    subprocess.run(command, cwd=ENGINE, check=True)
    return ENGINE / "target" / "release" / "rheon-traffic"


async def measure(workload: Workload) -> Measured:
    """Run a workload over loopback and measure this process."""
    cores = sorted(os.sched_getaffinity(0))
    binary = generator()
    os.sched_setaffinity(0, cores[:1])
    try:
        with Engine(bind="127.0.0.1", port=0, workers=workload.workers, segmentation=workload.segmentation) as engine:
            return await _measure(engine, workload, binary, cores[-1])
    finally:
        os.sched_setaffinity(0, cores)


async def _measure(engine: Engine, workload: Workload, binary: Path, core: int) -> Measured:
    publisher = _transport(engine, 0, "publ", UNUSED_KEY, PUBLISHER_KEY)
    audio, video = publisher.add_track(AUDIO), publisher.add_track(VIDEO)
    await engine.stats()
    memory_before = _resident()
    subscribers = [
        _transport(engine, number % workload.workers, f"s{number:04}", SUBSCRIBER_KEY, UNUSED_KEY)
        for number in range(workload.subscribers)
    ]
    candidates = [engine.candidates(worker)[0] for worker in range(workload.workers)]
    process = await asyncio.create_subprocess_exec(
        binary,
        *workload.arguments([f"{candidate.address}:{candidate.port}" for candidate in candidates]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    os.sched_setaffinity(process.pid, {core})
    assert process.stdin is not None
    assert process.stdout is not None
    output = process.stdout
    try:
        await _line(output, "ready")
        for number, subscriber in enumerate(subscribers):
            _subscribe(subscriber, number, audio, video)
            # The worker takes commands faster than a queue of them fills, if it is let.
            await asyncio.sleep(0)
        await engine.stats()
        process.stdin.write(b"go\n")
        await _line(output, "measure")
        before = await _counters(engine)
        cpu_before, clock_before = time.process_time(), asyncio.get_running_loop().time()
        await _line(output, "done")
        cpu_after, clock_after = time.process_time(), asyncio.get_running_loop().time()
        after = await _counters(engine)
        figures = await _figures(output)
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Measured(
        seconds=clock_after - clock_before,
        cpu_seconds=cpu_after - cpu_before,
        sent=after["packets_sent"] - before["packets_sent"],
        send_calls=after["send_calls"] - before["send_calls"],
        received=after["packets_received"] - before["packets_received"],
        receive_calls=after["receive_calls"] - before["receive_calls"],
        drops={
            name[6:]: after[name] - before[name]
            for name in after
            if name[:6] == "drops." and after[name] > before[name]
        },
        memory_before=memory_before,
        memory_after=_resident(),
        figures=figures,
    )


def _transport(engine: Engine, worker: int, ufrag: str, send: bytes, receive: bytes) -> Transport:
    transport = engine.add_transport(ice=IceCredentials(ufrag, PASSWORD), worker=worker)
    transport.set_srtp("AEAD_AES_128_GCM", send, receive)
    return transport


def _subscribe(subscriber: Transport, number: int, audio: Track, video: Track) -> None:
    subscriber.add_forward(audio, ForwardParameters(mid="0", ssrc=10_000 + number, payload_type=111))
    subscriber.add_forward(video, ForwardParameters(mid="1", ssrc=20_000 + number, payload_type=96, nack=True))


async def _counters(engine: Engine) -> Counter[str]:
    """The workers' counters in sum."""
    sums: Counter[str] = Counter()
    for worker in (await engine.stats()).workers:
        for name in ("packets_sent", "send_calls", "packets_received", "receive_calls"):
            sums[name] += getattr(worker, name)
        for reason, count in worker.drops.items():
            sums[f"drops.{reason}"] += count
    return sums


async def _line(output: asyncio.StreamReader, expected: str) -> None:
    line = (await output.readline()).decode().strip()
    if line != expected:
        raise RuntimeError(f"the traffic generator said {line!r} instead of {expected!r}")


async def _figures(output: asyncio.StreamReader) -> dict[str, float]:
    figures = {}
    while (line := (await output.readline()).decode().strip()) != "end":
        name, _, value = line.partition("=")
        figures[name] = float(value)
    return figures


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")
