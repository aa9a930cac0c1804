"""Reading a subscriber's answer against the offer it should belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from rheon_engine.types import ForwardParameters
from rheon_media_node.negotiation.codecs import NACK, find_codec
from rheon_media_node.negotiation.data_channels import DataChannels, read_data_channels
from rheon_media_node.negotiation.errors import InvalidDescriptionError, StaleDescriptionError
from rheon_media_node.negotiation.extensions import kept_extensions
from rheon_media_node.negotiation.peers import accepts_padding
from rheon_media_node.negotiation.slots import DataSlot, Slot
from rheon_media_node.negotiation.subscribe import SubscriptionNegotiation
from rheon_media_node.negotiation.tracks import PublishedTrack
from rheon_media_node.negotiation.transport import (
    RemoteTransport,
    bundled,
    read_description,
    remote_identity,
    require_rtcp_mux,
)
from rheon_media_node.sdp import MediaSection, SessionDescription, Setup


class Refusal(StrEnum):
    """Why a subscriber gets a track not."""

    REJECTED = "rejected"
    """Port 0, or outside the bundle."""
    NO_CODEC = "no-codec"
    """The section stands, but without the codec the publisher sends."""
    INACTIVE = "inactive"
    """The subscriber does not want to receive now; a further offer may change its mind."""
    NO_ROOM = "no-room"
    """The track was not offered: the connection has used up its sections or payload types."""


_WORDS = {
    Refusal.REJECTED: "the subscriber rejected the section",
    Refusal.NO_CODEC: "the subscriber does not take the codec",
    Refusal.INACTIVE: "the subscriber does not want to receive it now",
    Refusal.NO_ROOM: "the connection has no room for it",
}


@dataclass(frozen=True, slots=True)
class AcceptedTrack:
    track: PublishedTrack
    forward: ForwardParameters


@dataclass(frozen=True, slots=True)
class RefusedTrack:
    track: PublishedTrack
    reason: Refusal

    @property
    def explanation(self) -> str:
        """For people: the track, its codec, and why."""
        parameters = self.track.format_parameters
        codec = self.track.parameters.codec + ("" if parameters is None else f" ({parameters})")
        return f"track {self.track.track_id}, {self.track.kind} in {codec}: {_WORDS[self.reason]}"


@dataclass(frozen=True, slots=True)
class SubscriptionAnswer:
    """What the subscriber agreed to."""

    negotiation: SubscriptionNegotiation
    """The ground for the connection's next offer."""
    remote: RemoteTransport | None
    """None when every section is rejected: there is nothing to connect."""
    accepted: tuple[AcceptedTrack, ...]
    refused: tuple[RefusedTrack, ...]
    data: DataChannels | None
    """Data channels, if they were offered and agreed to."""


def read_subscription_answer(negotiation: SubscriptionNegotiation, answer_text: str) -> SubscriptionAnswer:
    """Read the answer to `negotiation.offer`.

    Sections are matched by mid, by place where the answer names none. Raises InvalidDescriptionError when the text is
    malformed or no answer to this offer, StaleDescriptionError when it answers an earlier offer (its ICE credentials
    survive our restart) or comes from another peer connection (its certificate changed).
    """
    answer = read_description(answer_text)
    sections = _match(negotiation.slots, answer)
    live = _live(answer)
    remote = _remote(negotiation, answer, live) if live else None
    padding = accepts_padding(answer)
    accepted: list[AcceptedTrack] = []
    refused = [RefusedTrack(track, Refusal.NO_ROOM) for track in negotiation.left_out]
    slots = list(negotiation.slots)
    data: DataChannels | None = None
    data_refused = negotiation.data_refused
    for index, (slot, section) in enumerate(zip(negotiation.slots, sections, strict=True)):
        rejected = not any(section is other for other in live)
        if isinstance(slot, DataSlot):
            data = None if rejected or slot.refused else read_data_channels(section)
            if data is None:
                slots[index] = replace(slot, refused=True)
                data_refused = True
            continue
        if rejected and not slot.refused:
            slots[index] = replace(slot, occupied=False, refused=True)
        if slot.track is None or slot.refused:
            continue
        outcome = Refusal.REJECTED if rejected else _outcome(slot, slot.track, section, answer, padding=padding)
        if isinstance(outcome, Refusal):
            refused.append(RefusedTrack(slot.track, outcome))
        else:
            accepted.append(AcceptedTrack(slot.track, outcome))
    lasting = {item.track.track_id for item in refused if item.reason in (Refusal.REJECTED, Refusal.NO_CODEC)}
    return SubscriptionAnswer(
        negotiation=replace(
            negotiation,
            slots=tuple(slots),
            remote=remote or negotiation.remote,
            ice_restart=False,
            refused_track_ids=negotiation.refused_track_ids | lasting,
            data_refused=data_refused,
        ),
        remote=remote,
        accepted=tuple(accepted),
        refused=tuple(refused),
        data=data,
    )


def _match(slots: Sequence[Slot | DataSlot], answer: SessionDescription) -> tuple[MediaSection, ...]:
    """The answer's sections in the order of our slots."""
    if len(answer.media) != len(slots):
        raise InvalidDescriptionError(f"answer has {len(answer.media)} sections, the offer has {len(slots)}")
    by_mid = {section.mid: section for section in answer.media if section.mid is not None}
    if not by_mid:
        matched = answer.media
    elif len(by_mid) == len(slots) and all(slot.mid in by_mid for slot in slots):
        matched = tuple(by_mid[slot.mid] for slot in slots)
    else:
        # Rejected sections may be written without a mid: then every mid there is must stand in its place.
        matched = answer.media
        if any(section.mid not in (None, slot.mid) for slot, section in zip(slots, matched, strict=True)):
            raise InvalidDescriptionError("answer's mids are not the offer's")
    for slot, section in zip(slots, matched, strict=True):
        if section.kind != slot.kind:
            raise InvalidDescriptionError(
                f"section {slot.mid} is {section.kind} in the answer, {slot.kind} in the offer"
            )
    return matched


def _live(answer: SessionDescription) -> tuple[MediaSection, ...]:
    """Sections on our one transport, the one that describes it first."""
    standing = tuple(section for section in answer.media if not section.rejected)
    if not answer.bundle and len(standing) == 1:
        return standing  # a single section needs no group
    live = bundled(answer.media, answer.bundle)
    if standing and not live:
        raise InvalidDescriptionError("answer does not bundle its sections")
    return live


def _remote(
    negotiation: SubscriptionNegotiation, answer: SessionDescription, live: Sequence[MediaSection]
) -> RemoteTransport:
    for section in live:
        if section.is_rtp:
            require_rtcp_mux(section)
    ice, fingerprints, setup = remote_identity(answer, live)
    if setup not in (Setup.ACTIVE, Setup.PASSIVE):
        raise InvalidDescriptionError("answer needs a=setup:active or a=setup:passive")
    known = negotiation.remote
    if known is not None:
        if set(fingerprints).isdisjoint(known.fingerprints):
            raise StaleDescriptionError("answer comes from another connection")
        if negotiation.ice_restart and ice.ufrag == known.ice.ufrag:
            raise StaleDescriptionError("answer is older than the ICE restart")
        if setup is not known.setup:
            raise InvalidDescriptionError("answer changes the DTLS role of a running connection")
    return RemoteTransport(ice, fingerprints, setup)


def _outcome(
    slot: Slot, track: PublishedTrack, section: MediaSection, answer: SessionDescription, *, padding: bool
) -> ForwardParameters | Refusal:
    if not answer.direction_of(section).receives:
        return Refusal.INACTIVE
    choice = find_codec(section, track.parameters.codec, track.format_parameters)
    if choice is None:
        return Refusal.NO_CODEC
    return ForwardParameters(
        mid=slot.mid,
        ssrc=slot.ssrc,
        payload_type=choice.payload.payload_type,
        rtx_ssrc=slot.rtx_ssrc if choice.rtx is not None else None,
        rtx_payload_type=choice.rtx.payload_type if choice.rtx is not None else None,
        red_payload_type=choice.red.payload_type if choice.red is not None and _has_red(track) else None,
        nack=NACK in choice.feedback,
        padding=padding,
        extensions=kept_extensions(slot.extensions, answer.extensions_of(section)),
    )


def _has_red(track: PublishedTrack) -> bool:
    return track.parameters.red_payload_type is not None
