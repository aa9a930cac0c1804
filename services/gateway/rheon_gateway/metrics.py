"""What `/metrics` shows. Values are read when they are asked for; only events are counted as they happen."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from rheon_cluster import NodeId
from rheon_gateway.nodes import NodeStatistics


class SignalingCounters:
    """Events of the gateway's own."""

    def __init__(self) -> None:
        self.connections = 0
        """Open sockets."""
        self.errors: Counter[int] = Counter()
        """Error messages sent, by code."""
        self.candidates = 0
        """Client candidates the server had no use for."""

    def error(self, code: int) -> None:
        """Count an error message."""
        self.errors[int(code)] += 1

    def candidate(self) -> None:
        """Count a dropped candidate."""
        self.candidates += 1


class GatewayMetrics:
    """Registers the instruments of a gateway."""

    def __init__(self, meter: Meter, counters: SignalingCounters, rooms: Callable[[], int]) -> None:
        self._nodes: Mapping[NodeId, NodeStatistics] = {}
        self._gauge(
            meter, "rheon_connections", "Open WebSocket connections", lambda: [Observation(counters.connections)]
        )
        self._gauge(meter, "rheon_rooms", "Rooms with a member on this gateway", lambda: [Observation(rooms())])
        self._counter(
            meter,
            "rheon_errors",
            "Error messages sent to clients",
            lambda: [Observation(count, {"code": str(code)}) for code, count in counters.errors.items()],
        )
        self._counter(
            meter,
            "rheon_client_candidates",
            "Client ICE candidates received and not needed",
            lambda: [Observation(counters.candidates)],
        )
        self._node_instruments(meter)

    def update(self, nodes: Mapping[NodeId, NodeStatistics]) -> None:
        """The media nodes' latest counters."""
        self._nodes = nodes

    def _node_instruments(self, meter: Meter) -> None:
        self._gauge(
            meter,
            "rheon_publishers",
            "Publish transports",
            lambda: self._per_node(lambda node: [(node.publishers, {})]),
        )
        self._gauge(
            meter,
            "rheon_subscribers",
            "Subscribe transports",
            lambda: self._per_node(lambda node: [(node.subscribers, {})]),
        )
        self._gauge(
            meter,
            "rheon_transports",
            "Transports by state",
            lambda: self._per_node(
                lambda node: [(count, {"state": state}) for state, count in node.transports_by_state.items()]
            ),
        )
        self._counter(
            meter,
            "rheon_packets",
            "Packets by direction",
            lambda: self._per_node(
                lambda node: [
                    (node.packets_received, {"direction": "in"}),
                    (node.packets_sent, {"direction": "out"}),
                ]
            ),
        )
        self._counter(
            meter,
            "rheon_bytes",
            "Bytes by direction",
            lambda: self._per_node(
                lambda node: [(node.bytes_received, {"direction": "in"}), (node.bytes_sent, {"direction": "out"})]
            ),
        )
        self._counter(
            meter,
            "rheon_drops",
            "Dropped packets by reason",
            lambda: self._per_node(
                lambda node: [(count, {"reason": reason}) for reason, count in node.drops_by_reason.items()]
            ),
        )

    def _per_node(self, read: Callable[[NodeStatistics], Iterable[tuple[int, dict[str, str]]]]) -> list[Observation]:
        return [
            Observation(value, {"node": node_id, **labels})
            for node_id, statistics in self._nodes.items()
            for value, labels in read(statistics)
        ]

    @staticmethod
    def _gauge(meter: Meter, name: str, description: str, read: Callable[[], list[Observation]]) -> None:
        meter.create_observable_gauge(name, callbacks=[_callback(read)], description=description)

    @staticmethod
    def _counter(meter: Meter, name: str, description: str, read: Callable[[], list[Observation]]) -> None:
        meter.create_observable_counter(name, callbacks=[_callback(read)], description=description)


def _callback(read: Callable[[], list[Observation]]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return read()

    return observe
