"""What the router wants done: orders for the engine side, and events for gateways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rheon_engine.types import ForwardParameters
from rheon_media_node.negotiation import PublishedTrack
from rheon_media_node.router.values import (
    CloseReason,
    ConnectionId,
    GatewayId,
    Layers,
    OfferId,
    Participant,
    TrackId,
    TransportId,
    UserId,
)


@dataclass(frozen=True, slots=True)
class CloseTransport:
    """Close a transport with its tracks and forwards. It may be closed already."""

    transport: TransportId


@dataclass(frozen=True, slots=True)
class AddTrack:
    """Receive a track on its publisher's transport."""

    transport: TransportId
    track: PublishedTrack


@dataclass(frozen=True, slots=True)
class RemoveTrack:
    """Stop receiving a track; its forwards go with it."""

    transport: TransportId
    track: TrackId


@dataclass(frozen=True, slots=True)
class AddForward:
    """Send a track to a subscriber."""

    transport: TransportId
    source: TransportId
    """The publisher's transport."""
    track: TrackId
    parameters: ForwardParameters
    layers: Layers | None


@dataclass(frozen=True, slots=True)
class RemoveForward:
    """Stop sending a track to a subscriber."""

    transport: TransportId
    track: TrackId


@dataclass(frozen=True, slots=True)
class SetLayers:
    """Bound the layers of a forward."""

    transport: TransportId
    track: TrackId
    layers: Layers


@dataclass(frozen=True, slots=True)
class SetMuted:
    """Forward a track to nobody, or to its subscribers again."""

    transport: TransportId
    """The publisher's transport."""
    track: TrackId
    muted: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """Offer these tracks on a subscribe transport; sections of tracks no longer listed become inactive."""

    participant: Participant
    connection: ConnectionId
    publisher: UserId | None
    """None: a shared connection."""
    transport: TransportId
    offer: OfferId
    tracks: tuple[PublishedTrack, ...]
    sources: Mapping[TrackId, UserId]
    """Whose the tracks are."""
    data: bool = False
    """Offer data channels as well; once offered they stay."""


@dataclass(frozen=True, slots=True)
class PublisherReady:
    """The publisher can be subscribed to; repeated when its tracks change or are muted."""

    participant: Participant
    tracks: tuple[PublishedTrack, ...]
    muted: frozenset[TrackId] = frozenset()


@dataclass(frozen=True, slots=True)
class PublisherClosed:
    """The publisher is gone."""

    participant: Participant
    reason: CloseReason


@dataclass(frozen=True, slots=True)
class SubscriptionReady:
    """Media flows to the subscriber."""

    participant: Participant
    publisher: UserId | None
    """None: a shared connection."""
    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class SubscriptionClosed:
    """A subscribe connection is gone."""

    participant: Participant
    publisher: UserId | None
    """None: a shared connection."""
    connection: ConnectionId
    reason: CloseReason


RoomEvent = PublisherReady | PublisherClosed | SubscriptionReady | SubscriptionClosed


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell the participant's gateway."""

    gateway: GatewayId
    event: RoomEvent


Effect = CloseTransport | AddTrack | RemoveTrack | AddForward | RemoveForward | SetLayers | SetMuted | Offer | Emit
