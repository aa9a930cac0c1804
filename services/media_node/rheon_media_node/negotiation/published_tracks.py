"""The tracks of a publisher's offer, and how they differ from those before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from rheon_engine.types import Encoding, HeaderExtension, TrackParameters
from rheon_media_node.negotiation.accepted_sections import AcceptedSection
from rheon_media_node.negotiation.codecs import NACK, PLI, TRANSPORT_CC_FEEDBACK
from rheon_media_node.negotiation.errors import InvalidDescriptionError, TooManySectionsError
from rheon_media_node.negotiation.tracks import PublishedTrack, PublisherIdentity
from rheon_media_node.sdp import MediaSection, Msid, SessionDescription

MAX_TRACKS = 32
"""Tracks of one publisher, the engine's cap."""


@dataclass(frozen=True, slots=True)
class TrackChanges:
    """The tracks of an offer against those of the one before."""

    tracks: tuple[PublishedTrack, ...]
    """All tracks now, in the offer's order."""
    added: tuple[PublishedTrack, ...]
    removed: tuple[PublishedTrack, ...]
    next_number: int
    """For the next new track's id."""


def read_tracks(
    offer: SessionDescription, sections: Iterable[AcceptedSection], publisher: PublisherIdentity
) -> tuple[PublishedTrack, ...]:
    """Tracks of the sections the client sends in, in the offer's order, not yet numbered."""
    by_mid: dict[str | None, AcceptedSection] = {accepted.mid: accepted for accepted in sections if accepted.sends}
    sending = [by_mid[section.mid] for section in offer.media if section.mid in by_mid]
    if len(sending) > MAX_TRACKS:
        raise TooManySectionsError(f"offer has more than {MAX_TRACKS} tracks")
    _check_sources(sending)
    return tuple(_track(accepted, publisher) for accepted in sending)


def _check_sources(sections: Iterable[AcceptedSection]) -> None:
    """An SSRC belongs to one stream of one section."""
    taken: set[int] = set()
    for encoding in chain.from_iterable(accepted.layers.encodings for accepted in sections):
        for ssrc in (encoding.ssrc, encoding.rtx_ssrc):
            if ssrc is not None and ssrc in taken:
                raise InvalidDescriptionError(f"SSRC {ssrc} is used twice")
            if ssrc is not None:
                taken.add(ssrc)


def _track(accepted: AcceptedSection, publisher: PublisherIdentity) -> PublishedTrack:
    choice, extensions = accepted.choice, accepted.used_extensions
    msid = _msid(accepted.section)
    return PublishedTrack(
        track_id="",
        parameters=TrackParameters(
            kind=choice.row.kind,
            mid=accepted.mid,
            codec=choice.row.name,
            payload_type=choice.payload.payload_type,
            clock_rate=choice.row.clock_rate,
            encodings=accepted.layers.encodings,
            cname=publisher.name,
            rtx_payload_type=choice.rtx.payload_type if choice.rtx else None,
            red_payload_type=choice.red.payload_type if choice.red else None,
            nack=NACK in choice.feedback,
            pli=PLI in choice.feedback,
            transport_cc=TRANSPORT_CC_FEEDBACK in choice.feedback and HeaderExtension.TRANSPORT_CC in extensions,
            extensions=extensions,
        ),
        stream_id="" if msid.stream_id == "-" else msid.stream_id,
        label=msid.track_id or "",
        subscriber_stream_id=publisher.stream_id,
        format_parameters=choice.configuration.parameters,
    )


def _msid(section: MediaSection) -> Msid:
    if section.msids:
        return section.msids[0]
    for source in section.ssrc_attributes:
        parts = (source.value or "").split() if source.name == "msid" else []
        if parts:
            return Msid(parts[0], parts[1] if len(parts) > 1 else None)
    return Msid("-")


def compare_tracks(
    offered: Sequence[PublishedTrack], publisher: PublisherIdentity, known: Sequence[PublishedTrack], number: int
) -> TrackChanges:
    """Tracks that stay keep their id and parameters; new ones are numbered from `number` on."""
    before = {track.mid: track for track in known}
    tracks = []
    added = []
    for track in offered:
        same = before.get(track.mid)
        if same is not None and _same(same, track):
            del before[track.mid]
            tracks.append(replace(same, stream_id=track.stream_id))
            continue
        fresh = replace(track, track_id=f"{publisher.name}-{number}")
        number += 1
        tracks.append(fresh)
        added.append(fresh)
    return TrackChanges(tuple(tracks), tuple(added), tuple(before.values()), number)


def _same(known: PublishedTrack, track: PublishedTrack) -> bool:
    """Whether the engine's track may stay.

    A source that was learnt by mid may be declared in a later offer, as Chromium does where simulcast was declined.
    """
    if known.label != track.label or known.format_parameters != track.format_parameters:
        return False
    encodings = known.parameters.encodings
    if encodings == (Encoding(),) and len(track.parameters.encodings) == 1:
        encodings = track.parameters.encodings
    return replace(known.parameters, encodings=encodings) == track.parameters
