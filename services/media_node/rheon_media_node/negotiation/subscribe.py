"""Offers to subscribers. The node offers, the client answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rheon_media_node.negotiation.codecs import RED_NAME, RTX_NAME, codec_row, red_parameters
from rheon_media_node.negotiation.data_channels import offered_data_section
from rheon_media_node.negotiation.errors import NothingToOfferError
from rheon_media_node.negotiation.slots import DataSlot, Slot, SlotTable
from rheon_media_node.negotiation.tracks import PublishedTrack
from rheon_media_node.negotiation.transport import (
    LocalTransport,
    RemoteTransport,
    on_our_transport,
    our_origin,
    our_session_attributes,
    refused_section,
)
from rheon_media_node.sdp import (
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


@dataclass(frozen=True, slots=True)
class SubscriptionNegotiation:
    """One offer of a subscribe connection, and the ground for its answer and for the next offer."""

    offer: SessionDescription
    offer_text: str
    slots: tuple[Slot | DataSlot, ...]
    """Its media sections."""
    version: int
    """The offer's o= version: grows by one with each offer of the connection."""
    next_mid: int
    ice_restart: bool
    """The offer carries other ICE credentials than the last answered one."""
    remote: RemoteTransport | None = None
    """What the last answer said; None before the first."""
    refused_track_ids: frozenset[str] = field(default_factory=frozenset)
    """Tracks the subscriber refused: not offered again on this connection while they live."""
    data_refused: bool = False
    """The subscriber refused data channels: not offered again on this connection."""
    left_out: tuple[PublishedTrack, ...] = ()
    """Wanted tracks for which the connection has no sections or payload types left; a fresh one would have."""

    @property
    def media_slots(self) -> tuple[Slot, ...]:
        """The sections for tracks."""
        return tuple(slot for slot in self.slots if isinstance(slot, Slot))

    @property
    def tracks_by_mid(self) -> dict[str, PublishedTrack]:
        """What each section offers; a track knows its publisher."""
        return {slot.mid: slot.track for slot in self.media_slots if slot.track is not None and not slot.refused}

    @property
    def tracks(self) -> tuple[PublishedTrack, ...]:
        """The tracks offered, in the order of their sections."""
        return tuple(self.tracks_by_mid.values())

    @property
    def offers_data(self) -> bool:
        """Whether data channels are offered."""
        return any(isinstance(slot, DataSlot) and not slot.refused for slot in self.slots)


def offer_subscription(
    tracks: Sequence[PublishedTrack],
    local: LocalTransport,
    allocate_ssrc: Callable[[], int],
    previous: SubscriptionNegotiation | None = None,
    *,
    data: bool = False,
) -> SubscriptionNegotiation:
    """Offer these tracks, of one publisher or several: all that the subscriber is to have from now on.

    `allocate_ssrc` gives random 32-bit numbers; zero and what the connection already uses are drawn again. `previous`
    is the latest negotiation of the same connection: that of its `SubscriptionAnswer` once there was an answer. For an
    ICE restart call with new credentials in `local` (and the same `session_id`). With `data` data channels are offered
    as well; once offered they stay. Tracks that find no place are `left_out`. Raises NothingToOfferError for a first
    offer of nothing.
    """
    if previous is None and not tracks and not data:
        raise NothingToOfferError("publisher has no tracks")
    refused = previous.refused_track_ids.intersection(track.track_id for track in tracks) if previous else frozenset()
    data_refused = previous is not None and previous.data_refused
    table = SlotTable(list(previous.slots) if previous else [], previous.next_mid if previous else 0, allocate_ssrc)
    left_out = table.place([track for track in tracks if track.track_id not in refused], data=data and not data_refused)
    slots = tuple(table.slots)
    version = previous.version + 1 if previous else 1
    offer = _describe(slots, local, version)
    return SubscriptionNegotiation(
        offer=offer,
        offer_text=write_session_description(offer),
        slots=slots,
        version=version,
        next_mid=table.next_mid,
        ice_restart=previous is not None
        and (previous.ice_restart or _ufrag(previous.offer) not in (None, local.ice.ufrag)),
        remote=previous.remote if previous else None,
        refused_track_ids=refused,
        data_refused=data_refused,
        left_out=left_out,
    )


def _ufrag(offer: SessionDescription) -> str | None:
    return next((section.ice_ufrag for section in offer.media if section.ice_ufrag is not None), None)


def _describe(slots: Sequence[Slot | DataSlot], local: LocalTransport, version: int) -> SessionDescription:
    mids = tuple(slot.mid for slot in slots if not slot.refused)
    return SessionDescription(
        origin=our_origin(local, version),
        ice_lite=True,
        groups=(Group("BUNDLE", mids),) if mids else (),
        extmap_allow_mixed=True,
        attributes=our_session_attributes(),
        media=tuple(
            refused_section(_section(slot))
            if slot.refused
            else on_our_transport(_section(slot), local, Setup.ACTPASS, tagged=slot.mid == mids[0])
            for slot in slots
        ),
    )


def _section(slot: Slot | DataSlot) -> MediaSection:
    """The section without its transport."""
    if isinstance(slot, DataSlot):
        return offered_data_section(slot.mid)
    track = slot.format_of
    payloads = _payloads(slot)
    sources = tuple(ssrc for ssrc in (slot.ssrc, slot.rtx_ssrc) if ssrc is not None) if slot.occupied else ()
    return MediaSection(
        kind=slot.kind,
        port=0,
        protocol=_PROTOCOL,
        formats=tuple(str(payload.payload_type) for payload in payloads),
        mid=slot.mid,
        direction=Direction.SENDONLY if slot.occupied else Direction.INACTIVE,
        payloads=payloads,
        extensions=tuple(ExtensionMap(number, extension.value) for extension, number in slot.extensions.items()),
        msids=(Msid(track.subscriber_stream_id, track.track_id),) if slot.occupied else (),
        ssrc_groups=(SsrcGroup("FID", sources),) if len(sources) > 1 else (),
        ssrc_attributes=tuple(SsrcAttribute(ssrc, "cname", track.parameters.cname) for ssrc in sources),
        rtcp_mux=True,
        rtcp_rsize=True,
    )


def _payloads(slot: Slot) -> tuple[PayloadFormat, ...]:
    """The one codec its publisher sends, in its variant, with what belongs to it."""
    row = codec_row(slot.format_of.parameters.codec)
    types = slot.payload_types
    payloads = [
        PayloadFormat(
            payload_type=types.primary,
            name=row.name,
            clock_rate=row.clock_rate,
            channels=row.channels,
            parameters=slot.format_of.format_parameters,
            feedback=row.feedback,
        )
    ]
    if types.rtx is not None:
        payloads.append(PayloadFormat(types.rtx, RTX_NAME, row.clock_rate, parameters=f"apt={types.primary}"))
    if types.red is not None and slot.format_of.parameters.red_payload_type is not None:
        payloads.append(PayloadFormat(types.red, RED_NAME, row.clock_rate, row.channels, red_parameters(types.primary)))
    return tuple(payloads)
