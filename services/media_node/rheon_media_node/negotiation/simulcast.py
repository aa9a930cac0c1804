"""The layers of a publisher's section: by rid (RFC 8853), by an SSRC group, or one.

Layers keep the order in which the client lists them: lowest first by convention of every client, for a description
does not say which is which.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from rheon_engine.types import Encoding
from rheon_media_node.negotiation.codecs import CodecChoice
from rheon_media_node.sdp import MediaSection, Rid, Simulcast, SimulcastRid

MAX_LAYERS = 3

# RFC 8851 §10, and no longer than what a one-byte header extension carries.
_RID = re.compile(r"[A-Za-z0-9_-]{1,16}")


@dataclass(frozen=True, slots=True)
class SectionLayers:
    """The layers of a section, and what the answer says of them."""

    encodings: tuple[Encoding, ...]
    """Never empty."""
    rids: tuple[Rid, ...] = ()
    """The answer's a=rid lines."""
    simulcast: Simulcast | None = None
    """The answer's a=simulcast line."""


def read_layers(section: MediaSection, choice: CodecChoice, *, simulcast: bool, rid_extension: bool) -> SectionLayers:
    """The layers the client sends.

    Rids need the header extension that carries them. More than `MAX_LAYERS` rids are declined, whereupon the client
    sends its first one alone (RFC 8853 §5.3.2); an SSRC group cannot be declined, so its surplus layers are ignored.
    """
    sources = _sources(section, choice)
    if simulcast and rid_extension:
        chosen = _chosen_rids(section, choice)
        if 0 < len(chosen) <= MAX_LAYERS:
            return SectionLayers(
                encodings=tuple(Encoding(rid=rid.id) for rid, _ in chosen),
                rids=tuple(_answered_rid(rid, choice) for rid, _ in chosen),
                simulcast=Simulcast(recv=tuple((stream,) for _, stream in chosen)),
            )
    if simulcast and section.simulcast is None and choice.row.kind == "video":
        layers = _grouped(section, sources)
        if len(layers) > 1:
            return SectionLayers(layers[:MAX_LAYERS])
    # Where simulcast was declined the first layer is sent, whose source is declared first. Without a=ssrc lines the
    # engine learns the source by mid.
    return SectionLayers((next(iter(sources.values()), Encoding()),))


def _chosen_rids(section: MediaSection, choice: CodecChoice) -> tuple[tuple[Rid, SimulcastRid], ...]:
    """Per simulcast stream the first alternative that is described and may carry the codec."""
    if section.simulcast is None:
        return ()
    described = {
        rid.id: rid
        for rid in section.rids
        if rid.direction == "send"
        and _RID.fullmatch(rid.id)
        and (not rid.payload_types or choice.payload.payload_type in rid.payload_types)
    }
    chosen: dict[str, tuple[Rid, SimulcastRid]] = {}
    for stream in section.simulcast.send:
        alternative = next((each for each in stream if each.rid in described and each.rid not in chosen), None)
        if alternative is not None:
            chosen[alternative.rid] = (described[alternative.rid], alternative)
    return tuple(chosen.values())


def _answered_rid(rid: Rid, choice: CodecChoice) -> Rid:
    """Restrictions stand as offered, whatever they mean (RFC 8851 §6.3); formats shrink to the one chosen."""
    return replace(rid, direction="recv", payload_types=(choice.payload.payload_type,) if rid.payload_types else ())


def _sources(section: MediaSection, choice: CodecChoice) -> dict[int, Encoding]:
    """Declared media sources with their retransmission, in the order of declaration."""
    repairs = {
        group.ssrcs[0]: group.ssrcs[1]
        for group in reversed(section.ssrc_groups)
        if group.semantics == "FID" and len(group.ssrcs) == 2 and group.ssrcs[0] != group.ssrcs[1]
    }
    repairing = {ssrc for group in section.ssrc_groups if group.semantics != "SIM" for ssrc in group.ssrcs[1:]}
    return {
        source.ssrc: Encoding(
            ssrc=source.ssrc, rtx_ssrc=(repairs.get(source.ssrc) or None) if choice.rtx is not None else None
        )
        for source in section.ssrc_attributes
        if source.ssrc != 0 and source.ssrc not in repairing
    }


def _grouped(section: MediaSection, sources: dict[int, Encoding]) -> tuple[Encoding, ...]:
    """Layers of the first SIM group, those whose source is declared."""
    for group in section.ssrc_groups:
        if group.semantics == "SIM":
            return tuple(sources[ssrc] for ssrc in dict.fromkeys(group.ssrcs) if ssrc in sources)
    return ()
