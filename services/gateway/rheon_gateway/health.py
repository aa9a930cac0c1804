"""Is the gateway alive, and may it be given new work?"""

from rheon_gateway.metrics import SignalingCounters
from rheon_gateway.nodes import NodePool


class Health:
    """Answers of `/health` and `/ready`."""

    def __init__(self, nodes: NodePool, counters: SignalingCounters) -> None:
        self._nodes = nodes
        self._counters = counters
        self.stopping = False
        """Set when the gateway begins to shut down: it finishes what it has."""

    def report(self) -> dict[str, object]:
        """What `/health` says. A gateway that has lost its media nodes is degraded, not dead."""
        return {
            "status": "ok" if self._nodes_serve() else "degraded",
            "mode": "local",
            "redis_connected": False,
            "local_connections": self._counters.connections,
            "nodes": self._nodes.serving,
        }

    def ready(self) -> bool:
        """Whether new connections are welcome. A gateway without any configured node serves peer-to-peer rooms."""
        return not self.stopping and self._nodes_serve()

    def _nodes_serve(self) -> bool:
        return self._nodes.serving > 0 or self._nodes.configured == 0
