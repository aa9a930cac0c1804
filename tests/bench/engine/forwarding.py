"""P1: CPU time per forwarded video packet, with and without segmentation offload; P4: over two workers.

python -m tests.bench.engine.forwarding [--subscribers 100] [--rate 300] [--seconds 10]
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace

from tests.bench.engine.traffic import Workload, measure


async def main(workload: Workload) -> None:
    print(
        "P1 video forwarding: CPU µs (user + system of the engine's process) per forwarded packet\n"
        f"  workload  1 publisher, {workload.subscribers} subscribers over loopback, {workload.size}-byte packets in "
        f"bursts of {workload.burst}, {workload.video:.0f} packets/s in, AES-128-GCM, {workload.seconds:.0f} s, "
        "engine pinned to one core"
    )
    await row("GSO on", workload)
    await row("GSO off", replace(workload, segmentation="off"))
    await row("P4 two workers", replace(workload, workers=2))


async def row(name: str, workload: Workload) -> None:
    result = await measure(workload)
    print(
        f"  {name:<15} {result.cpu_us_per_packet:.2f} µs"
        f"   ({result.sent / result.seconds / 1000:.1f} kpps out, "
        f"{100 * result.cpu_seconds / result.seconds:.0f} % of the core, "
        f"{result.packets_per_call:.0f} packets/sendmmsg, loss {100 * result.loss:.3f} %; must 4, goal 2)"
    )
    if result.drops:
        print(f"                  drops {result.drops}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=100)
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    asyncio.run(main(Workload(subscribers=options.subscribers, video=options.rate, seconds=options.seconds)))
