"""What a media node reports, as plain values."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from rheon.media.v1 import media_pb2

from rheon_cluster import MutedTrack, NodeId, SessionNumber, UserId
from rheon_gateway.effects import Offer
from rheon_signaling.server_messages import SubscribedTrack

_KINDS: Final = {media_pb2.KIND_AUDIO: "audio", media_pb2.KIND_VIDEO: "video"}


@dataclass(frozen=True, slots=True)
class Participant:
    """One user's session in one room, as a node names it."""

    room: str
    user_id: UserId
    session_number: SessionNumber


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the node holds for this gateway; `participants` maps each to whether it can be subscribed."""

    participants: dict[Participant, bool]
    muted: dict[Participant, tuple[MutedTrack, ...]] = field(default_factory=dict)
    """Muted tracks of those that can be subscribed."""


@dataclass(frozen=True, slots=True)
class PublisherReady:
    """The publisher's keys are installed: it can be subscribed. Again when its tracks change or are muted."""

    participant: Participant
    muted: tuple[MutedTrack, ...] = ()


@dataclass(frozen=True, slots=True)
class PublisherClosed:
    """The publish transport failed or was closed by its peer."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class SubscriptionOffered:
    """What a connection carries changed: the subscriber is offered it anew."""

    participant: Participant
    publisher_id: UserId
    """Of a connection that is not shared."""
    offer: Offer


@dataclass(frozen=True, slots=True)
class SubscriptionClosed:
    """A subscribe transport failed or was closed by its peer, or its only publisher left."""

    participant: Participant
    publisher_id: UserId
    """Of a connection that is not shared."""
    connection_id: str


NodeEvent = PublisherReady | PublisherClosed | SubscriptionOffered | SubscriptionClosed


class NodeListener(Protocol):
    """Who is told about nodes. Calls for one node come one after the other."""

    async def node_up(self, node_id: NodeId, address: str, snapshot: Snapshot) -> None:
        """The node's event stream begins; the snapshot says what it holds."""

    async def node_lost(self, node_id: NodeId) -> None:
        """The node cannot be reached, or was restarted: what it held is gone."""

    async def node_event(self, node_id: NodeId, event: NodeEvent) -> None:
        """Something happened to a participant of this gateway."""


def participant_of(message: media_pb2.Participant) -> Participant:
    """Read a participant as the contract writes it."""
    return Participant(message.room, UserId(message.user_id), SessionNumber(message.session_number))


def read_offer(
    message: media_pb2.SubscribeResponse | media_pb2.RestartSubscriptionIceResponse | media_pb2.SubscriptionOffered,
) -> Offer:
    """Read an offer of a subscribe connection."""
    tracks = tuple(
        SubscribedTrack(
            mid=section.mid,
            publisher_id=section.publisher_id,
            track_id=section.track.track_id,
            kind=_KINDS[section.track.kind],
        )
        for section in message.sections
    )
    return Offer(message.offer, message.offer_id, message.connection_id, tracks)


def read_snapshot(message: media_pb2.NodeSnapshot) -> Snapshot:
    """Read the first message of a stream."""
    held = [(participant_of(each.participant), each) for each in message.participants]
    return Snapshot(
        {participant: each.publishing for participant, each in held},
        {participant: muted_tracks(each.tracks) for participant, each in held if each.publishing},
    )


def muted_tracks(tracks: Iterable[media_pb2.Track]) -> tuple[MutedTrack, ...]:
    """The muted ones of a publisher's tracks."""
    return tuple(MutedTrack(track.track_id, _KINDS[track.kind]) for track in tracks if track.muted)


def read_event(message: media_pb2.WatchEventsResponse) -> NodeEvent | None:
    """Read a later message of a stream; None for what a gateway has no use for."""
    match message.WhichOneof("event"):
        case "publisher_ready":
            ready = message.publisher_ready
            return PublisherReady(participant_of(ready.participant), muted_tracks(ready.tracks))
        case "publisher_closed":
            return PublisherClosed(participant_of(message.publisher_closed.participant))
        case "subscription_offered":
            offered = message.subscription_offered
            return SubscriptionOffered(
                participant_of(offered.participant), UserId(offered.publisher_id), read_offer(offered)
            )
        case "subscription_closed":
            closed = message.subscription_closed
            return SubscriptionClosed(
                participant_of(closed.participant), UserId(closed.publisher_id), closed.connection_id
            )
        case _:
            return None
