"""Counters of one media node, as `/metrics` shows them."""

from collections import Counter
from dataclasses import dataclass, field

from rheon.media.v1 import media_pb2


@dataclass(frozen=True, slots=True)
class NodeStatistics:
    """Sums over the node's workers."""

    publishers: int = 0
    subscribers: int = 0
    packets_received: int = 0
    packets_sent: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    transports_by_state: dict[str, int] = field(default_factory=dict)
    drops_by_reason: dict[str, int] = field(default_factory=dict)


def read_statistics(message: media_pb2.GetNodeResponse) -> NodeStatistics:
    """Sum up a node's report."""
    drops = Counter(dict(message.drops_by_reason))
    for worker in message.workers:
        drops.update(dict(worker.drops_by_reason))
    return NodeStatistics(
        publishers=message.publish_transports,
        subscribers=message.subscribe_transports,
        packets_received=sum(worker.packets_received for worker in message.workers),
        packets_sent=sum(worker.packets_sent for worker in message.workers),
        bytes_received=sum(worker.bytes_received for worker in message.workers),
        bytes_sent=sum(worker.bytes_sent for worker in message.workers),
        transports_by_state=dict(message.transports_by_state),
        drops_by_reason=dict(drops),
    )
