"""Data channels between SCTP implementations: libwebrtc's, werift's own and libdatachannel's usrsctp, in one room."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest

from tests.e2e.node_client import get_node
from tests.support.browser import eventually
from tests.support.peers import CONNECT_SECONDS
from tests.support.peers_node import NodePeer, node_peer
from tests.support.processes import running_dev

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

IMPLEMENTATIONS = ("wrtc", "werift", "node-datachannel")
TEXTS = 1000
BINARY = [65536, 1]


def all_came(senders: set[str], report: dict[str, Any]) -> bool:
    """Every message of all these senders, each sender's in the order sent."""
    received = report["received"]
    return set(received) == senders and all(
        inbox["texts"] == list(range(TEXTS)) and inbox["binary"] == BINARY and inbox["damaged"] == 0
        for inbox in received.values()
    )


async def test_three_implementations_exchange_messages(node_packages: None) -> None:
    async with running_dev(ANNOUNCED_IPS="") as service, AsyncExitStack() as stack:
        peers: dict[str, NodePeer] = {}
        for user_id, name in enumerate(IMPLEMENTATIONS, 1):
            started = node_peer("data.js", service, user_id, "letters", implementation=name)
            peers[name] = await stack.enter_async_context(started)

        async def channels() -> int:
            return (await get_node(service.grpc_address)).tables["data-channels"]

        # Everybody's own, and that of everybody at everybody else.
        wanted = len(peers) ** 2
        await eventually(channels, lambda now: now == wanted, within=CONNECT_SECONDS, what=f"{wanted} channels")
        for peer in peers.values():
            await peer.report({"texts": TEXTS, "binary": BINARY})
        for name, peer in peers.items():
            others = set(peers) - {name}
            await eventually(
                peer.report,
                partial(all_came, others),
                within=CONNECT_SECONDS,
                what=f"all messages of {others} at {name}",
            )
