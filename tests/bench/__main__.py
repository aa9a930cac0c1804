"""`make bench`: every benchmark in turn, each in a process of its own. `make bench ARGS="startup"` runs one by name."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = {
    "forwarding": ("tests.bench.engine.forwarding", "P1, P4: cost of forwarding, by one worker and by two"),
    "latency": ("tests.bench.engine.latency", "P5: latency added by forwarding"),
    "memory": ("tests.bench.engine.memory", "P6: memory per subscriber"),
    "first-frame": ("tests.bench.e2e.first_frame", "P8: subscribe-request to first decoded frame in Chromium"),
    "startup": ("tests.bench.e2e.startup", "P7, P11: start-up time and resident memory"),
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"unknown benchmark {', '.join(unknown)}: choose from {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    failed = []
    for name in names or BENCHMARKS:
        module, title = BENCHMARKS[name]
        print(f"\n== {name}: {title}", flush=True)
        if subprocess.run([sys.executable, "-m", module], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
