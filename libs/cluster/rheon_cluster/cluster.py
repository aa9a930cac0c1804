"""The port every backend implements.

Rooms carry a version that grows by one with every change of a member, so a reader can tell which of two views is newer
and whether it has missed a change. What is fenced is the member: a write for a session number other than the stored
one raises StaleSessionError (a leave is merely ignored).
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from rheon_cluster.records import (
    GatewayId,
    InboxMessage,
    Joined,
    JoinRequest,
    Member,
    MutedTrack,
    NodeId,
    NodeRecord,
    RoomUpdate,
    SessionNumber,
    UserId,
)


class RoomWatch(Protocol):
    """Updates of one room in order: a snapshot first, then changes, a snapshot again after a gap."""

    def __aiter__(self) -> AsyncIterator[RoomUpdate]:
        """Iterate for as long as the watch is open."""


class Cluster(Protocol):
    """Nodes, rooms, members and messages between gateways. Every method may raise ClusterError."""

    async def put_node(self, node: NodeRecord) -> None:
        """Record that a node can be reached, or its new state or load."""

    async def remove_node(self, node_id: NodeId) -> None:
        """Forget a node: no room is placed on it, and rooms that lived there are placed anew."""

    async def nodes(self) -> tuple[NodeRecord, ...]:
        """Return every known node."""

    async def join(self, request: JoinRequest) -> Joined:
        """Make the user a member with the next session number, replacing its earlier session if there is one.

        An implicit member that joins explicitly over the same connection keeps its session and becomes explicit.
        Raises UserAlreadyInRoomError when the connection is already a member in the way it asks for.
        """

    async def leave(self, room: str, user_id: UserId, session_number: SessionNumber) -> bool:
        """End a membership; False when that session is not the live one (any more)."""

    async def place(self, room: str, user_id: UserId, session_number: SessionNumber) -> NodeRecord:
        """Return the node that carries the member, choosing one if it has none: the room's node, or the less loaded
        of two random serving nodes for a room that has none.

        Raises NoNodeAvailableError, StaleSessionError.
        """

    async def set_publishing(
        self,
        room: str,
        user_id: UserId,
        session_number: SessionNumber,
        publishing: bool,
        muted: tuple[MutedTrack, ...] = (),
    ) -> None:
        """Record whether the member can be subscribed, and which of its tracks are muted.

        Raises StaleSessionError.
        """

    async def members(self, room: str) -> tuple[Member, ...]:
        """Return the members of a room; empty when there is no such room."""

    def watch(self, room: str) -> AbstractAsyncContextManager[RoomWatch]:
        """Follow a room. A reader that falls far behind is given a snapshot in place of what it missed."""

    async def send(self, gateway_id: GatewayId, message: InboxMessage) -> None:
        """Put a message into a gateway's inbox; messages of one sender arrive in order. An inbox is bounded, and one
        nobody opened keeps nothing: what does not fit is dropped."""

    def inbox(self, gateway_id: GatewayId) -> AbstractAsyncContextManager[AsyncIterator[InboxMessage]]:
        """Open a gateway's inbox; one reader at a time."""
