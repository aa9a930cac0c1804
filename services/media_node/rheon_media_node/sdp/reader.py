"""Reading a session description.

Limits are checked on the text before anything is parsed. After that the reader makes one pass over the lines and does
work linear in their length. It is tolerant where peers differ (line ends, order of attributes, unknown attributes and
lines) and strict where a wrong guess would be acted upon (numbers, fingerprints, duplicate mids).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rheon_media_node.sdp import values
from rheon_media_node.sdp.errors import MalformedValueError, SdpError
from rheon_media_node.sdp.model import (
    Attribute,
    Bandwidth,
    Candidate,
    Direction,
    ExtensionMap,
    Fingerprint,
    Group,
    MediaSection,
    Msid,
    Origin,
    PayloadFormat,
    Rid,
    RtcpFeedback,
    SessionDescription,
    Setup,
    Simulcast,
    SsrcAttribute,
    SsrcGroup,
)

MAX_BYTES = 64 * 1024
MAX_SECTIONS = 64
MAX_LINES = 5000
MAX_FORMATS = 128
"""Formats of one section: there are no more RTP payload types."""
MAX_WILDCARD_FEEDBACK = 32
"""`a=rtcp-fb:*` lines of one section; each is expanded to every format."""

# Payload types that need no rtpmap (RFC 3551 §6). G722 really counts at 8000.
_STATIC_FORMATS = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000), 13: ("CN", 8000)}
_DIRECTIONS = frozenset(Direction)


def parse_session_description(text: str) -> SessionDescription:
    """Read a description; LF and CRLF line ends, with or without a final one.

    Raises SdpError, and nothing else, for any other text.
    """
    _check_limits(text)
    reader = _Reader()
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.removesuffix("\r")
        if "\r" in line or "\0" in line:
            raise SdpError(number, "control character inside a line")
        line = line.rstrip()
        if not line:
            continue
        if len(line) < 2 or line[1] != "=":
            raise SdpError(number, "a line must begin with a letter and =")
        try:
            reader.line(line[0], line[2:], number)
        except MalformedValueError as error:
            raise SdpError(number, str(error)) from None
    return reader.description()


def _check_limits(text: str) -> None:
    if len(text) > MAX_BYTES:
        raise SdpError(0, f"description is longer than {MAX_BYTES} bytes")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise SdpError(0, "description is not valid Unicode") from None
    if size > MAX_BYTES:
        raise SdpError(0, f"description is longer than {MAX_BYTES} bytes")
    if text.count("\n") > MAX_LINES:
        raise SdpError(0, f"description has more than {MAX_LINES} lines")
    if text.count("\nm=") > MAX_SECTIONS:
        raise SdpError(0, f"description has more than {MAX_SECTIONS} media sections")


@dataclass(slots=True)
class _Level:
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
class _Section(_Level):
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


class _Reader:
    def __init__(self) -> None:
        self._session = _Level()
        self._sections: list[_Section] = []
        self._mids: set[str] = set()
        self._version_seen = False
        self._origin: Origin | None = None
        self._name = "-"
        self._timing = "0 0"
        self._ice_lite = False
        self._groups: list[Group] = []

    def line(self, kind: str, value: str, number: int) -> None:
        if not self._version_seen:
            if kind != "v" or value != "0":
                raise SdpError(number, "a description begins with v=0")
            self._version_seen = True
            return
        level: _Level = self._sections[-1] if self._sections else self._session
        match kind:
            case "m":
                self._sections.append(_media_line(value))
            case "a":
                self._attribute(level, value)
            case "c":
                level.connection = value
            case "b":
                level.bandwidths.append(values.bandwidth(value))
            case "o" if not self._sections:
                self._origin = values.origin(value)
            case "s" if not self._sections:
                self._name = value or "-"
            case "t" if not self._sections:
                self._timing = value
            case "v" | "o" | "s" | "t":
                raise SdpError(number, f"{kind}= is out of place")
            case _:
                pass  # i=, u=, e=, p=, r=, z=, k= say nothing about WebRTC media

    def _attribute(self, level: _Level, text: str) -> None:
        name, separator, given = text.partition(":")
        values.token(name, "attribute name")
        value = given if separator else None
        if self._flag(level, name):
            return
        text = given.strip()
        if _shared_attribute(level, name, text):
            return
        if isinstance(level, _Section):
            if name == "mid":
                self._set_mid(level, text)
                return
            if _section_attribute(level, name, text):
                return
        elif name == "group":
            self._groups.append(values.group(text))
            return
        level.attributes.append(Attribute(name, value))

    def _flag(self, level: _Level, name: str) -> bool:
        """Attributes without a value."""
        if name in _DIRECTIONS:
            level.direction = Direction(name)
        elif name == "extmap-allow-mixed":
            level.extmap_allow_mixed = True
        elif name == "end-of-candidates":
            level.end_of_candidates = True
        elif name == "ice-lite":
            self._ice_lite = True
        elif isinstance(level, _Section):
            match name:
                case "rtcp-mux":
                    level.rtcp_mux = True
                case "rtcp-mux-only":
                    level.rtcp_mux_only = True
                case "rtcp-rsize":
                    level.rtcp_rsize = True
                case "bundle-only":
                    level.bundle_only = True
                case _:
                    return False
        else:
            return False
        return True

    def _set_mid(self, section: _Section, value: str) -> None:
        mid = values.token(value, "mid")
        if mid in self._mids:
            raise MalformedValueError("mid is used twice")
        self._mids.add(mid)
        section.mid = mid

    def description(self) -> SessionDescription:
        if not self._version_seen:
            raise SdpError(0, "description is empty")
        if self._origin is None:
            raise SdpError(0, "description has no o= line")
        session = self._session
        return SessionDescription(
            origin=self._origin,
            name=self._name,
            timing=self._timing,
            ice_lite=self._ice_lite,
            groups=tuple(self._groups),
            media=tuple(_build(section) for section in self._sections),
            connection=session.connection,
            bandwidths=tuple(session.bandwidths),
            direction=session.direction,
            ice_ufrag=session.ice_ufrag,
            ice_pwd=session.ice_pwd,
            ice_options=session.ice_options,
            fingerprints=tuple(session.fingerprints),
            setup=session.setup,
            extensions=tuple(session.extensions),
            extmap_allow_mixed=session.extmap_allow_mixed,
            candidates=tuple(session.candidates),
            end_of_candidates=session.end_of_candidates,
            attributes=tuple(session.attributes),
        )


def _media_line(value: str) -> _Section:
    parts = value.split()
    if len(parts) < 4:
        raise MalformedValueError("m= needs a kind, a port, a protocol and a format")
    formats = tuple(dict.fromkeys(parts[3:]))
    if len(formats) > MAX_FORMATS:
        raise MalformedValueError(f"m= has more than {MAX_FORMATS} formats")
    port = values.decimal(parts[1].partition("/")[0], "port", 65535)
    section = _Section(kind=parts[0], port=port, protocol=parts[2], formats=formats)
    if section.is_rtp:
        section.formats = tuple(dict.fromkeys(str(values.payload_type(number)) for number in formats))
    return section


def _shared_attribute(level: _Level, name: str, value: str) -> bool:
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


def _add_mapping(section: _Section, value: str) -> None:
    number, name, clock_rate, channels = values.rtpmap(value)
    section.mappings[number] = (name, clock_rate, channels)


def _add_parameters(section: _Section, value: str) -> None:
    number, parameters = values.fmtp(value)
    if section.is_rtp:
        section.parameters.setdefault(values.payload_type(number), []).append(parameters)
    else:
        section.attributes.append(Attribute("fmtp", value))


def _add_feedback(section: _Section, value: str) -> None:
    number, feedback = values.rtcp_fb(value)
    collected = section.feedback.setdefault(number, {})
    collected[feedback] = None
    if number is None and len(collected) > MAX_WILDCARD_FEEDBACK:
        raise MalformedValueError("too many rtcp-fb lines for every format")


def _set_simulcast(section: _Section, value: str) -> None:
    section.simulcast = values.simulcast(value)


def _set_sctp_port(section: _Section, value: str) -> None:
    section.sctp_port = values.decimal(value, "sctp-port", 65535)


def _set_max_message_size(section: _Section, value: str) -> None:
    section.max_message_size = values.decimal(value, "max-message-size", 2**63)


_SECTION_ATTRIBUTES: dict[str, Callable[[_Section, str], None]] = {
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


def _section_attribute(section: _Section, name: str, value: str) -> bool:
    read = _SECTION_ATTRIBUTES.get(name)
    if read is None:
        return False
    read(section, value)
    return True


def _payloads(section: _Section) -> tuple[PayloadFormat, ...]:
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


def _build(section: _Section) -> MediaSection:
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
