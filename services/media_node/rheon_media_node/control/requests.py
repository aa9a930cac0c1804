"""Results of commands by request id, so that a repeated command gets the first result."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rheon_media_node.router.values import Participant

R = TypeVar("R")

MAX_RESULTS = 1024
"""Results kept; beyond it the oldest is forgotten, and a repeated command is carried out again."""

KEPT_FOR = 30.0
"""Seconds a result is kept: longer than any gateway retries."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Names one command of one session."""

    command: str
    participant: Participant
    request_id: str


class Results:
    """A bounded memory of results. Failures are not kept: repeating a failed command tries again."""

    def __init__(self, limit: int = MAX_RESULTS) -> None:
        self._limit = limit
        self._results: OrderedDict[RequestKey, tuple[float, object]] = OrderedDict()

    def once(self, key: RequestKey, now: float, command: Callable[[], R]) -> R:
        """The result of the first command with this key, carrying it out if it is the first.

        An empty request id is never remembered.
        """
        self._expire(now)
        if not key.request_id:
            return command()
        known = self._results.get(key)
        if known is not None:
            return known[1]  # type: ignore[return-value] # the key names the command, which has one type of result
        result = command()
        self._results[key] = (now, result)
        if len(self._results) > self._limit:
            self._results.popitem(last=False)
        return result

    def __len__(self) -> int:
        return len(self._results)

    def _expire(self, now: float) -> None:
        while self._results:
            made, _ = next(iter(self._results.values()))
            if now - made < KEPT_FOR:
                return
            self._results.popitem(last=False)
