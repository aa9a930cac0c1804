"""What a session asks the outside world to do, and what it is told in return.

A room session is a generator: it yields one effect at a time and is resumed with that effect's outcome, or with a
ProtocolError thrown in where the effect failed. Nothing here does anything.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal

from rheon_cluster import Joined, Member
from rheon_signaling.server_messages import ServerMessage, SubscribedTrack


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message to this session's own client. Outcome: None."""

    message: ServerMessage


@dataclass(frozen=True, slots=True)
class Join:
    """Become a member of the room, or make an implicit membership explicit. Outcome: Joined."""

    explicit: bool


@dataclass(frozen=True, slots=True)
class Leave:
    """End the membership and free everything the session has on its node. Outcome: None."""


@dataclass(frozen=True, slots=True)
class ListMembers:
    """Who is in the room. Outcome: tuple[Member, ...], empty when there is no such room."""


@dataclass(frozen=True, slots=True)
class Settle:
    """From now on tell this member what happens in the room, beginning with what it has not been told yet.

    `users` and `publisher` are what it knows already. Outcome: None.
    """

    users: tuple[Member, ...] | None = None
    publisher: Member | None = None


@dataclass(frozen=True, slots=True)
class Publish:
    """Outcome: the SDP answer."""

    offer: str


@dataclass(frozen=True, slots=True)
class Unpublish:
    """Outcome: None."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer of the node for one subscribe connection."""

    offer: str
    """Empty: one is open, and the next comes by itself."""
    offer_id: int
    connection_id: str = ""
    tracks: tuple[SubscribedTrack, ...] = ()
    """What the sections of a shared connection bring."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Outcome: Offer."""

    publisher_id: int
    shared: bool = False


@dataclass(frozen=True, slots=True)
class RestartIce:
    """Of the connection that is named, or carries the publisher. Outcome: Offer."""

    publisher_id: int = 0
    connection_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Outcome: None."""

    publisher_id: int
    """Where no connection is named."""
    offer_id: int
    answer: str
    connection_id: str = ""


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """From a publisher, or close the connection that is named. Outcome: None."""

    publisher_id: int = 0
    connection_id: str = ""


@dataclass(frozen=True, slots=True)
class SetLayer:
    """Outcome: None."""

    publisher_id: int
    track_id: str
    spatial: int
    temporal: int


@dataclass(frozen=True, slots=True)
class SetMuted:
    """Mute or unmute one track, or all of `kind`. Outcome: None."""

    track_id: str | None
    kind: Literal["audio", "video"] | None
    muted: bool


@dataclass(frozen=True, slots=True)
class Relay:
    """Pass a message to one member, or to all others when no target is named. Outcome: None."""

    target_user_id: int | None
    message: ServerMessage


NodeCommand = Publish | Unpublish | Subscribe | RestartIce | Answer | Unsubscribe | SetLayer | SetMuted
Effect = Send | Join | Leave | ListMembers | Settle | Relay | NodeCommand
Outcome = Joined | Offer | str | tuple[Member, ...] | None

Steps = Generator[Effect, Any, None]
"""A conversation with the outside world about one message."""
