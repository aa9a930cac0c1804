"""How long the participants of a gateway are kept while it has no event stream."""

from __future__ import annotations

from collections.abc import Callable

from rheon_media_node.control.ports import Clock, Timer
from rheon_media_node.errors import TooMany
from rheon_media_node.router.values import GatewayId

KEPT_WITHOUT_STREAM = 30.0
"""Seconds: long enough for a gateway to reconnect or restart, and resume its sessions."""

MAX_GATEWAYS = 1024
"""Gateways that may be away at a time."""


class Gateways:
    """A timer for every gateway that is away."""

    def __init__(self, clock: Clock, lost: Callable[[GatewayId], None]) -> None:
        self._clock = clock
        self._lost = lost
        self._away: dict[GatewayId, Timer] = {}

    def command_from(self, gateway: GatewayId) -> None:
        """A gateway without a stream wants something made. Its time runs from the first such command.

        Raises TooMany.
        """
        if gateway not in self._away and len(self._away) >= MAX_GATEWAYS:
            raise TooMany("too many gateways without an event stream")
        self.away(gateway)

    def away(self, gateway: GatewayId) -> None:
        """A gateway has no stream: its time runs, and is not prolonged."""
        if gateway not in self._away:
            at = self._clock.time() + KEPT_WITHOUT_STREAM
            self._away[gateway] = self._clock.call_at(at, self._expire, gateway)

    def streaming(self, gateway: GatewayId) -> None:
        """A gateway has a stream again."""
        timer = self._away.pop(gateway, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Forget every gateway."""
        for timer in self._away.values():
            timer.cancel()
        self._away.clear()

    def _expire(self, gateway: GatewayId) -> None:
        del self._away[gateway]
        self._lost(gateway)
