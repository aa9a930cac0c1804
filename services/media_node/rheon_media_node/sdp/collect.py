"""What a session and its sections collect while their lines are read, and the values that become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rheon_media_node.sdp import values
from rheon_media_node.sdp.errors import MalformedValueError
from rheon_media_node.sdp.model import (
    Attribute,
    Bandwidth,
    Candidate,
    Direction,
    ExtensionMap,
    Fingerprint,
    MediaSection,
    Msid,
    PayloadFormat,
    Rid,
    RtcpFeedback,
    Setup,
    Simulcast,
    SsrcAttribute,
    SsrcGroup,
)

MAX_FORMATS = 128
"""Formats of one section: there are no more RTP payload types."""
MAX_WILDCARD_FEEDBACK = 32
"""`a=rtcp-fb:*` lines of one section; each is expanded to every format."""

# Payload types that need no rtpmap (RFC 3551 §6). G722 really counts at 8000.
_STATIC_FORMATS = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000), 13: ("CN", 8000)}


@dataclass(slots=True)
class Level:
    """What session and section collect alike while the lines go by."""

    connection: str | None = None
    bandwidths: list[Bandwidth] = field(default_factory=list)
    direction: Direction | None = None
    ice_ufrag: str | None = None
    ice_pwd: str | None = None
    ice_options: tuple[str, ...] = ()
    fingerprints: list[Fingerprint] = field(default_factory=list)
    setup: Setup | None = None
    extensions: list[ExtensionMap] = field(default_factory=list)
    extmap_allow_mixed: bool = False
    candidates: list[Candidate] = field(default_factory=list)
    end_of_candidates: bool = False
    attributes: list[Attribute] = field(default_factory=list)


@dataclass(slots=True)
class Section(Level):
    kind: str = ""
    port: int = 0
    protocol: str = ""
    formats: tuple[str, ...] = ()
    mid: str | None = None
    msids: list[Msid] = field(default_factory=list)
    mappings: dict[int, tuple[str, int, int | None]] = field(default_factory=dict)
    parameters: dict[int, list[str]] = field(default_factory=dict)
    feedback: dict[int | None, dict[RtcpFeedback, None]] = field(default_factory=dict)
    rids: list[Rid] = field(default_factory=list)
    simulcast: Simulcast | None = None
    ssrc_groups: list[SsrcGroup] = field(default_factory=list)
    ssrc_attributes: list[SsrcAttribute] = field(default_factory=list)
    rtcp_mux: bool = False
    rtcp_mux_only: bool = False
    rtcp_rsize: bool = False
    bundle_only: bool = False
    sctp_port: int | None = None
    max_message_size: int | None = None

    @property
    def is_rtp(self) -> bool:
        return "RTP/" in self.protocol


def media_line(value: str) -> Section:
    parts = value.split()
    if len(parts) < 4:
        raise MalformedValueError("m= needs a kind, a port, a protocol and a format")
    formats = tuple(dict.fromkeys(parts[3:]))
    if len(formats) > MAX_FORMATS:
        raise MalformedValueError(f"m= has more than {MAX_FORMATS} formats")
    port = values.decimal(parts[1].partition("/")[0], "port", 65535)
    section = Section(kind=parts[0], port=port, protocol=parts[2], formats=formats)
    if section.is_rtp:
        section.formats = tuple(dict.fromkeys(str(values.payload_type(number)) for number in formats))
    return section


def shared_attribute(level: Level, name: str, value: str) -> bool:
    match name:
        case "ice-ufrag":
            level.ice_ufrag = values.ice_value(value)
        case "ice-pwd":
            level.ice_pwd = values.ice_value(value)
        case "ice-options":
            # RFC 8839 separates options by spaces; libdatachannel writes commas.
            level.ice_options = tuple(value.replace(",", " ").split())
        case "fingerprint":
            level.fingerprints.append(values.fingerprint(value))
        case "setup":
            level.setup = values.setup(value)
        case "extmap":
            level.extensions.append(values.extmap(value))
        case "candidate":
            level.candidates.append(values.candidate(value))
        case _:
            return False
    return True


def _add_mapping(section: Section, value: str) -> None:
    number, name, clock_rate, channels = values.rtpmap(value)
    section.mappings[number] = (name, clock_rate, channels)


def _add_parameters(section: Section, value: str) -> None:
    number, parameters = values.fmtp(value)
    if section.is_rtp:
        section.parameters.setdefault(values.payload_type(number), []).append(parameters)
    else:
        section.attributes.append(Attribute("fmtp", value))


def _add_feedback(section: Section, value: str) -> None:
    number, feedback = values.rtcp_fb(value)
    collected = section.feedback.setdefault(number, {})
    collected[feedback] = None
    if number is None and len(collected) > MAX_WILDCARD_FEEDBACK:
        raise MalformedValueError("too many rtcp-fb lines for every format")


def _set_simulcast(section: Section, value: str) -> None:
    section.simulcast = values.simulcast(value)


def _set_sctp_port(section: Section, value: str) -> None:
    section.sctp_port = values.decimal(value, "sctp-port", 65535)


def _set_max_message_size(section: Section, value: str) -> None:
    section.max_message_size = values.decimal(value, "max-message-size", 2**63)


_SECTION_ATTRIBUTES: dict[str, Callable[[Section, str], None]] = {
    "rtpmap": _add_mapping,
    "fmtp": _add_parameters,
    "rtcp-fb": _add_feedback,
    "msid": lambda section, value: section.msids.append(values.msid(value)),
    "rid": lambda section, value: section.rids.append(values.rid(value)),
    "simulcast": _set_simulcast,
    "ssrc-group": lambda section, value: section.ssrc_groups.append(values.ssrc_group(value)),
    "ssrc": lambda section, value: section.ssrc_attributes.append(values.ssrc(value)),
    "sctp-port": _set_sctp_port,
    "max-message-size": _set_max_message_size,
}


def section_attribute(section: Section, name: str, value: str) -> bool:
    read = _SECTION_ATTRIBUTES.get(name)
    if read is None:
        return False
    read(section, value)
    return True


def _payloads(section: Section) -> tuple[PayloadFormat, ...]:
    if not section.is_rtp:
        return ()
    everywhere = section.feedback.get(None, {})
    payloads = []
    for text in section.formats:
        number = int(text)
        mapping = section.mappings.get(number)
        if mapping is None:
            if number not in _STATIC_FORMATS:
                continue
            name, clock_rate = _STATIC_FORMATS[number]
            mapping = (name, clock_rate, None)
        payloads.append(
            PayloadFormat(
                payload_type=number,
                name=mapping[0],
                clock_rate=mapping[1],
                channels=mapping[2],
                parameters=";".join(section.parameters[number]) if number in section.parameters else None,
                feedback=tuple(section.feedback.get(number, {}) | everywhere),
            )
        )
    return tuple(payloads)


def build_section(section: Section) -> MediaSection:
    return MediaSection(
        kind=section.kind,
        port=section.port,
        protocol=section.protocol,
        formats=section.formats,
        mid=section.mid,
        msids=tuple(section.msids),
        payloads=_payloads(section),
        rids=tuple(section.rids),
        simulcast=section.simulcast,
        ssrc_groups=tuple(section.ssrc_groups),
        ssrc_attributes=tuple(section.ssrc_attributes),
        rtcp_mux=section.rtcp_mux,
        rtcp_mux_only=section.rtcp_mux_only,
        rtcp_rsize=section.rtcp_rsize,
        bundle_only=section.bundle_only,
        sctp_port=section.sctp_port,
        max_message_size=section.max_message_size,
        connection=section.connection,
        bandwidths=tuple(section.bandwidths),
        direction=section.direction,
        ice_ufrag=section.ice_ufrag,
        ice_pwd=section.ice_pwd,
        ice_options=section.ice_options,
        fingerprints=tuple(section.fingerprints),
        setup=section.setup,
        extensions=tuple(section.extensions),
        extmap_allow_mixed=section.extmap_allow_mixed,
        candidates=tuple(section.candidates),
        end_of_candidates=section.end_of_candidates,
        attributes=tuple(section.attributes),
    )
