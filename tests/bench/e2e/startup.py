"""P11 and P7: `rheon dev` from start to /ready, and the base memory of every kind of process.

python -m tests.bench.e2e.startup [--starts 5]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time

import psutil

from tests.support.processes import Service, running_dev, running_gateway_process, running_media_node_process


def resident_mib(service: Service) -> float:
    return float(psutil.Process(service.pid).memory_info().rss) / 2**20


async def main(starts: int) -> None:
    times, memory = [], []
    for _ in range(starts):
        started = time.monotonic()
        async with running_dev() as dev:
            times.append(time.monotonic() - started)
            memory.append(resident_mib(dev))
    async with running_media_node_process() as node, running_gateway_process(node.grpc_address) as gateway:
        node_memory, gateway_memory = resident_mib(node), resident_mib(gateway)
    print(
        "P11 `rheon dev` from start to /ready, P7 base resident memory\n"
        f"  workload  {starts} starts one after the other, no participants, 1 worker, /ready asked every 50 ms\n"
        f"  start     p50 {statistics.median(times):.2f} s, min {min(times):.2f}, max {max(times):.2f}"
        "   (must 3, goal 1)\n"
        f"  memory    dev {statistics.median(memory):.0f} MiB, gateway {gateway_memory:.0f} MiB (must 90, goal 60), "
        f"media node {node_memory:.0f} MiB (must 140, goal 110)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=5)
    asyncio.run(main(parser.parse_args().starts))
