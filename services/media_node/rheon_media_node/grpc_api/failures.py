"""Failures as google.rpc.Status details: an ErrorInfo with the reason, and a RetryInfo where trying again can help."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from rheon_media_node.errors import NodeError, Reason

DOMAIN = "rheon"

_CODES: dict[Reason, grpc.StatusCode] = {
    Reason.INVALID_SDP: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.NO_COMMON_CODEC: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.ROOM_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.PUBLISHER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.SUBSCRIPTION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.STALE_SESSION: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.WRONG_STATE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.TOO_MANY: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.OVERLOADED: grpc.StatusCode.UNAVAILABLE,
    Reason.INTERNAL: grpc.StatusCode.INTERNAL,
}


def status_of(error: NodeError) -> Status:
    """The status message of an error."""
    status = Status(code=_CODES[error.reason].value[0], message=str(error))
    status.details.append(_packed(ErrorInfo(reason=error.reason.value, domain=DOMAIN)))
    if error.retry_after is not None:
        delay = Duration()
        delay.FromMilliseconds(int(error.retry_after * 1000))
        status.details.append(_packed(RetryInfo(retry_delay=delay)))
    return status


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: NodeError) -> NoReturn:
    """End the call with the error."""
    status = rpc_status.to_status(status_of(error))
    await context.abort(status.code, status.details, status.trailing_metadata)
    raise AssertionError("abort always raises")


def _packed(message: ErrorInfo | RetryInfo) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
