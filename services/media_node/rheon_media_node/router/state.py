"""What a room consists of."""

from __future__ import annotations

from dataclasses import dataclass, field

from rheon_engine.types import ForwardParameters
from rheon_media_node.negotiation import PublishedTrack
from rheon_media_node.router.values import (
    Layers,
    OfferId,
    Participant,
    RoomName,
    TrackId,
    TransportId,
    UserId,
)


@dataclass(slots=True)
class Publisher:
    """A participant's publish transport and tracks."""

    transport: TransportId
    tracks: dict[TrackId, PublishedTrack] = field(default_factory=dict)
    """In the order of the publisher's sections."""
    muted: set[TrackId] = field(default_factory=set)
    """Tracks the publisher does not want forwarded now."""
    connected: bool = False
    """SRTP keys are installed."""

    def listed(self) -> tuple[PublishedTrack, ...]:
        """The tracks in their order."""
        return tuple(self.tracks.values())


@dataclass(slots=True)
class Subscription:
    """A subscriber's transport for one publisher."""

    transport: TransportId
    offer: OfferId
    """The latest offer made."""
    answered: bool = False
    """The latest offer has its answer: no offer is open."""
    ever_answered: bool = False
    connected: bool = False
    stale: bool = False
    """The publisher's tracks changed while an offer was open: another offer is due after its answer."""
    accepted: dict[TrackId, ForwardParameters] = field(default_factory=dict)
    """Tracks of the last answer, as the subscriber wants them sent."""
    forwards: set[TrackId] = field(default_factory=set)
    """Tracks the engine sends now."""
    layers: dict[TrackId, Layers] = field(default_factory=dict)
    default_layers: Layers | None = None
    """For tracks without layers of their own."""


@dataclass(slots=True)
class Member:
    """A participant that publishes or is subscribed here."""

    participant: Participant
    publisher: Publisher | None = None
    subscriptions: dict[UserId, Subscription] = field(default_factory=dict)
    """By publisher."""

    @property
    def idle(self) -> bool:
        """Whether nothing is left of it."""
        return self.publisher is None and not self.subscriptions


@dataclass(slots=True)
class Room:
    """A room on this node; it exists while it has members."""

    name: RoomName
    members: dict[UserId, Member] = field(default_factory=dict)

    def publisher(self, user: UserId) -> Publisher | None:
        """What a user publishes."""
        member = self.members.get(user)
        return None if member is None else member.publisher

    def subscribers_of(self, publisher: UserId) -> list[tuple[Member, Subscription]]:
        """Everyone subscribed to a user."""
        return [
            (member, member.subscriptions[publisher])
            for member in self.members.values()
            if publisher in member.subscriptions
        ]
