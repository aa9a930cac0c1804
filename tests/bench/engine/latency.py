"""P5: time a packet spends on the way through the engine.

python -m tests.bench.engine.latency [--subscribers 50] [--rate 300] [--seconds 10]
"""

from __future__ import annotations

import argparse
import asyncio

from tests.bench.engine.traffic import Workload, measure


async def main(workload: Workload) -> None:
    print(
        "P5 latency: from a publisher's send to a subscriber's receive, both loopback hops included\n"
        f"  workload  1 publisher, {workload.subscribers} subscribers, {workload.video:.0f} video packets/s in frames "
        f"of {workload.burst} spread over {workload.spread_us} µs, {workload.audio:.0f} audio packets/s, "
        f"{workload.seconds:.0f} s, engine pinned to one core"
    )
    result = await measure(workload)
    for name, text in (("audio", "audio packet"), ("frame", "last packet of a video frame")):
        figures = result.figures
        print(
            f"  {text:<29} p50 {figures[f'{name}-p50-us'] / 1000:.2f} ms, p99 {figures[f'{name}-p99-us'] / 1000:.2f} ms"
            f"   ({figures[f'{name}-samples']:.0f} packets; must 0.5 / 3, goal 0.2 / 1)"
        )
    print(f"  loss {100 * result.loss:.3f} %, {result.sent / result.seconds / 1000:.1f} kpps out")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=50)
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    asyncio.run(
        main(
            Workload(
                subscribers=options.subscribers,
                video=options.rate,
                seconds=options.seconds,
                spread_us=1500,
                audio=50,
            )
        )
    )
