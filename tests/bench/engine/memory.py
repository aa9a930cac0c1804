"""P6: resident memory of the engine's process per subscriber connection.

python -m tests.bench.engine.memory [--subscribers 400]
"""

from __future__ import annotations

import argparse
import asyncio

from tests.bench.engine.traffic import Workload, measure


async def main(workload: Workload) -> None:
    result = await measure(workload)
    each = (result.memory_after - result.memory_before) / workload.subscribers / 1024
    print(
        "P6 memory per subscriber connection (ICE, SRTP, 1 audio and 1 video forward; no DTLS)\n"
        f"  workload  {workload.subscribers} subscribers of 1 publisher, {workload.video:.0f} video and "
        f"{workload.audio:.0f} audio packets/s in, {workload.seconds:.0f} s of traffic\n"
        f"  engine    {each:.1f} KiB each   (must 200, goal 80, for the whole media node); "
        f"resident {result.memory_before / 2**20:.1f} MiB before, {result.memory_after / 2**20:.1f} MiB after"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=400)
    subscribers = parser.parse_args().subscribers
    asyncio.run(main(Workload(subscribers=subscribers, seconds=5, video=96, audio=50)))
