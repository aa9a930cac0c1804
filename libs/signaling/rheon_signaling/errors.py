"""Error codes, WebSocket close codes, the one exception, and the texts existing clients match on."""

from enum import IntEnum
from typing import Final


class ErrorCode(IntEnum):
    """The `code` of an `error` message. Meanings follow HTTP."""

    MALFORMED = 400
    UNAUTHENTICATED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    CONFLICT = 409
    TOO_LARGE = 413
    TOO_MANY = 429
    INTERNAL = 500
    UNAVAILABLE = 503


class CloseCode(IntEnum):
    """WebSocket close codes the server uses (RFC 6455 section 7.4; 4000-4999 are the application's)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    TOO_LARGE = 1009
    RESTART = 1012
    TRY_AGAIN_LATER = 1013
    """The client does not read: its outgoing buffer overflowed."""
    AUTHENTICATION = 4401
    SILENT = 4408
    """Nothing was heard from the client for too long."""
    REPLACED = 4409
    """Another session of the same user took over the last room."""
    TOO_MANY = 4429


_CLOSING: Final = {
    ErrorCode.UNAUTHENTICATED: CloseCode.AUTHENTICATION,
    ErrorCode.TOO_LARGE: CloseCode.TOO_LARGE,
}


class ProtocolError(Exception):
    """A message cannot be accepted; the sender is told `message` and `code`.

    The text is always ours: no library's words, no token, no address ends up in it.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        room_name: str | None = None,
        publisher_id: int | None = None,
        request_type: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.room_name = room_name
        self.publisher_id = publisher_id
        self.request_type = request_type

    @property
    def close_code(self) -> CloseCode | None:
        """With which code the connection closes after the error, or None when it stays open."""
        return _CLOSING.get(self.code)


# Texts below are matched by existing clients: they never change.

ALREADY_AUTHENTICATED: Final = "Authentication already completed"
NOT_IN_ROOM: Final = "You are not in this room"
SFU_UNAVAILABLE: Final = "SFU not available"
ALREADY_IN_ROOM: Final = "Failed to join room: User already in room"
LEAVE_ROOM_NOT_FOUND: Final = "Failed to leave room: Room not found"
LEAVE_NOT_IN_ROOM: Final = "Failed to leave room: User not in room"


def authentication_failed(reason: str) -> str:
    """Text of every refused authentication."""
    return f"Authentication failed: {reason}"


def invalid_json(reason: str) -> str:
    """Text of every message that is not what the protocol allows."""
    return f"Message handling error: Invalid JSON: {reason}"


def publisher_not_found(publisher_id: int, room_name: str) -> str:
    """Text of a subscription to somebody who does not publish."""
    return f"SFU subscribe request error: Publisher {publisher_id} not found in room {room_name}"


def subscribe_room_not_found(room_name: str) -> str:
    """Text of a subscription in a room nobody is in."""
    return f"SFU subscribe request error: Room not found: {room_name}"
