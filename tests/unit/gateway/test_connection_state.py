"""What a connection may say next."""

import json
from typing import Any

import pytest

from rheon_cluster import UserId
from rheon_gateway.claims import Claims
from rheon_gateway.connection_state import (
    Action,
    CandidateDropped,
    Close,
    ConnectionState,
    Dispatch,
    Pause,
    Reply,
)
from rheon_signaling import CloseCode, ErrorCode, ProtocolError
from rheon_signaling import client_messages as client
from rheon_signaling import server_messages as server

LINE = "candidate:1 1 udp 2113937151 192.0.2.1 5000 typ host"


def verify(token: str) -> Claims:
    if token != "good":
        raise ProtocolError(ErrorCode.UNAUTHENTICATED, "Authentication failed: invalid signature")
    return Claims(UserId(7), "ada")


def frame(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


AUTH = frame(type="auth", token="good")
PING = frame(type="ping")


@pytest.fixture
def state() -> ConnectionState:
    return ConnectionState(verify, 0.0)


@pytest.fixture
def open_state(state: ConnectionState) -> ConnectionState:
    state.receive(AUTH, 0.0)
    return state


def error_of(actions: list[Action]) -> server.Error:
    reply = actions[0]
    assert isinstance(reply, Reply)
    assert isinstance(reply.message, server.Error)
    return reply.message


def test_authentication(state: ConnectionState) -> None:
    assert state.receive(AUTH, 0.0) == [Reply(server.Authenticated(user_id=7, username="ada"))]
    assert state.claims == Claims(UserId(7), "ada")


def test_a_bare_token_authenticates(state: ConnectionState) -> None:
    assert state.receive(b'{"token":"good"}', 0.0) == [Reply(server.Authenticated(user_id=7, username="ada"))]


@pytest.mark.parametrize("first", [frame(type="auth", token="bad"), frame(type="join-room", roomName="r"), PING])
def test_without_authentication_the_connection_closes(state: ConnectionState, first: bytes) -> None:
    actions = state.receive(first, 0.0)
    assert error_of(actions).code == 401
    assert error_of(actions).message.startswith("Authentication failed: ")
    assert actions[1:] == [Close(CloseCode.AUTHENTICATION)]
    assert state.receive(AUTH, 0.0) == []


def test_a_malformed_first_message_is_no_attempt(state: ConnectionState) -> None:
    assert error_of(state.receive(b"{", 0.0)).code == 400
    assert state.receive(AUTH, 0.0) == [Reply(server.Authenticated(user_id=7, username="ada"))]


def test_the_first_message_has_a_deadline(state: ConnectionState) -> None:
    actions = state.first_message_late()
    assert error_of(actions).code == 401
    assert actions[1:] == [Close(CloseCode.AUTHENTICATION)]


def test_an_authenticated_connection_has_met_the_deadline(open_state: ConnectionState) -> None:
    assert open_state.first_message_late() == []


def test_authenticating_twice(open_state: ConnectionState) -> None:
    error = error_of(open_state.receive(AUTH, 0.0))
    assert (error.code, error.message) == (409, "Authentication already completed")
    assert not open_state.closed


def test_ping(open_state: ConnectionState) -> None:
    assert open_state.receive(frame(type="ping", id=3), 0.0) == [Reply(server.Pong(id=3))]


def test_room_messages_are_dispatched(open_state: ConnectionState) -> None:
    assert open_state.receive(frame(type="join-room", roomName="r"), 0.0) == [Dispatch(client.JoinRoom(room_name="r"))]


@pytest.mark.parametrize(
    "fields", [{"type": "publish-ice-candidate"}, {"type": "subscribe-ice-candidate", "publisherId": 1}]
)
def test_candidates_for_the_server_are_counted_and_dropped(open_state: ConnectionState, fields: dict[str, Any]) -> None:
    assert open_state.receive(frame(roomName="r", candidate=LINE, **fields), 0.0) == [CandidateDropped()]


def test_candidates_for_others_are_dispatched(open_state: ConnectionState) -> None:
    (action,) = open_state.receive(frame(type="ice-candidate", roomName="r", candidate=LINE), 0.0)
    assert isinstance(action, Dispatch)


def test_errors_keep_the_connection_open(open_state: ConnectionState) -> None:
    for bad in (b"{", frame(type="join-room"), frame(type="set-muted", roomName="r")):
        assert error_of(open_state.receive(bad, 0.0)).code == 400
    assert error_of(open_state.binary(0.0)).code == 400
    assert not open_state.closed


def test_too_large_closes(open_state: ConnectionState) -> None:
    actions = open_state.receive(b" " * (256 * 1024 + 1), 0.0)
    assert error_of(actions).code == 413
    assert actions[1:] == [Close(CloseCode.TOO_LARGE)]


def test_a_burst_of_a_thousand_passes_and_the_next_is_refused(state: ConnectionState) -> None:
    state.receive(AUTH, 0.0)
    assert all(state.receive(PING, 0.0) == [Reply(server.Pong())] for _ in range(1000))
    actions = state.receive(PING, 0.0)
    assert error_of(actions).code == 429
    assert len(actions) == 1


def test_fifty_a_second_pass_for_ever(open_state: ConnectionState) -> None:
    for _ in range(1000):
        open_state.receive(PING, 0.0)
    for number in range(1, 1000):
        assert open_state.receive(PING, number * 0.0201) == [Reply(server.Pong())]


def test_persistence_closes(open_state: ConnectionState) -> None:
    for _ in range(1200 - 1):
        assert not open_state.closed
        open_state.receive(PING, 0.0)
    assert Close(CloseCode.TOO_MANY) in open_state.receive(PING, 0.0)
    assert open_state.receive(PING, 0.0) == []


def test_malformed_messages_count_too(open_state: ConnectionState) -> None:
    for _ in range(1000):
        assert error_of(open_state.receive(b"{", 0.0)).code == 400
    assert error_of(open_state.receive(b"{", 0.0)).code == 429


def test_candidates_do_not_count_but_are_paced(open_state: ConnectionState) -> None:
    candidate = frame(type="publish-ice-candidate", roomName="r", candidate=LINE)
    for _ in range(2000):
        assert open_state.receive(candidate, 0.0) == [CandidateDropped()]
    dropped, pause = open_state.receive(candidate, 0.0)
    assert dropped == CandidateDropped()
    assert isinstance(pause, Pause)
    assert 0 < pause.seconds <= 1 / 200
    assert open_state.receive(PING, 0.0) == [Reply(server.Pong())]
