"""Names and values of the router."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

RoomName = NewType("RoomName", str)
UserId = NewType("UserId", int)
GatewayId = NewType("GatewayId", str)
TransportId = NewType("TransportId", int)
ConnectionId = NewType("ConnectionId", str)
"""Names a subscribe connection; never given again."""
OfferId = NewType("OfferId", int)
TrackId = str
"""As negotiation numbers them: unique on the node, stable while the track lives."""


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
