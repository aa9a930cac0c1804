"""Offers to subscribers.

The node offers, the client answers. A connection's media sections are *slots*: they keep their place and mid over
renegotiations. A track that goes leaves an inactive slot; a later track of the same kind takes it over, but not in the
offer that empties it: browsers announce a new track only to a section that was inactive in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rheon_engine.types import HeaderExtension, Kind
from rheon_media_node.negotiation.codecs import RTX_NAME, codec_row
from rheon_media_node.negotiation.errors import NothingToOfferError, TooManySectionsError
from rheon_media_node.negotiation.extensions import offered_extensions
from rheon_media_node.negotiation.tracks import PublishedTrack
from rheon_media_node.negotiation.transport import (
    LocalTransport,
    RemoteTransport,
    default_destination,
    our_candidates,
    our_origin,
    our_session_attributes,
)
from rheon_media_node.sdp import (
    MAX_SECTIONS,
    Direction,
    ExtensionMap,
    Group,
    MediaSection,
    Msid,
    PayloadFormat,
    SessionDescription,
    Setup,
    SsrcAttribute,
    SsrcGroup,
    write_session_description,
)

_PROTOCOL = "UDP/TLS/RTP/SAVPF"
_SSRC_ATTEMPTS = 64


@dataclass(frozen=True, slots=True)
class Slot:
    """One media section of a subscribe connection."""

    mid: str
    kind: Kind
    format_of: PublishedTrack
    """The track in the slot, or the last one that was: its codec keeps describing an inactive section."""
    ssrc: int
    rtx_ssrc: int | None
    occupied: bool = True
    """False: the track is gone, the section inactive, and a later track may have the slot."""
    refused: bool = False
    """The subscriber rejected the section (port 0): it stays rejected until a new track takes its place."""

    @property
    def track(self) -> PublishedTrack | None:
        """The track offered in this section."""
        return self.format_of if self.occupied else None

    @property
    def extensions(self) -> dict[HeaderExtension, int]:
        return offered_extensions(self.kind, self.format_of.parameters.extensions)


@dataclass(frozen=True, slots=True)
class SubscriptionNegotiation:
    """One offer of a subscribe connection, and the ground for its answer and for the next offer."""

    offer: SessionDescription
    offer_text: str
    slots: tuple[Slot, ...]
    version: int
    """The offer's o= version: grows by one with each offer of the connection."""
    next_mid: int
    ice_restart: bool
    """The offer carries other ICE credentials than the last answered one."""
    remote: RemoteTransport | None = None
    """What the last answer said; None before the first."""
    refused_track_ids: frozenset[str] = field(default_factory=frozenset)
    """Tracks the subscriber refused: not offered again on this connection."""

    @property
    def tracks(self) -> tuple[PublishedTrack, ...]:
        return tuple(slot.track for slot in self.slots if slot.track is not None and not slot.refused)


def offer_subscription(
    tracks: Sequence[PublishedTrack],
    local: LocalTransport,
    allocate_ssrc: Callable[[], int],
    previous: SubscriptionNegotiation | None = None,
) -> SubscriptionNegotiation:
    """Offer these tracks, all that the subscriber is to have from now on.

    `allocate_ssrc` gives random 32-bit numbers; zero and what the connection already uses are drawn again. `previous`
    is the latest negotiation of the same connection: that of its `SubscriptionAnswer` once there was an answer. For an
    ICE restart call with new credentials in `local` (and the same `session_id`). Raises NothingToOfferError for a first
    offer without tracks, TooManySectionsError when the tracks need more than 64 sections.
    """
    if previous is None and not tracks:
        raise NothingToOfferError("publisher has no tracks")
    slots, next_mid = _place(tracks, previous, allocate_ssrc)
    version = previous.version + 1 if previous else 1
    offer = _describe(slots, local, version)
    return SubscriptionNegotiation(
        offer=offer,
        offer_text=write_session_description(offer),
        slots=slots,
        version=version,
        next_mid=next_mid,
        ice_restart=previous is not None
        and (previous.ice_restart or _ufrag(previous.offer) not in (None, local.ice.ufrag)),
        remote=previous.remote if previous else None,
        refused_track_ids=previous.refused_track_ids if previous else frozenset(),
    )


def _ufrag(offer: SessionDescription) -> str | None:
    return next((section.ice_ufrag for section in offer.media if section.ice_ufrag is not None), None)


def _place(
    tracks: Sequence[PublishedTrack], previous: SubscriptionNegotiation | None, allocate_ssrc: Callable[[], int]
) -> tuple[tuple[Slot, ...], int]:
    slots = list(previous.slots) if previous else []
    next_mid = previous.next_mid if previous else 0
    refused = previous.refused_track_ids if previous else frozenset()
    wanted = {track.track_id: track for track in tracks if track.track_id not in refused}
    free = [index for index, slot in enumerate(slots) if not slot.occupied]
    for index, slot in enumerate(slots):
        if not slot.occupied:
            continue
        if slot.format_of.track_id in wanted:
            del wanted[slot.format_of.track_id]
        else:
            slots[index] = replace(slot, occupied=False)
    used = {ssrc for slot in slots for ssrc in (slot.ssrc, slot.rtx_ssrc) if ssrc is not None}
    for track in wanted.values():
        place = next((index for index in free if slots[index].refused or slots[index].kind == track.kind), None)
        if place is None or slots[place].refused:
            # A rejected section is taken over under a new mid, by whatever kind (RFC 8829 §5.2.2).
            mid = str(next_mid)
            next_mid += 1
        else:
            mid = slots[place].mid
        rtx = codec_row(track.parameters.codec).rtx_payload_type is not None
        ssrc = _fresh_ssrc(used, allocate_ssrc)
        slot = Slot(mid, track.kind, track, ssrc, _fresh_ssrc(used, allocate_ssrc) if rtx else None)
        if place is not None:
            slots[place] = slot
            free.remove(place)
        elif len(slots) < MAX_SECTIONS:
            slots.append(slot)
        else:
            raise TooManySectionsError(f"connection has used its {MAX_SECTIONS} sections")
    return tuple(slots), next_mid


def _fresh_ssrc(used: set[int], allocate_ssrc: Callable[[], int]) -> int:
    for _ in range(_SSRC_ATTEMPTS):
        ssrc = allocate_ssrc() & 0xFFFF_FFFF
        if ssrc != 0 and ssrc not in used:
            used.add(ssrc)
            return ssrc
    raise RuntimeError("allocate_ssrc keeps returning numbers in use")


def _describe(slots: Sequence[Slot], local: LocalTransport, version: int) -> SessionDescription:
    mids = tuple(slot.mid for slot in slots if not slot.refused)
    return SessionDescription(
        origin=our_origin(local, version),
        ice_lite=True,
        groups=(Group("BUNDLE", mids),) if mids else (),
        extmap_allow_mixed=True,
        attributes=our_session_attributes(),
        media=tuple(
            _refused_section(slot) if slot.refused else _section(slot, local, tagged=slot.mid == mids[0])
            for slot in slots
        ),
    )


def _section(slot: Slot, local: LocalTransport, *, tagged: bool) -> MediaSection:
    track = slot.format_of
    port, connection = default_destination(local)
    payloads = _payloads(slot)
    return MediaSection(
        kind=slot.kind,
        port=port,
        protocol=_PROTOCOL,
        formats=tuple(str(payload.payload_type) for payload in payloads),
        connection=connection,
        mid=slot.mid,
        direction=Direction.SENDONLY if slot.occupied else Direction.INACTIVE,
        payloads=payloads,
        extensions=tuple(ExtensionMap(number, extension.value) for extension, number in slot.extensions.items()),
        msids=(Msid(track.subscriber_stream_id, track.track_id),) if slot.occupied else (),
        ssrc_groups=(
            (SsrcGroup("FID", (slot.ssrc, slot.rtx_ssrc)),) if slot.occupied and slot.rtx_ssrc is not None else ()
        ),
        ssrc_attributes=tuple(
            SsrcAttribute(ssrc, "cname", track.parameters.cname)
            for ssrc in (slot.ssrc, slot.rtx_ssrc)
            if slot.occupied and ssrc is not None
        ),
        ice_ufrag=local.ice.ufrag,
        ice_pwd=local.ice.pwd,
        fingerprints=(local.fingerprint,),
        setup=Setup.ACTPASS,
        candidates=our_candidates(local) if tagged else (),
        end_of_candidates=tagged,
        rtcp_mux=True,
        rtcp_rsize=True,
    )


def _refused_section(slot: Slot) -> MediaSection:
    return MediaSection(
        kind=slot.kind,
        port=0,
        protocol=_PROTOCOL,
        formats=tuple(str(payload.payload_type) for payload in _payloads(slot)),
        connection="IN IP4 0.0.0.0",
        mid=slot.mid,
        direction=Direction.INACTIVE,
    )


def _payloads(slot: Slot) -> tuple[PayloadFormat, ...]:
    row = codec_row(slot.format_of.parameters.codec)
    payload = PayloadFormat(
        payload_type=row.payload_type,
        name=row.name,
        clock_rate=row.clock_rate,
        channels=row.channels,
        parameters=slot.format_of.format_parameters,
        feedback=row.feedback,
    )
    if row.rtx_payload_type is None:
        return (payload,)
    rtx = PayloadFormat(row.rtx_payload_type, RTX_NAME, row.clock_rate, parameters=f"apt={row.payload_type}")
    return (payload, rtx)
