"""gRPC failures of a media node to protocol errors, in one place.

Only a text that a node wrote about the client's own session description is passed on; every other text is ours.
"""

from contextlib import suppress
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from rheon_gateway.effects import NodeCommand, Publish, SetMuted, Subscribe
from rheon_signaling import ErrorCode, ProtocolError, errors

_DETAILS: Final = "grpc-status-details-bin"
_DOMAIN: Final = "rheon"
_MAX_TEXT: Final = 200
_UNREACHABLE: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)

UNAVAILABLE: Final = (ErrorCode.UNAVAILABLE, errors.SFU_UNAVAILABLE)

_REASONS: Final = {
    "NO_COMMON_CODEC": (ErrorCode.MALFORMED, "No codec of the session description is supported"),
    "INVALID_ARGUMENT": (ErrorCode.MALFORMED, "The media node refused the request as invalid"),
    "STALE_SESSION": (ErrorCode.CONFLICT, "Session replaced: this user joined the room from another connection"),
    "WRONG_STATE": (ErrorCode.CONFLICT, "The request does not fit the state of the connection"),
    "TOO_MANY": (ErrorCode.TOO_MANY, "Too many connections or tracks"),
    "OVERLOADED": UNAVAILABLE,
    "DRAINING": UNAVAILABLE,
    "INTERNAL": (ErrorCode.INTERNAL, "Internal error"),
}


def unavailable() -> ProtocolError:
    """No media node can take the request."""
    return ProtocolError(*UNAVAILABLE)


def reason_of(failure: grpc.aio.AioRpcError) -> str | None:
    """The ErrorInfo reason the node gave, None when the failure is not the node's own."""
    for key, value in failure.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            with suppress(DecodeError):
                return _reason_in(value)
    return None


def _reason_in(details: bytes) -> str | None:
    status = status_pb2.Status.FromString(details)
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == _DOMAIN:
            return str(info.reason)
    return None


def is_transient(failure: grpc.aio.AioRpcError) -> bool:
    """Whether the call may never have reached the node, so that repeating it with its request id can help."""
    return failure.code() is grpc.StatusCode.UNAVAILABLE and reason_of(failure) is None


def protocol_error(failure: grpc.aio.AioRpcError, room: str, command: NodeCommand) -> ProtocolError:
    """What the client is told about a failed command."""
    reason = reason_of(failure)
    publisher_id = getattr(command, "publisher_id", 0)
    match reason:
        case None if failure.code() in _UNREACHABLE:
            return unavailable()
        case None if failure.code() is grpc.StatusCode.UNIMPLEMENTED:
            return ProtocolError(ErrorCode.MALFORMED, "The media node does not support this request")
        case "INVALID_SDP":
            return ProtocolError(ErrorCode.MALFORMED, f"Invalid session description: {_own_text(failure.details())}")
        case "ROOM_NOT_FOUND" if isinstance(command, Subscribe):
            return ProtocolError(ErrorCode.NOT_FOUND, errors.subscribe_room_not_found(room))
        case "PUBLISHER_NOT_FOUND" if isinstance(command, Subscribe):
            return ProtocolError(ErrorCode.NOT_FOUND, errors.publisher_not_found(publisher_id, room))
        case "ROOM_NOT_FOUND" | "PUBLISHER_NOT_FOUND" if isinstance(command, Publish):
            return ProtocolError(ErrorCode.INTERNAL, "Internal error")
        case "ROOM_NOT_FOUND" | "PUBLISHER_NOT_FOUND" if isinstance(command, SetMuted):
            return ProtocolError(ErrorCode.NOT_FOUND, f"You publish nothing in room {room}")
        case "ROOM_NOT_FOUND" | "PUBLISHER_NOT_FOUND" | "SUBSCRIPTION_NOT_FOUND":
            if getattr(command, "connection_id", ""):
                return ProtocolError(ErrorCode.NOT_FOUND, f"No such subscribe connection in room {room}")
            return ProtocolError(ErrorCode.NOT_FOUND, f"No subscription to publisher {publisher_id} in room {room}")
        case _:
            return ProtocolError(*_REASONS.get(reason or "", _REASONS["INTERNAL"]))


def _own_text(details: str | None) -> str:
    text = "".join(character for character in details or "" if character.isprintable())
    return text[:_MAX_TEXT] or "not understood"
