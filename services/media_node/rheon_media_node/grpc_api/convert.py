"""Between messages of the contract and the node's own values."""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable

from rheon.media.v1 import media_pb2 as pb

from rheon_engine.types import Kind
from rheon_media_node.control.events import GatewayEvent, Section, SubscriptionOffered
from rheon_media_node.errors import InvalidArgument
from rheon_media_node.negotiation import PublishedTrack
from rheon_media_node.router.effects import PublisherClosed, PublisherReady, SubscriptionClosed, SubscriptionReady
from rheon_media_node.router.limits import MAX_NAME, MAX_ROOM_NAME
from rheon_media_node.router.values import CloseReason, GatewayId, Participant, RoomName, TrackId, UserId

_KINDS: dict[Kind, pb.Kind.ValueType] = {"audio": pb.KIND_AUDIO, "video": pb.KIND_VIDEO}

_CLOSE_REASONS = {
    CloseReason.REQUESTED: pb.CLOSE_REASON_REQUESTED,
    CloseReason.ICE_FAILED: pb.CLOSE_REASON_ICE_FAILED,
    CloseReason.DTLS_FAILED: pb.CLOSE_REASON_DTLS_FAILED,
    CloseReason.PEER_CLOSED: pb.CLOSE_REASON_PEER_CLOSED,
    CloseReason.PUBLISHER_LEFT: pb.CLOSE_REASON_PUBLISHER_LEFT,
    CloseReason.REPLACED: pb.CLOSE_REASON_REPLACED,
    CloseReason.INTERNAL: pb.CLOSE_REASON_INTERNAL,
}


def read_participant(message: pb.Participant) -> Participant:
    """Check and take over a participant. Raises InvalidArgument."""
    if len(message.username) > MAX_NAME:
        raise InvalidArgument(f"participant.username is longer than {MAX_NAME} characters")
    if message.session_number == 0:
        raise InvalidArgument("participant.session_number is missing")
    return Participant(
        room=read_room(message.room),
        user=UserId(message.user_id),
        session=message.session_number,
        gateway=read_gateway(message.gateway_id, "participant.gateway_id"),
        username=message.username,
    )


def read_room(name: str) -> RoomName:
    """Check a room name. Raises InvalidArgument."""
    if not 0 < len(name) <= MAX_ROOM_NAME:
        raise InvalidArgument(f"a room name has 1 to {MAX_ROOM_NAME} characters")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise InvalidArgument("a room name has no control characters")
    return RoomName(name)


def read_gateway(text: str, field: str = "gateway_id") -> GatewayId:
    """Check a gateway's id. Raises InvalidArgument."""
    if not 0 < len(text) <= MAX_NAME:
        raise InvalidArgument(f"{field} has 1 to {MAX_NAME} characters")
    return GatewayId(text)


def read_request_id(text: str) -> str:
    """Check a request id; it may be empty. Raises InvalidArgument."""
    if len(text) > MAX_NAME:
        raise InvalidArgument(f"request_id is longer than {MAX_NAME} characters")
    return text


def participant_message(participant: Participant) -> pb.Participant:
    """A participant as the contract carries it."""
    return pb.Participant(
        room=participant.room,
        user_id=participant.user,
        session_number=participant.session,
        gateway_id=participant.gateway,
        username=participant.username,
    )


def read_kind(kind: pb.Kind.ValueType) -> Kind:
    """Check a track's kind. Raises InvalidArgument."""
    for name, value in _KINDS.items():
        if value == kind:
            return name
    raise InvalidArgument("kind is missing")


def track_message(track: PublishedTrack, *, muted: bool = False) -> pb.Track:
    """A track as the contract carries it."""
    return pb.Track(
        track_id=track.track_id,
        kind=_KINDS[track.kind],
        mid=track.mid,
        codec=track.parameters.codec,
        stream_id=track.stream_id,
        muted=muted,
    )


def track_messages(
    tracks: Iterable[PublishedTrack], muted: Container[TrackId] = frozenset[TrackId]()
) -> list[pb.Track]:
    """Tracks as the contract carries them."""
    return [track_message(track, muted=track.track_id in muted) for track in tracks]


def section_messages(sections: Iterable[Section]) -> list[pb.Section]:
    """Sections of a subscribe connection as the contract carries them."""
    return [pb.Section(mid=each.mid, publisher_id=each.publisher, track=track_message(each.track)) for each in sections]


def event_message(event: GatewayEvent) -> pb.WatchEventsResponse:
    """An event as the contract carries it."""
    participant = participant_message(event.participant)
    match event:
        case PublisherReady():
            return pb.WatchEventsResponse(
                publisher_ready=pb.PublisherReady(
                    participant=participant, tracks=track_messages(event.tracks, event.muted)
                )
            )
        case PublisherClosed():
            return pb.WatchEventsResponse(
                publisher_closed=pb.PublisherClosed(participant=participant, reason=_CLOSE_REASONS[event.reason])
            )
        case SubscriptionReady():
            return pb.WatchEventsResponse(
                subscription_ready=pb.SubscriptionReady(
                    participant=participant, publisher_id=event.publisher or 0, connection_id=event.connection
                )
            )
        case SubscriptionClosed():
            return pb.WatchEventsResponse(
                subscription_closed=pb.SubscriptionClosed(
                    participant=participant,
                    publisher_id=event.publisher or 0,
                    reason=_CLOSE_REASONS[event.reason],
                    connection_id=event.connection,
                )
            )
        case SubscriptionOffered():
            return pb.WatchEventsResponse(
                subscription_offered=pb.SubscriptionOffered(
                    participant=participant,
                    publisher_id=event.publisher or 0,
                    offer=event.offer,
                    offer_id=event.offer_id,
                    tracks=track_messages(event.tracks),
                    connection_id=event.connection,
                    sections=section_messages(event.sections),
                )
            )
