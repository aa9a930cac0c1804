"""All media nodes of a gateway."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from rheon_cluster import GatewayId, Member, NodeId
from rheon_gateway.effects import NodeCommand, Offer
from rheon_gateway.nodes.events import NodeListener
from rheon_gateway.nodes.failures import unavailable
from rheon_gateway.nodes.link import NodeLink
from rheon_gateway.nodes.statistics import NodeStatistics


class NodePool:
    """Links to nodes at fixed addresses. `run` must be running for anything to work."""

    def __init__(self, addresses: Iterable[str], gateway_id: GatewayId, listener: NodeListener) -> None:
        self._links = [NodeLink(address, gateway_id, listener) for address in dict.fromkeys(addresses)]

    async def run(self) -> None:
        """Keep every link up until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for link in self._links:
                tasks.create_task(link.run())

    @property
    def configured(self) -> int:
        """Nodes the gateway was told of."""
        return len(self._links)

    @property
    def serving(self) -> int:
        """Nodes that take commands now."""
        return sum(link.serving for link in self._links)

    async def command(self, member: Member, command: NodeCommand) -> str | Offer | None:
        """Run a command on the member's node. Raises ProtocolError."""
        link = self._find(member.node_id)
        if link is None:
            raise unavailable()
        return await link.command(member, command)

    def release(self, member: Member) -> None:
        """Free what the member's session has on its node, if it has one that is reachable."""
        link = self._find(member.node_id)
        if link is not None:
            link.release(member)

    async def flush(self, seconds: float) -> None:
        """Wait until everything released has been freed, but no longer than `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for link in self._links:
                    await link.flush()

    async def statistics(self) -> dict[NodeId, NodeStatistics]:
        """The counters of every node that answers."""
        answers = await asyncio.gather(*(link.statistics() for link in self._links))
        return {
            link.node_id: answer
            for link, answer in zip(self._links, answers, strict=True)
            if link.node_id is not None and answer is not None
        }

    def _find(self, node_id: NodeId | None) -> NodeLink | None:
        if node_id is None:
            return None
        return next((link for link in self._links if link.node_id == node_id), None)
