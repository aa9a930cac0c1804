"""Which sections of a publisher's offer the node takes, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rheon_engine.types import HeaderExtension
from rheon_media_node.negotiation.capabilities import Capabilities
from rheon_media_node.negotiation.codecs import CodecChoice, choose_codec
from rheon_media_node.negotiation.data_channels import DataChannels, read_data_channels
from rheon_media_node.negotiation.errors import InvalidDescriptionError, NoCommonCodecError
from rheon_media_node.negotiation.extensions import accepted_extensions
from rheon_media_node.negotiation.simulcast import SectionLayers, read_layers
from rheon_media_node.negotiation.transport import bundled, require_rtcp_mux
from rheon_media_node.sdp import MediaSection, SessionDescription

_RID_EXTENSIONS = frozenset({HeaderExtension.RID, HeaderExtension.REPAIRED_RID})


@dataclass(frozen=True, slots=True)
class AcceptedSection:
    """A media section the node takes."""

    mid: str
    section: MediaSection
    sends: bool
    """The client sends in it."""
    choice: CodecChoice
    extensions: Mapping[HeaderExtension, int]
    """What the answer accepts."""
    layers: SectionLayers

    @property
    def used_extensions(self) -> dict[HeaderExtension, int]:
        """What the engine is to read.

        Declined simulcast needs its extensions in the answer all the same: Chromium lists the rids in its next offers,
        and cannot apply them without.
        """
        if self.layers.simulcast is not None:
            return dict(self.extensions)
        return {extension: number for extension, number in self.extensions.items() if extension not in _RID_EXTENSIONS}


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the node takes of an offer."""

    group: tuple[MediaSection, ...] = ()
    """All sections of the bundle that are not rejected, in the bundle's order."""
    media: tuple[AcceptedSection, ...] = ()
    """In the bundle's order."""
    data: DataChannels | None = None

    @property
    def mids(self) -> tuple[str, ...]:
        """Of what is taken, in the bundle's order."""
        taken = {accepted.mid for accepted in self.media}
        if self.data is not None:
            taken.add(self.data.mid)
        return tuple(section.mid for section in self.group if section.mid is not None and section.mid in taken)


def accept_sections(offer: SessionDescription, capabilities: Capabilities) -> Acceptance:
    """Choose what to take.

    Raises NoCommonCodecError when that is nothing, InvalidDescriptionError without a BUNDLE group or where RTCP would
    need a port of its own.
    """
    if not any(_useful(section, capabilities) for section in offer.media):
        raise NoCommonCodecError("no section of the offer has a codec this server forwards")
    group = bundled(offer.media, offer.bundle)
    if not group:
        raise InvalidDescriptionError("offer has no BUNDLE group over its sections")
    media = []
    data: DataChannels | None = None
    for section in group:
        accepted = _accept(offer, section, capabilities)
        if accepted is not None:
            require_rtcp_mux(section)
            media.append(accepted)
        elif capabilities.data_channels and data is None:  # a transport has one SCTP association
            data = read_data_channels(section)
    if not media and data is None:
        raise NoCommonCodecError("no bundled section of the offer has a codec this server forwards")
    return Acceptance(group, tuple(media), data)


def _is_media(section: MediaSection) -> bool:
    return section.is_rtp and not section.rejected and section.kind in ("audio", "video")


def _useful(section: MediaSection, capabilities: Capabilities) -> bool:
    if _is_media(section):
        return choose_codec(section, capabilities) is not None
    return capabilities.data_channels and section.kind == "application" and not section.rejected


def _accept(offer: SessionDescription, section: MediaSection, capabilities: Capabilities) -> AcceptedSection | None:
    choice = choose_codec(section, capabilities) if _is_media(section) else None
    if choice is None or section.mid is None:
        return None
    extensions = accepted_extensions(
        choice.row,
        offer.extensions_of(section),
        capabilities.extensions,
        simulcast=section.simulcast is not None,
    )
    # Also in a section that is silent now: Chromium would give up the layers that its answer does not accept.
    layers = read_layers(
        section, choice, simulcast=capabilities.simulcast, rid_extension=HeaderExtension.RID in extensions
    )
    sends = offer.direction_of(section).sends
    return AcceptedSection(section.mid, section, sends, choice, extensions, layers)
