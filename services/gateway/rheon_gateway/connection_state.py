"""What one connection may say next: authentication, rates, and where a message goes. Pure.

Theory of operation: a connection is NEW until its first `auth`, then OPEN; one that was told to close is CLOSED and
hears nothing more. Candidates for the server are checked, counted and dropped here: media nodes are ICE-lite and find
their clients by the checks these send (RFC 8445 section 2.5).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rheon_gateway.claims import Claims
from rheon_gateway.limits import (
    CANDIDATE_BURST,
    CANDIDATE_RATE,
    MESSAGE_BURST,
    MESSAGE_RATE,
    Refusals,
    TokenBucket,
)
from rheon_gateway.room_session import RoomRequest
from rheon_signaling import CloseCode, ErrorCode, ProtocolError, decode, decode_first, errors
from rheon_signaling import client_messages as client
from rheon_signaling import server_messages as server
from rheon_signaling.server_messages import ServerMessage

SHARED_SUBSCRIBE: Final = "shared-subscribe"
"""One subscribe connection a room instead of one for every publisher."""
FEATURES: Final = (SHARED_SUBSCRIBE,)

Verify = Callable[[str], Claims]
"""Token to claims; raises ProtocolError."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Send this to the client."""

    message: ServerMessage


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection once everything before has been sent."""

    code: CloseCode


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Hand this to the session of its room."""

    message: RoomRequest


@dataclass(frozen=True, slots=True)
class CandidateDropped:
    """A valid candidate the server has no use for."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Read nothing for some seconds."""

    seconds: float


Action = Reply | Close | Dispatch | CandidateDropped | Pause


def error_message(error: ProtocolError) -> server.Error:
    """What a client is told about an error."""
    return server.Error(
        message=error.message,
        code=error.code,
        room_name=error.room_name,
        publisher_id=error.publisher_id,
        request_type=error.request_type,
    )


def failure(error: ProtocolError) -> list[Action]:
    """Report an error, and close where its code says so."""
    actions: list[Action] = [Reply(error_message(error))]
    if error.close_code is not None:
        actions.append(Close(error.close_code))
    return actions


class ConnectionState:
    """The protocol state of one connection."""

    def __init__(self, verify: Verify, now: float) -> None:
        self.claims: Claims | None = None
        """Who is connected; None until authenticated."""
        self.features: frozenset[str] = frozenset()
        """What of `FEATURES` the client asked for."""
        self.closed = False
        self._verify = verify
        self._messages = TokenBucket(MESSAGE_RATE, MESSAGE_BURST, now)
        self._candidates = TokenBucket(CANDIDATE_RATE, CANDIDATE_BURST, now)
        self._refusals = Refusals()

    def receive(self, frame: bytes, now: float) -> list[Action]:
        """Handle one text frame."""
        if self.closed:
            return []
        try:
            actions = self._receive(frame, now)
        except ProtocolError as error:
            actions = self._limited(failure(error), now)
        return self._note_close(actions)

    def binary(self, now: float) -> list[Action]:
        """Handle a binary frame, which the protocol has no use for."""
        error = ProtocolError(ErrorCode.MALFORMED, errors.invalid_json("binary frames are not accepted"))
        return [] if self.closed else self._note_close(self._limited(failure(error), now))

    def first_message_late(self) -> list[Action]:
        """The time for the first message is over."""
        if self.closed or self.claims is not None:
            return []
        text = errors.authentication_failed("no auth message in time")
        return self._note_close(failure(ProtocolError(ErrorCode.UNAUTHENTICATED, text)))

    def allow_control(self, now: float) -> bool:
        """Whether a WebSocket ping is answered: pings share the rate of messages."""
        return not self._messages.take(now)

    def _receive(self, frame: bytes, now: float) -> list[Action]:
        if self.claims is None:
            first = decode_first(frame)
            self.claims = self._verify(first.token)
            self.features = frozenset(feature for feature in FEATURES if feature in (first.features or ()))
            accepted = server.Authenticated(
                user_id=self.claims.user_id, username=self.claims.username, features=sorted(self.features) or None
            )
            return [Reply(accepted)]
        message = decode(frame)
        match message:
            case client.PublishIceCandidate() | client.SubscribeIceCandidate():
                return [CandidateDropped(), *self._pace(now)]
            case client.RelayIceCandidate():
                return [Dispatch(message), *self._pace(now)]
            case client.Ping(id=identifier):
                return self._limited([Reply(server.Pong(id=identifier))], now)
            case client.Auth():
                raise ProtocolError(ErrorCode.CONFLICT, errors.ALREADY_AUTHENTICATED, request_type="auth")
            case _:
                return self._limited([Dispatch(message)], now)

    def _pace(self, now: float) -> list[Action]:
        wait = self._candidates.take(now)
        return [Pause(wait)] if wait else []

    def _limited(self, actions: list[Action], now: float) -> list[Action]:
        if not self._messages.take(now):
            return actions
        persistent = self._refusals.add(now)
        refused: list[Action] = [Reply(server.Error(message="Too many messages", code=ErrorCode.TOO_MANY))]
        if persistent:
            refused.append(Close(CloseCode.TOO_MANY))
        return refused

    def _note_close(self, actions: list[Action]) -> list[Action]:
        if any(isinstance(action, Close) for action in actions):
            self.closed = True
        return actions
