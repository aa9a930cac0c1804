"""A node's report, summed up."""

from rheon.media.v1 import media_pb2

from rheon_gateway.nodes.statistics import read_statistics


def test_drops_of_the_workers_and_of_the_node_itself() -> None:
    message = media_pb2.GetNodeResponse(
        workers=[
            media_pb2.WorkerState(worker=0, packets_received=3, drops_by_reason={"too-short": 1}),
            media_pb2.WorkerState(worker=1, packets_received=4, drops_by_reason={"too-short": 2, "policed": 5}),
        ],
        drops_by_reason={"dtls-fingerprint": 7},
    )
    statistics = read_statistics(message)
    assert statistics.packets_received == 7
    assert statistics.drops_by_reason == {"too-short": 3, "policed": 5, "dtls-fingerprint": 7}
