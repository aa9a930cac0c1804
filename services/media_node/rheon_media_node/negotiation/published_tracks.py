"""The tracks of a publisher's offer, and how they differ from those before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rheon_engine.types import Encoding, HeaderExtension, TrackParameters
from rheon_media_node.negotiation.codecs import NACK, PLI, TRANSPORT_CC_FEEDBACK, CodecChoice
from rheon_media_node.negotiation.errors import InvalidDescriptionError, TooManySectionsError
from rheon_media_node.negotiation.extensions import accepted_extensions
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
    offer: SessionDescription, choices: Mapping[str, CodecChoice], publisher: PublisherIdentity
) -> tuple[PublishedTrack, ...]:
    """Tracks of the sections the client sends in, not yet numbered."""
    tracks = []
    taken: set[int] = set()
    for section in offer.media:
        choice = choices.get(section.mid) if section.mid is not None else None
        if choice is None or section.mid is None or not offer.direction_of(section).sends:
            continue
        encoding = _encoding(section, choice)
        for ssrc in (encoding.ssrc, encoding.rtx_ssrc):
            if ssrc is not None and ssrc in taken:
                raise InvalidDescriptionError(f"SSRC {ssrc} is used twice")
            if ssrc is not None:
                taken.add(ssrc)
        extensions = accepted_extensions(section.kind, offer.extensions_of(section))
        msid = _msid(section)
        tracks.append(
            PublishedTrack(
                track_id="",
                parameters=TrackParameters(
                    kind=choice.row.kind,
                    mid=section.mid,
                    codec=choice.row.name,
                    payload_type=choice.payload.payload_type,
                    clock_rate=choice.row.clock_rate,
                    encodings=(encoding,),
                    cname=publisher.name,
                    rtx_payload_type=choice.rtx.payload_type if choice.rtx else None,
                    nack=NACK in choice.feedback,
                    pli=PLI in choice.feedback,
                    transport_cc=TRANSPORT_CC_FEEDBACK in choice.feedback
                    and HeaderExtension.TRANSPORT_CC in extensions,
                    extensions=extensions,
                ),
                stream_id="" if msid.stream_id == "-" else msid.stream_id,
                label=msid.track_id or "",
                subscriber_stream_id=publisher.stream_id,
                format_parameters=choice.row.answered_parameters(choice.payload),
            )
        )
    if len(tracks) > MAX_TRACKS:
        raise TooManySectionsError(f"offer has more than {MAX_TRACKS} tracks")
    return tuple(tracks)


def _encoding(section: MediaSection, choice: CodecChoice) -> Encoding:
    """The section's one stream.

    Simulcast is not accepted, and a client whose simulcast was declined sends its first encoding (RFC 8829 §5.3.1),
    whose source is declared first. Without a=ssrc lines the engine learns the source by mid.
    """
    repairs = {
        group.ssrcs[0]: group.ssrcs[1]
        for group in reversed(section.ssrc_groups)
        if group.semantics == "FID" and len(group.ssrcs) == 2 and group.ssrcs[0] != group.ssrcs[1]
    }
    repairing = {ssrc for group in section.ssrc_groups if group.semantics != "SIM" for ssrc in group.ssrcs[1:]}
    for source in section.ssrc_attributes:
        if source.ssrc != 0 and source.ssrc not in repairing:
            rtx = repairs.get(source.ssrc) if choice.rtx is not None else None
            return Encoding(ssrc=source.ssrc, rtx_ssrc=rtx or None)
    return Encoding()


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

    Chromium declares the source of a declined simulcast section only from its second offer on, when the engine
    has long learned it.
    """
    if known.label != track.label or known.format_parameters != track.format_parameters:
        return False
    encodings = known.parameters.encodings
    if all(encoding == Encoding() for encoding in encodings):
        encodings = track.parameters.encodings
    return replace(known.parameters, encodings=encodings) == track.parameters
