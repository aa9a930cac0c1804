"""Writing a session description: CRLF line ends, attributes in one fixed order.

Values are written as they are. Those that come from a peer were read by our reader and so hold no line ends; those the
caller makes up must be tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

from rheon_media_node.sdp.model import (
    Attribute,
    Candidate,
    DescriptionLevel,
    ExtensionMap,
    MediaSection,
    PayloadFormat,
    Rid,
    SessionDescription,
    Simulcast,
    SimulcastRid,
)


def write_session_description(description: SessionDescription) -> str:
    """The text of a description; reading it again gives an equal value."""
    lines = list(_session_lines(description))
    for section in description.media:
        lines.extend(_section_lines(section))
    return "\r\n".join(lines) + "\r\n"


def write_candidate(candidate: Candidate) -> str:
    """The value of an a=candidate line."""
    text = (
        f"{candidate.foundation} {candidate.component} {candidate.transport} {candidate.priority} "
        f"{candidate.address} {candidate.port} typ {candidate.kind}"
    )
    return text + "".join(f" {name} {value}" for name, value in candidate.extensions)


def _session_lines(description: SessionDescription) -> Iterator[str]:
    origin = description.origin
    yield "v=0"
    yield (
        f"o={origin.username} {origin.session_id} {origin.session_version} "
        f"{origin.net_type} {origin.addr_type} {origin.address}"
    )
    yield f"s={description.name}"
    yield from _connection_lines(description)
    yield f"t={description.timing}"
    for group in description.groups:
        yield "a=group:" + " ".join((group.semantics, *group.mids))
    if description.ice_lite:
        yield "a=ice-lite"
    yield from _shared_lines(description)


def _connection_lines(level: DescriptionLevel) -> Iterator[str]:
    if level.connection is not None:
        yield f"c={level.connection}"
    for bandwidth in level.bandwidths:
        yield f"b={bandwidth.kind}:{bandwidth.value}"


def _shared_lines(level: DescriptionLevel) -> Iterator[str]:
    for candidate in level.candidates:
        yield f"a=candidate:{write_candidate(candidate)}"
    if level.end_of_candidates:
        yield "a=end-of-candidates"
    if level.ice_ufrag is not None:
        yield f"a=ice-ufrag:{level.ice_ufrag}"
    if level.ice_pwd is not None:
        yield f"a=ice-pwd:{level.ice_pwd}"
    if level.ice_options:
        yield "a=ice-options:" + " ".join(level.ice_options)
    for fingerprint in level.fingerprints:
        yield f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}"
    if level.setup is not None:
        yield f"a=setup:{level.setup}"
    if level.extmap_allow_mixed:
        yield "a=extmap-allow-mixed"
    for extension in level.extensions:
        yield _extension_line(extension)
    if level.direction is not None:
        yield f"a={level.direction}"
    for attribute in level.attributes:
        yield _attribute_line(attribute)


def _section_lines(section: MediaSection) -> Iterator[str]:
    yield f"m={section.kind} {section.port} {section.protocol} " + " ".join(section.formats)
    yield from _connection_lines(section)
    if section.mid is not None:
        yield f"a=mid:{section.mid}"
    if section.bundle_only:
        yield "a=bundle-only"
    yield from _shared_lines(section)
    for msid in section.msids:
        yield f"a=msid:{msid.stream_id}" + (f" {msid.track_id}" if msid.track_id is not None else "")
    for present, name in (
        (section.rtcp_mux, "rtcp-mux"),
        (section.rtcp_mux_only, "rtcp-mux-only"),
        (section.rtcp_rsize, "rtcp-rsize"),
    ):
        if present:
            yield f"a={name}"
    for payload in section.payloads:
        yield from _payload_lines(payload)
    for rid in section.rids:
        yield _rid_line(rid)
    if section.simulcast is not None:
        yield _simulcast_line(section.simulcast)
    for group in section.ssrc_groups:
        yield f"a=ssrc-group:{group.semantics} " + " ".join(str(ssrc) for ssrc in group.ssrcs)
    for source in section.ssrc_attributes:
        yield f"a=ssrc:{source.ssrc} {source.name}" + (f":{source.value}" if source.value is not None else "")
    if section.sctp_port is not None:
        yield f"a=sctp-port:{section.sctp_port}"
    if section.max_message_size is not None:
        yield f"a=max-message-size:{section.max_message_size}"


def _attribute_line(attribute: Attribute) -> str:
    return f"a={attribute.name}" if attribute.value is None else f"a={attribute.name}:{attribute.value}"


def _extension_line(extension: ExtensionMap) -> str:
    direction = f"/{extension.direction}" if extension.direction is not None else ""
    attributes = f" {extension.attributes}" if extension.attributes is not None else ""
    return f"a=extmap:{extension.id}{direction} {extension.uri}{attributes}"


def _payload_lines(payload: PayloadFormat) -> Iterator[str]:
    number = payload.payload_type
    channels = f"/{payload.channels}" if payload.channels is not None else ""
    yield f"a=rtpmap:{number} {payload.name}/{payload.clock_rate}{channels}"
    for feedback in payload.feedback:
        yield f"a=rtcp-fb:{number} {feedback.kind}" + (f" {feedback.parameter}" if feedback.parameter else "")
    if payload.parameters is not None:
        yield f"a=fmtp:{number} {payload.parameters}"


def _rid_line(rid: Rid) -> str:
    items = ["pt=" + ",".join(str(number) for number in rid.payload_types)] if rid.payload_types else []
    if rid.restrictions is not None:
        items.append(rid.restrictions)
    return f"a=rid:{rid.id} {rid.direction}" + (" " + ";".join(items) if items else "")


def _simulcast_line(simulcast: Simulcast) -> str:
    parts = []
    for direction, streams in (("send", simulcast.send), ("recv", simulcast.recv)):
        if streams:
            parts.append(direction + " " + ";".join(",".join(map(_simulcast_rid, stream)) for stream in streams))
    return "a=simulcast:" + " ".join(parts)


def _simulcast_rid(alternative: SimulcastRid) -> str:
    return f"~{alternative.rid}" if alternative.paused else alternative.rid
