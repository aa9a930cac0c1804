"""What a room consists of."""

from __future__ import annotations

from dataclasses import dataclass, field

from rheon_engine.types import ForwardParameters
from rheon_media_node.negotiation import PublishedTrack
from rheon_media_node.router.values import (
    ConnectionId,
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
    data: bool = False
    """It has data channels."""
    connected: bool = False
    """SRTP keys are installed."""

    def listed(self) -> tuple[PublishedTrack, ...]:
        """The tracks in their order."""
        return tuple(self.tracks.values())


@dataclass(slots=True)
class Subscription:
    """A subscribe connection: a transport, and the publishers it carries.

    One that is not shared carries one publisher, for all its life. A shared one outlives its publishers.
    """

    connection: ConnectionId
    transport: TransportId
    offer: OfferId
    """The latest offer made."""
    shared: bool = False
    publishers: list[UserId] = field(default_factory=list)
    """In the order they came. Kept by `Member`."""
    answered: bool = False
    """The latest offer has its answer: no offer is open."""
    ever_answered: bool = False
    connected: bool = False
    stale: bool = False
    """What is to be offered changed while an offer was open: another offer is due after its answer."""
    accepted: dict[TrackId, ForwardParameters] = field(default_factory=dict)
    """Tracks of the last answer, as the subscriber wants them sent."""
    forwards: set[TrackId] = field(default_factory=set)
    """Tracks the engine sends now."""
    layers: dict[TrackId, Layers] = field(default_factory=dict)
    default_layers: dict[UserId, Layers] = field(default_factory=dict)
    """By publisher: for tracks without layers of their own."""

    @property
    def only_publisher(self) -> UserId | None:
        """The publisher of a connection that is not shared."""
        return None if self.shared else self.publishers[0]


@dataclass(slots=True)
class Member:
    """A participant that publishes or is subscribed here."""

    participant: Participant
    publisher: Publisher | None = None
    subscriptions: dict[ConnectionId, Subscription] = field(default_factory=dict)
    carriers: dict[UserId, Subscription] = field(default_factory=dict)
    """Which connection carries a publisher: one at most."""

    @property
    def shared(self) -> Subscription | None:
        """The shared connection."""
        return next((each for each in self.subscriptions.values() if each.shared), None)

    def carry(self, publisher: UserId, subscription: Subscription) -> None:
        """Put a publisher that nothing carries on a connection."""
        subscription.publishers.append(publisher)
        self.carriers[publisher] = subscription

    def drop(self, publisher: UserId) -> None:
        """Take a publisher off the connection that carries it."""
        subscription = self.carriers.pop(publisher)
        subscription.publishers.remove(publisher)
        subscription.default_layers.pop(publisher, None)

    def forget(self, subscription: Subscription) -> None:
        """A connection is gone."""
        del self.subscriptions[subscription.connection]
        for publisher in subscription.publishers:
            del self.carriers[publisher]

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
        """Everyone subscribed to a user, and the connections that carry it."""
        return [
            (member, member.carriers[publisher]) for member in self.members.values() if publisher in member.carriers
        ]
