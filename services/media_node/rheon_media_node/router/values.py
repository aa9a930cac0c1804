"""Names and values of the router."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from rheon_engine.types import Kind, TrackParameters

RoomName = NewType("RoomName", str)
UserId = NewType("UserId", int)
GatewayId = NewType("GatewayId", str)
TransportId = NewType("TransportId", int)
TrackId = NewType("TrackId", str)
OfferId = NewType("OfferId", int)


@dataclass(frozen=True, slots=True)
class Participant:
    """A user's session in one room, and the gateway that speaks for it."""

    room: RoomName
    user: UserId
    session: int
    """Session number: grows with every join of this user to this room."""
    gateway: GatewayId
    username: str


@dataclass(frozen=True, slots=True)
class TrackOffer:
    """A track as the publisher's offer describes it."""

    mid: str
    stream_id: str
    parameters: TrackParameters


@dataclass(frozen=True, slots=True)
class Track:
    """A published track."""

    id: TrackId
    """Unique on the node; the track part of the msid subscribers see."""
    mid: str
    """The publisher's media section."""
    stream_id: str
    parameters: TrackParameters

    @property
    def kind(self) -> Kind:
        """Audio or video."""
        return self.parameters.kind

    @property
    def codec(self) -> str:
        """RTP encoding name."""
        return self.parameters.codec


@dataclass(frozen=True, slots=True)
class Layers:
    """The highest layers a subscriber wants of a video track."""

    spatial: int
    temporal: int


class CloseReason(StrEnum):
    """Why a publisher or a subscription ended."""

    REQUESTED = "requested"
    ICE_FAILED = "ice-failed"
    DTLS_FAILED = "dtls-failed"
    PEER_CLOSED = "peer-closed"
    PUBLISHER_LEFT = "publisher-left"
    REPLACED = "replaced"
    INTERNAL = "internal"
