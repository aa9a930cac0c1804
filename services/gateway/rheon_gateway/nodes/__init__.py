"""Media nodes as the gateway uses them: one supervised link per node, and the pool of all links."""

from rheon_gateway.nodes.events import (
    NodeEvent,
    NodeListener,
    Participant,
    PublisherClosed,
    PublisherReady,
    Snapshot,
    SubscriptionClosed,
    SubscriptionOffered,
)
from rheon_gateway.nodes.pool import NodePool
from rheon_gateway.nodes.statistics import NodeStatistics

__all__ = [
    "NodeEvent",
    "NodeListener",
    "NodePool",
    "NodeStatistics",
    "Participant",
    "PublisherClosed",
    "PublisherReady",
    "Snapshot",
    "SubscriptionClosed",
    "SubscriptionOffered",
]
