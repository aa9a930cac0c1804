"""Durations as people write them: 90s, 15m, 1h, 7d."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PATTERN: Final = re.compile(r"([1-9][0-9]{0,8})([smhd])")

LONGEST: Final = timedelta(days=3650)


def parse_duration(text: str) -> timedelta:
    """A positive duration of at most ten years; ValueError says what was expected."""
    match = _PATTERN.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write a whole number and one of s, m, h, d, for example 1h")
    duration = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    if duration > LONGEST:
        raise ValueError(f"{text!r} is longer than ten years")
    return duration
