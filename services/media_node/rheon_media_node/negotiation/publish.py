"""Answering a publisher's offer.

The client offers, the node answers: as an ICE-lite DTLS server that receives, with one primary codec per section, so
that a publisher cannot change codec under its subscribers. Sections the node has no use for are refused in their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from rheon_engine.types import HeaderExtension
from rheon_media_node.negotiation.codecs import TRANSPORT_CC_FEEDBACK, CodecChoice, choose_codec
from rheon_media_node.negotiation.errors import (
    InvalidDescriptionError,
    NoCommonCodecError,
    StaleDescriptionError,
)
from rheon_media_node.negotiation.extensions import accepted_extensions, answered_extensions
from rheon_media_node.negotiation.published_tracks import compare_tracks, read_tracks
from rheon_media_node.negotiation.tracks import PublishedTrack, PublisherIdentity
from rheon_media_node.negotiation.transport import (
    LocalTransport,
    RemoteTransport,
    bundled,
    check_bundle_ids,
    default_destination,
    our_candidates,
    our_origin,
    our_session_attributes,
    remote_identity,
    require_rtcp_mux,
)
from rheon_media_node.sdp import (
    Direction,
    Group,
    MediaSection,
    PayloadFormat,
    SessionDescription,
    Setup,
    write_session_description,
)


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
) -> PublishNegotiation:
    """Answer a publisher's offer.

    `previous` is the last outcome on the same transport. Raises NoCommonCodecError when no section can carry media,
    InvalidDescriptionError when the offer cannot be answered at all, StaleDescriptionError when `previous` is of
    another connection, TooManySectionsError above `MAX_TRACKS` tracks.
    """
    kind = classify_offer(offer, previous)
    if kind is OfferKind.NEW_CONNECTION:
        raise StaleDescriptionError("offer belongs to another connection")
    if previous is not None:
        _check_sections_stay(previous, offer)
    if previous is not None and all(section.rejected for section in offer.media):
        remote = previous.remote
        choices: dict[str, CodecChoice] = {}
        group: tuple[MediaSection, ...] = ()
    else:
        group = _usable_bundle(offer)
        choices = _choices(group)
        remote = _remote(offer, group, previous)
    version = previous.version + 1 if previous else 1
    answer = _answer(offer, group, choices, local=local, remote=remote, version=version)
    changes = compare_tracks(
        read_tracks(offer, choices, publisher),
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


def _usable_bundle(offer: SessionDescription) -> tuple[MediaSection, ...]:
    if not any(_media(section) and choose_codec(section) is not None for section in offer.media):
        raise NoCommonCodecError("no section of the offer has a codec this server forwards")
    group = bundled(offer.media, offer.bundle)
    if not group:
        raise InvalidDescriptionError("offer has no BUNDLE group over its sections")
    return group


def _media(section: MediaSection) -> bool:
    return section.is_rtp and not section.rejected and section.kind in ("audio", "video")


def _choices(group: Sequence[MediaSection]) -> dict[str, CodecChoice]:
    choices = {}
    for section in group:
        if not _media(section) or section.mid is None:
            continue
        choice = choose_codec(section)
        if choice is not None:
            require_rtcp_mux(section)
            choices[section.mid] = choice
    if not choices:
        raise NoCommonCodecError("no bundled section of the offer has a codec this server forwards")
    return choices


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


def _answer(
    offer: SessionDescription,
    group: Sequence[MediaSection],
    choices: dict[str, CodecChoice],
    *,
    local: LocalTransport,
    remote: RemoteTransport,
    version: int,
) -> SessionDescription:
    accepted = tuple(section for section in group if section.mid in choices)
    check_bundle_ids(offer, accepted)
    mids = tuple(section.mid for section in accepted if section.mid is not None)
    return SessionDescription(
        origin=our_origin(local, version),
        ice_lite=True,
        groups=(Group("BUNDLE", mids),) if mids else (),
        extmap_allow_mixed=offer.extmap_allow_mixed,
        attributes=our_session_attributes(),
        media=tuple(
            _accept(offer, section, choices[section.mid], local, remote, tagged=section.mid == mids[0])
            if section.mid in choices
            else _refuse(section)
            for section in offer.media
        ),
    )


def _accept(
    offer: SessionDescription,
    section: MediaSection,
    choice: CodecChoice,
    local: LocalTransport,
    remote: RemoteTransport,
    *,
    tagged: bool,
) -> MediaSection:
    port, connection = default_destination(local)
    offered = offer.extensions_of(section)
    # Chromium lists the rids of declined simulcast in its next offers, and cannot apply them without this extension.
    extensions = accepted_extensions(section.kind, offered, simulcast=section.simulcast is not None)
    payload = choice.payload
    payloads = [
        PayloadFormat(
            payload_type=payload.payload_type,
            name=payload.name,
            clock_rate=payload.clock_rate,
            channels=payload.channels,
            parameters=choice.row.answered_parameters(payload),
            feedback=tuple(
                feedback
                for feedback in choice.feedback
                if feedback != TRANSPORT_CC_FEEDBACK or HeaderExtension.TRANSPORT_CC in extensions
            ),
        )
    ]
    if choice.rtx is not None:
        payloads.append(replace(choice.rtx, parameters=f"apt={payload.payload_type}", feedback=()))
    return MediaSection(
        kind=section.kind,
        port=port,
        protocol=section.protocol,
        formats=tuple(str(answered.payload_type) for answered in payloads),
        connection=connection,
        mid=section.mid,
        direction=Direction.RECVONLY if offer.direction_of(section).sends else Direction.INACTIVE,
        payloads=tuple(payloads),
        extensions=answered_extensions(extensions, offered),
        extmap_allow_mixed=section.extmap_allow_mixed,
        ice_ufrag=local.ice.ufrag,
        ice_pwd=local.ice.pwd,
        fingerprints=(local.fingerprint,),
        setup=remote.local_setup,
        # The bundle's transport is described once, in its first section (RFC 9143 §7.1.3).
        candidates=our_candidates(local) if tagged else (),
        end_of_candidates=tagged,
        rtcp_mux=True,
        rtcp_rsize=section.rtcp_rsize,
    )


def _refuse(section: MediaSection) -> MediaSection:
    """Port 0 in the section's own place (RFC 3264 §6)."""
    return MediaSection(
        kind=section.kind,
        port=0,
        protocol=section.protocol,
        formats=section.formats,
        connection="IN IP4 0.0.0.0",
        mid=section.mid,
        direction=Direction.INACTIVE if section.is_rtp else None,
    )
