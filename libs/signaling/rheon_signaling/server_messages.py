"""What the server says. Field names are snake_case here and camelCase on the wire; tags are kebab-case."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class ServerMessage(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", omit_defaults=True):
    """Base of everything the server sends."""


class User(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A member as others see it."""

    user_id: int
    username: str


class SubscribedTrack(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a media section of a shared connection brings."""

    mid: str
    publisher_id: int
    track_id: str
    kind: str


class Authenticated(ServerMessage, frozen=True, kw_only=True, tag="authenticated"):
    """The token was accepted, and so were these of the features the client asked for."""

    user_id: int
    username: str
    features: list[str] | None = None


class Pong(ServerMessage, frozen=True, kw_only=True, tag="pong"):
    """Answer to `ping`."""

    id: int | str | None = None


class RoomJoined(ServerMessage, frozen=True, kw_only=True, tag="room-joined"):
    """The client's own explicit join succeeded; `participants` are the other explicit members."""

    room_name: str
    user_id: int
    participants: list[User]


class RoomLeft(ServerMessage, frozen=True, kw_only=True, tag="room-left"):
    """The client is no longer in the room: it left, or a later session of the same user took over."""

    room_name: str
    user_id: int


class UserJoined(ServerMessage, frozen=True, kw_only=True, tag="user-joined"):
    """Another user joined explicitly."""

    room_name: str
    user: User


class UserLeft(ServerMessage, frozen=True, kw_only=True, tag="user-left"):
    """A user that had joined explicitly left."""

    room_name: str
    user_id: int


class PublishAnswer(ServerMessage, frozen=True, kw_only=True, tag="publish-answer"):
    """Complete answer: every server candidate and end-of-candidates inside."""

    room_name: str
    answer: str


class SubscribeOffer(ServerMessage, frozen=True, kw_only=True, tag="subscribe-offer"):
    """Offer of all tracks of one publisher, or of everybody on a shared connection, with what each section brings."""

    room_name: str
    publisher_id: int | None = None
    connection_id: str | None = None
    offer: str
    tracks: list[SubscribedTrack] | None = None


class NewPublisher(ServerMessage, frozen=True, kw_only=True, tag="new-publisher"):
    """Somebody else can now be subscribed."""

    room_name: str
    publisher_id: int
    username: str


class PublisherLeft(ServerMessage, frozen=True, kw_only=True, tag="publisher-left"):
    """Somebody else stopped publishing; connections to it are over."""

    room_name: str
    publisher_id: int


class TrackMuted(ServerMessage, frozen=True, kw_only=True, tag="track-muted"):
    """Somebody else muted a track; unmuted, or took the muted track away."""

    room_name: str
    publisher_id: int
    track_id: str
    kind: str
    muted: bool


class RelayedOffer(ServerMessage, frozen=True, kw_only=True, tag="offer"):
    """Offer of another member."""

    room_name: str
    from_user_id: int
    sdp: str | dict[str, Any]


class RelayedAnswer(ServerMessage, frozen=True, kw_only=True, tag="answer"):
    """Answer of another member."""

    room_name: str
    from_user_id: int
    sdp: str | dict[str, Any]


class RelayedIceCandidate(ServerMessage, frozen=True, kw_only=True, tag="ice-candidate"):
    """Candidate of another member, in the shape it was sent."""

    room_name: str
    from_user_id: int
    candidate: str | dict[str, Any] | UnsetType | None = UNSET
    sdp_mid: str | UnsetType | None = UNSET
    sdp_m_line_index: int | UnsetType | None = UNSET


class Error(ServerMessage, frozen=True, kw_only=True, tag="error"):
    """A request failed; context says which one."""

    message: str
    code: int
    room_name: str | None = None
    publisher_id: int | None = None
    request_type: str | None = None
