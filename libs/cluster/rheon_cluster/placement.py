"""Which node a room goes to. Pure."""

from collections.abc import Iterable, Mapping
from random import Random

from rheon_cluster.records import NodeId, NodeRecord, NodeState


def choose_node(nodes: Iterable[NodeRecord], expected: Mapping[NodeId, float], random: Random) -> NodeRecord | None:
    """Return the less loaded of two random serving nodes, or None when none serves.

    Two random choices keep a burst of rooms from piling onto the node that was least loaded when it began.
    `expected` is load placed on a node that its own report does not show yet.
    """
    serving = [node for node in nodes if node.state is NodeState.SERVING]
    if not serving:
        return None
    picked = random.sample(serving, k=min(2, len(serving)))
    return min(picked, key=lambda node: node.load + expected.get(node.node_id, 0.0))
