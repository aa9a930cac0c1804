"""Who a connection speaks for, and what its token allows."""

from dataclasses import dataclass

from rheon_cluster import UserId
from rheon_signaling import ErrorCode, ProtocolError


@dataclass(frozen=True, slots=True)
class Claims:
    """The verified content of a token."""

    user_id: UserId
    username: str
    rooms: frozenset[str] | None = None
    """Rooms the holder may be in; None allows every room."""
    can_publish: bool = True
    can_subscribe: bool = True

    def require_room(self, room: str) -> None:
        """Raise ProtocolError (FORBIDDEN) unless the token allows the room."""
        if self.rooms is not None and room not in self.rooms:
            raise ProtocolError(ErrorCode.FORBIDDEN, "Permission denied: this token does not allow this room")

    def require_publish(self) -> None:
        """Raise ProtocolError (FORBIDDEN) unless the token allows publishing."""
        if not self.can_publish:
            raise ProtocolError(ErrorCode.FORBIDDEN, "Permission denied: this token does not allow publishing")

    def require_subscribe(self) -> None:
        """Raise ProtocolError (FORBIDDEN) unless the token allows subscribing."""
        if not self.can_subscribe:
            raise ProtocolError(ErrorCode.FORBIDDEN, "Permission denied: this token does not allow subscribing")
