"""Answering a publisher's offer.

The client offers, the node answers: as an ICE-lite DTLS server that receives, with one primary codec per section, so
that a publisher cannot change codec under its subscribers. Sections the node has no use for are refused in their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rheon_media_node.negotiation.accepted_sections import Acceptance, accept_sections
from rheon_media_node.negotiation.capabilities import SUPPORTED, Capabilities
from rheon_media_node.negotiation.data_channels import DataChannels
from rheon_media_node.negotiation.errors import InvalidDescriptionError, StaleDescriptionError
from rheon_media_node.negotiation.publish_answer import describe_answer
from rheon_media_node.negotiation.published_tracks import compare_tracks, read_tracks
from rheon_media_node.negotiation.tracks import PublishedTrack, PublisherIdentity
from rheon_media_node.negotiation.transport import LocalTransport, RemoteTransport, bundled, remote_identity
from rheon_media_node.sdp import MediaSection, SessionDescription, Setup, write_session_description


class OfferKind(StrEnum):
    """What an offer means to the transport."""

    INITIAL = "initial"
    UPDATE = "update"
    """Tracks may have changed; the transport stays as it is."""
    ICE_RESTART = "ice-restart"
    """New credentials for the same DTLS association: give our side new ones as well before answering."""
    NEW_CONNECTION = "new-connection"
    """Another peer connection than before: close the transport, then answer with a fresh one and no `previous`."""


@dataclass(frozen=True, slots=True)
class PublishNegotiation:
    """The outcome of one publish offer, and the ground for the next."""

    offer: SessionDescription
    answer: SessionDescription
    answer_text: str
    remote: RemoteTransport
    ice_restarted: bool
    """The peer restarted ICE with this offer."""
    tracks: tuple[PublishedTrack, ...]
    """All tracks now, in the offer's order."""
    added: tuple[PublishedTrack, ...]
    removed: tuple[PublishedTrack, ...]
    unchanged: tuple[PublishedTrack, ...]
    data: DataChannels | None
    """Data channels, if they were agreed to."""
    version: int
    """The answer's o= version."""
    next_track_number: int


def classify_offer(offer: SessionDescription, previous: PublishNegotiation | None) -> OfferKind:
    """Compare an offer's transport with what was negotiated before. Raises InvalidDescriptionError."""
    if previous is None:
        return OfferKind.INITIAL
    sections = bundled(offer.media, offer.bundle)
    if not sections and all(section.rejected for section in offer.media):
        return OfferKind.UPDATE
    ice, fingerprints, _ = remote_identity(offer, sections or offer.media)
    if set(fingerprints).isdisjoint(previous.remote.fingerprints):
        return OfferKind.NEW_CONNECTION
    if ice == previous.remote.ice:
        return OfferKind.UPDATE
    if offer.origin.session_id != previous.offer.origin.session_id:
        # Two peer connections may share one certificate.
        return OfferKind.NEW_CONNECTION
    return OfferKind.ICE_RESTART


def answer_publish(
    offer: SessionDescription,
    local: LocalTransport,
    publisher: PublisherIdentity,
    previous: PublishNegotiation | None = None,
    *,
    capabilities: Capabilities = SUPPORTED,
) -> PublishNegotiation:
    """Answer a publisher's offer.

    `previous` is the last outcome on the same transport. Raises NoCommonCodecError when no section can carry media or
    data channels, InvalidDescriptionError when the offer cannot be answered at all, StaleDescriptionError when
    `previous` is of another connection, TooManySectionsError above `MAX_TRACKS` tracks.
    """
    kind = classify_offer(offer, previous)
    if kind is OfferKind.NEW_CONNECTION:
        raise StaleDescriptionError("offer belongs to another connection")
    if previous is not None:
        _check_sections_stay(previous, offer)
    if previous is not None and all(section.rejected for section in offer.media):
        remote = previous.remote
        acceptance = Acceptance()
    else:
        acceptance = accept_sections(offer, capabilities)
        remote = _remote(offer, acceptance.group, previous)
    version = previous.version + 1 if previous else 1
    answer = describe_answer(offer, acceptance, local, remote, version)
    changes = compare_tracks(
        read_tracks(offer, acceptance.media, publisher),
        publisher,
        known=previous.tracks if previous else (),
        number=previous.next_track_number if previous else 1,
    )
    return PublishNegotiation(
        offer=offer,
        answer=answer,
        answer_text=write_session_description(answer),
        remote=remote,
        ice_restarted=kind is OfferKind.ICE_RESTART,
        tracks=changes.tracks,
        added=changes.added,
        removed=changes.removed,
        unchanged=tuple(track for track in changes.tracks if track not in changes.added),
        data=acceptance.data,
        version=version,
        next_track_number=changes.next_number,
    )


def _check_sections_stay(previous: PublishNegotiation, offer: SessionDescription) -> None:
    """Sections keep their place; only a refused one may be taken over by another (RFC 8829 §5.2.2)."""
    before = previous.answer.media
    if len(offer.media) < len(before):
        raise InvalidDescriptionError("offer has fewer sections than the one before")
    for index, (old, new) in enumerate(zip(before, offer.media, strict=False)):
        if not old.rejected and (old.mid, old.kind) != (new.mid, new.kind):
            raise InvalidDescriptionError(f"section {index} was {old.kind} {old.mid} before")


def _remote(
    offer: SessionDescription, group: Sequence[MediaSection], previous: PublishNegotiation | None
) -> RemoteTransport:
    ice, fingerprints, offered = remote_identity(offer, group)
    setup: Setup
    match offered:
        case Setup.ACTIVE | Setup.PASSIVE:
            setup = offered
        case Setup.ACTPASS | None:
            # We choose to be the server, and keep the roles of a running association (RFC 8842 §5.5).
            setup = previous.remote.setup if previous else Setup.ACTIVE
        case _:
            raise InvalidDescriptionError("a=setup:holdconn opens no connection")
    if previous is not None and setup is not previous.remote.setup:
        raise InvalidDescriptionError("offer changes the DTLS role of a running connection")
    return RemoteTransport(ice, fingerprints, setup)
