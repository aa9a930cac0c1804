"""What the hub needs from a connection and from the media nodes."""

from typing import Protocol

from rheon_cluster import Member
from rheon_gateway.effects import NodeCommand, Offer
from rheon_signaling import CloseCode
from rheon_signaling.server_messages import ServerMessage


class Connection(Protocol):
    """One client's socket. Nothing here waits or fails: what cannot be sent is dropped with the connection."""

    @property
    def connection_id(self) -> str:
        """Unique over all gateways."""

    def send(self, frame: bytes) -> None:
        """Queue a frame; too slow a reader loses its connection."""

    def tell(self, message: ServerMessage) -> None:
        """Queue a message."""

    def close(self, code: CloseCode) -> None:
        """Close once everything queued has been sent."""


class MediaNodes(Protocol):
    """Commands to media nodes."""

    async def command(self, member: Member, command: NodeCommand) -> str | Offer | None:
        """Run a command on the member's node. Raises ProtocolError."""

    def release(self, member: Member) -> None:
        """Free what the member's session has on its node."""
