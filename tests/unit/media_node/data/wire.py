"""A hub with publishers and subscribers, each on a DTLS pair in memory that can lose datagrams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rheon_media_node.data import Association, DataHub
from rheon_media_node.data.hub import LabelOf
from rheon_media_node.dtls import DtlsEndpoint, DtlsIdentity
from rheon_media_node.negotiation import DataChannels
from tests.support.data_peer import DataPeer
from tests.unit.media_node.dtls.link import pair

NODE, CLIENT = DtlsIdentity(), DtlsIdentity()
Loss = Callable[[], bool]


class Wire:
    """One connection: the client's data peer here, an association of the hub there."""

    def __init__(self, loss: Loss = lambda: False) -> None:
        link = pair(CLIENT, NODE)
        link.run()
        self.client: DtlsEndpoint = link.client
        self.node: DtlsEndpoint = link.server
        self.peer = DataPeer(self.to_node)
        self.association: Association | None = None
        self.longest = 0
        """Bytes of the longest datagram of the node."""
        self._loss = loss
        self._loop = asyncio.get_running_loop()

    def to_node(self, packet: bytes) -> None:
        """The client sends a packet."""
        self.client.send(packet)
        self._loop.call_soon(self._carry_up, self.client.take_datagrams())

    def send(self, packet: bytes) -> None:
        """The node sends a packet."""
        self.node.send(packet)
        self._loop.call_soon(self._carry_down, self.node.take_datagrams())

    def _carry_up(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            if not self._loss():
                self.node.receive(datagram, 0.0)
        for packet in self.node.take_application_data():
            assert self.association is not None
            self.association.receive(packet)

    def _carry_down(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            self.longest = max(self.longest, len(datagram))
            if not self._loss():
                self.client.receive(datagram, 0.0)
        for packet in self.client.take_application_data():
            self.peer.take(packet)


class World:
    """Users by number; `async with` ends what is left."""

    def __init__(self) -> None:
        self.hub = DataHub()
        self.wires: list[Wire] = []

    async def __aenter__(self) -> World:
        return self

    async def __aexit__(self, *_: object) -> None:
        for wire in self.wires:
            if wire.association is not None:
                self.hub.end(wire.association)
            await wire.peer.stop()
        assert set(self.hub.tables().values()) == {0}

    async def publisher(self, name: str, loss: Loss = lambda: False) -> Wire:
        wire = Wire(loss)
        wire.association = self.hub.publish(name, wire, DataChannels("0", 5000, 65536), server=True)
        return await self._started(wire)

    async def subscriber(
        self,
        *names: str,
        loss: Loss = lambda: False,
        max_message_size: int = 65536,
        label_of: LabelOf | None = None,
    ) -> Wire:
        wire = Wire(loss)
        remote = DataChannels("0", 5000, max_message_size)
        wire.association = self.hub.subscribe(names, wire, remote, server=True, label_of=label_of)
        return await self._started(wire)

    async def _started(self, wire: Wire) -> Wire:
        self.wires.append(wire)
        await wire.peer.start()
        return wire
