"""Waiting times between attempts. Pure."""

from collections.abc import Iterator
from random import Random


def full_jitter(random: Random, *, base: float, cap: float) -> Iterator[float]:
    """Yield waiting times in seconds: uniform below a ceiling that doubles from `base` to `cap`, never below a tenth
    of the ceiling, so that attempts of many clients spread out and none of them spins."""
    ceiling = base
    while True:
        yield random.uniform(ceiling / 10, ceiling)
        ceiling = min(cap, ceiling * 2)
