"""How much one connection may do. Pure: `now` is any clock in seconds that never goes back."""

from dataclasses import dataclass
from typing import Final

MESSAGE_RATE: Final = 50.0
MESSAGE_BURST: Final = 1000
CANDIDATE_RATE: Final = 200.0
CANDIDATE_BURST: Final = 2000
"""Candidates are not refused for their number; beyond this they are read no faster than `CANDIDATE_RATE`."""
REFUSALS_BEFORE_CLOSE: Final = 200
"""Messages refused for their rate, without a quiet second in between, before the connection is closed."""
QUIET: Final = 1.0

MAX_ROOMS: Final = 64
"""Rooms one connection may be busy in at a time."""
MAX_PENDING: Final = 1024
"""Messages of one connection waiting for their turn; while there are so many, no more are read from its socket."""
MAX_OUTGOING_BYTES: Final = 1024 * 1024

FIRST_MESSAGE_DEADLINE: Final = 10.0
PING_INTERVAL: Final = 20.0
SILENCE: Final = 40.0


class TokenBucket:
    """Allows `burst` at once and `rate` per second in the long run."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> float:
        """Take one token: 0.0 when there was one, else the seconds until there is (and nothing is taken)."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate


@dataclass(slots=True)
class Refusals:
    """Counts refused messages that follow one another closely."""

    count: int = 0
    last: float = float("-inf")

    def add(self, now: float) -> bool:
        """Count one; True when the sender persists."""
        self.count = self.count + 1 if now - self.last < QUIET else 1
        self.last = now
        return self.count >= REFUSALS_BEFORE_CLOSE
