"""Choosing a node."""

from random import Random

from rheon_cluster import NodeId, NodeRecord, NodeState
from rheon_cluster.placement import choose_node


def test_no_node_serves() -> None:
    assert choose_node([], {}, Random(1)) is None
    assert choose_node([NodeRecord(NodeId("a"), "a:1", NodeState.DRAINING)], {}, Random(1)) is None


def test_the_less_loaded_of_two_is_chosen() -> None:
    busy, idle = NodeRecord(NodeId("busy"), "b:1", load=5.0), NodeRecord(NodeId("idle"), "i:1", load=1.0)
    assert all(choose_node([busy, idle], {}, Random(seed)) is idle for seed in range(20))


def test_load_not_reported_yet_counts() -> None:
    first, second = NodeRecord(NodeId("first"), "f:1"), NodeRecord(NodeId("second"), "s:1", load=1.0)
    assert choose_node([first, second], {first.node_id: 3.0}, Random(1)) is second


def test_a_burst_does_not_pile_onto_the_least_loaded_of_many() -> None:
    nodes = [NodeRecord(NodeId(str(number)), "n:1", load=float(number)) for number in range(10)]
    random = Random(7)
    chosen = {node.node_id for _ in range(200) if (node := choose_node(nodes, {}, random))}
    assert len(chosen) > 5
