"""What a client may say. Field names are snake_case here and camelCase on the wire; tags are kebab-case."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from rheon_signaling.candidates import Candidate


class ClientMessage(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"):
    """Base of everything a client sends."""


class RoomMessage(ClientMessage, frozen=True, kw_only=True):
    """Base of everything that concerns one room."""

    room_name: str


class Auth(ClientMessage, frozen=True, kw_only=True, tag="auth"):
    """First message of a connection: a JWT. Unknown features are ignored."""

    token: str
    features: list[Any] | None = None


class Ping(ClientMessage, frozen=True, kw_only=True, tag="ping"):
    """Answered by `pong` with the same id."""

    id: int | str | None = None


class JoinRoom(RoomMessage, frozen=True, kw_only=True, tag="join-room"):
    """Explicit membership."""


class LeaveRoom(RoomMessage, frozen=True, kw_only=True, tag="leave-room"):
    """End of membership; everything published and subscribed in the room ends with it."""


class PublishOffer(RoomMessage, frozen=True, kw_only=True, tag="publish-offer"):
    """Offer of the publish connection; again on the same session it renegotiates."""

    offer: str


class PublishIceCandidate(RoomMessage, frozen=True, kw_only=True, tag="publish-ice-candidate"):
    """A candidate of the publish connection."""

    candidate: Candidate


class Unpublish(RoomMessage, frozen=True, kw_only=True, tag="unpublish"):
    """Close the publish connection, stay in the room."""


class SubscribeRequest(RoomMessage, frozen=True, kw_only=True, tag="subscribe-request"):
    """Ask for all tracks of one publisher: on a connection of its own, again = a fresh one; or on the shared one."""

    publisher_id: int


class SubscribeAnswer(RoomMessage, frozen=True, kw_only=True, tag="subscribe-answer"):
    """Answer to a `subscribe-offer`: to that of one publisher, or of a shared connection."""

    answer: str
    publisher_id: int | None = None
    connection_id: str | None = None


class SubscribeIceCandidate(RoomMessage, frozen=True, kw_only=True, tag="subscribe-ice-candidate"):
    """A candidate of a subscribe connection: of one publisher, or shared."""

    candidate: Candidate
    publisher_id: int | None = None
    connection_id: str | None = None


class Unsubscribe(RoomMessage, frozen=True, kw_only=True, tag="unsubscribe"):
    """Receive one publisher no longer, or nobody in the room: then a shared connection is closed as well."""

    publisher_id: int | None = None


class RestartIce(RoomMessage, frozen=True, kw_only=True, tag="restart-ice"):
    """Ask for a fresh `subscribe-offer` of one connection, or of all of the room when none is named."""

    publisher_id: int | None = None
    connection_id: str | None = None


class SetPreferredLayer(RoomMessage, frozen=True, kw_only=True, tag="set-preferred-layer"):
    """Bound the layers of one subscription (of one track, or of all video tracks). Both bounds are 0..2."""

    publisher_id: int
    spatial: int
    temporal: int | None = None
    track_id: str | None = None


class SetMuted(RoomMessage, frozen=True, kw_only=True, tag="set-muted"):
    """Mute or unmute what the sender publishes: one track, by the server's id or its own, or all of one kind."""

    muted: bool
    kind: Literal["audio", "video"] | None = None
    track_id: str | None = None


class RelayMessage(RoomMessage, frozen=True, kw_only=True):
    """Base of what is passed on between clients: to one member, or to all others."""

    target_user_id: int | None = None


class RelayOffer(RelayMessage, frozen=True, kw_only=True, tag="offer"):
    """Offer of a peer-to-peer connection; `sdp` keeps the shape it was sent in."""

    sdp: str | dict[str, Any]


class RelayAnswer(RelayMessage, frozen=True, kw_only=True, tag="answer"):
    """Answer of a peer-to-peer connection; `sdp` keeps the shape it was sent in."""

    sdp: str | dict[str, Any]


class RelayIceCandidate(RelayMessage, frozen=True, kw_only=True, tag="ice-candidate"):
    """Candidate of a peer-to-peer connection; fields keep the shape they were sent in."""

    candidate: str | dict[str, Any] | UnsetType | None = UNSET
    sdp_mid: str | UnsetType | None = UNSET
    sdp_m_line_index: int | UnsetType | None = UNSET


AnyClientMessage = (
    Auth
    | Ping
    | JoinRoom
    | LeaveRoom
    | PublishOffer
    | PublishIceCandidate
    | Unpublish
    | SubscribeRequest
    | SubscribeAnswer
    | SubscribeIceCandidate
    | Unsubscribe
    | RestartIce
    | SetPreferredLayer
    | SetMuted
    | RelayOffer
    | RelayAnswer
    | RelayIceCandidate
)
