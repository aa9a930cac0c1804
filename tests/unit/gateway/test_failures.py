"""What clients are told about failed calls to a media node."""

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError, Metadata

from rheon_gateway.effects import Answer, NodeCommand, Publish, SetMuted, Subscribe
from rheon_gateway.nodes.failures import is_transient, protocol_error, reason_of

PUBLISH, SUBSCRIBE, ANSWER = Publish("o"), Subscribe(5), Answer(5, 1, "a")
MUTE = SetMuted(None, "audio", muted=True)


def failure(
    code: grpc.StatusCode, reason: str = "", text: str = "secret internals", domain: str = "rheon"
) -> AioRpcError:
    metadata = Metadata()
    if reason:
        detail = any_pb2.Any()
        detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain))
        status = status_pb2.Status(code=code.value[0], message=text, details=[detail])
        metadata.add("grpc-status-details-bin", status.SerializeToString())
    return AioRpcError(code, Metadata(), metadata, details=text)


@pytest.mark.parametrize(
    ("code", "reason", "command", "expected"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "NO_COMMON_CODEC", PUBLISH, 400),
        (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT", PUBLISH, 400),
        (grpc.StatusCode.NOT_FOUND, "ROOM_NOT_FOUND", SUBSCRIBE, 404),
        (grpc.StatusCode.NOT_FOUND, "PUBLISHER_NOT_FOUND", SUBSCRIBE, 404),
        (grpc.StatusCode.NOT_FOUND, "SUBSCRIPTION_NOT_FOUND", ANSWER, 404),
        (grpc.StatusCode.NOT_FOUND, "PUBLISHER_NOT_FOUND", MUTE, 404),
        (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE", MUTE, 409),
        (grpc.StatusCode.FAILED_PRECONDITION, "STALE_SESSION", PUBLISH, 409),
        (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE", ANSWER, 409),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY", PUBLISH, 429),
        (grpc.StatusCode.UNAVAILABLE, "OVERLOADED", PUBLISH, 503),
        (grpc.StatusCode.UNAVAILABLE, "DRAINING", PUBLISH, 503),
        (grpc.StatusCode.INTERNAL, "INTERNAL", PUBLISH, 500),
        (grpc.StatusCode.INTERNAL, "SOMETHING_NEW", PUBLISH, 500),
        (grpc.StatusCode.UNAVAILABLE, "", PUBLISH, 503),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "", PUBLISH, 503),
        (grpc.StatusCode.UNKNOWN, "", PUBLISH, 500),
        (grpc.StatusCode.UNIMPLEMENTED, "", PUBLISH, 400),
    ],
)
def test_codes(code: grpc.StatusCode, reason: str, command: NodeCommand, expected: int) -> None:
    error = protocol_error(failure(code, reason), "r", command)
    assert error.code == expected
    assert "secret" not in error.message


def test_texts_existing_clients_match_on() -> None:
    not_found = grpc.StatusCode.NOT_FOUND
    texts = [
        protocol_error(failure(not_found, "PUBLISHER_NOT_FOUND"), "r", SUBSCRIBE).message,
        protocol_error(failure(not_found, "ROOM_NOT_FOUND"), "r", SUBSCRIBE).message,
        protocol_error(failure(grpc.StatusCode.UNAVAILABLE), "r", PUBLISH).message,
    ]
    assert texts == [
        "SFU subscribe request error: Publisher 5 not found in room r",
        "SFU subscribe request error: Room not found: r",
        "SFU not available",
    ]


def test_the_reader_of_a_description_may_say_what_is_wrong() -> None:
    refused = failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_SDP", "line 7: unknown\r\nnetwork type" + "x" * 500)
    text = protocol_error(refused, "r", PUBLISH).message
    assert text.startswith("Invalid session description: line 7: unknownnetwork type")
    assert len(text) < 300


def test_only_failures_of_the_transport_are_worth_repeating() -> None:
    assert is_transient(failure(grpc.StatusCode.UNAVAILABLE))
    assert not is_transient(failure(grpc.StatusCode.UNAVAILABLE, "OVERLOADED"))
    assert not is_transient(failure(grpc.StatusCode.DEADLINE_EXCEEDED))


def test_details_of_others_are_no_reasons() -> None:
    assert reason_of(failure(grpc.StatusCode.INTERNAL, "STALE_SESSION", domain="example.com")) is None
    garbage = AioRpcError(
        grpc.StatusCode.INTERNAL, Metadata(), Metadata(("grpc-status-details-bin", b"\xff\xff")), details=""
    )
    assert reason_of(garbage) is None
