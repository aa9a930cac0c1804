"""The values kept in a cluster and the events about them. All are immutable."""

from dataclasses import dataclass
from enum import Enum
from typing import NewType

NodeId = NewType("NodeId", str)
GatewayId = NewType("GatewayId", str)
UserId = NewType("UserId", int)
SessionNumber = NewType("SessionNumber", int)
"""Grows with every join of one user to one room, over restarts too: the greater number is the live session."""


class NodeState(Enum):
    """Whether a media node takes new rooms."""

    SERVING = "serving"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A media node that can be reached."""

    node_id: NodeId
    address: str
    """gRPC address, host:port."""
    state: NodeState = NodeState.SERVING
    load: float = 0.0
    """Comparable between nodes; the backend adds what it has placed since the node last reported."""


@dataclass(frozen=True, slots=True)
class MutedTrack:
    """A track its publisher has muted."""

    track_id: str
    """As its media node names it."""
    kind: str
    """`audio` or `video`."""


@dataclass(frozen=True, slots=True)
class Member:
    """One user's session in one room."""

    room: str
    user_id: UserId
    username: str
    session_number: SessionNumber
    gateway_id: GatewayId
    connection_id: str
    """The socket, unique over all gateways."""
    explicit: bool
    """Joined by asking to join, rather than by publishing or subscribing."""
    node_id: NodeId | None = None
    """The media node that carries the member, once it needed one."""
    publishing: bool = False
    """Its tracks can be subscribed."""
    muted: tuple[MutedTrack, ...] = ()
    """Of its tracks: those forwarded to nobody at present."""


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A user wants to be a member."""

    room: str
    user_id: UserId
    username: str
    gateway_id: GatewayId
    connection_id: str
    explicit: bool


@dataclass(frozen=True, slots=True)
class Joined:
    """A join succeeded."""

    member: Member
    replaced: Member | None
    """The user's earlier session in this room, taken over."""
    others: tuple[Member, ...]
    version: int
    """Version of the room right after the join; updates up to it are contained in `others`."""


@dataclass(frozen=True, slots=True)
class MemberChanged:
    """A member joined, became explicit, was placed, started or stopped publishing, muted a track: its new record."""

    version: int
    member: Member


@dataclass(frozen=True, slots=True)
class MemberGone:
    """A session left the room. A takeover has no such event: the new session's record replaces the old."""

    version: int
    user_id: UserId
    session_number: SessionNumber


@dataclass(frozen=True, slots=True)
class RoomSnapshot:
    """All members at one version: the first update of a watch, and again after updates were lost."""

    version: int
    members: tuple[Member, ...]


RoomUpdate = MemberChanged | MemberGone | RoomSnapshot


@dataclass(frozen=True, slots=True)
class Deliver:
    """A frame for one member, to be sent as it is."""

    room: str
    user_id: UserId
    session_number: SessionNumber
    frame: bytes


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A later session replaced this one."""

    room: str
    user_id: UserId
    session_number: SessionNumber


InboxMessage = Deliver | TakenOver
