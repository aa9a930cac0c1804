"""Reading a session description.

Limits are checked on the text before anything is parsed. After that the reader makes one pass over the lines and does
work linear in their length. It is tolerant where peers differ (line ends, order of attributes, unknown attributes and
lines) and strict where a wrong guess would be acted upon (numbers, fingerprints, duplicate mids).
"""

from __future__ import annotations

from rheon_media_node.sdp import values
from rheon_media_node.sdp.collect import (
    Level,
    Section,
    build_section,
    media_line,
    section_attribute,
    shared_attribute,
)
from rheon_media_node.sdp.errors import MalformedValueError, SdpError
from rheon_media_node.sdp.model import Attribute, Direction, Group, Origin, SessionDescription

MAX_BYTES = 64 * 1024
MAX_SECTIONS = 64
MAX_LINES = 5000

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


class _Reader:
    def __init__(self) -> None:
        self._session = Level()
        self._sections: list[Section] = []
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
        level: Level = self._sections[-1] if self._sections else self._session
        match kind:
            case "m":
                self._sections.append(media_line(value))
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

    def _attribute(self, level: Level, text: str) -> None:
        name, separator, given = text.partition(":")
        values.token(name, "attribute name")
        value = given if separator else None
        if self._flag(level, name):
            return
        text = given.strip()
        if shared_attribute(level, name, text):
            return
        if isinstance(level, Section):
            if name == "mid":
                self._set_mid(level, text)
                return
            if section_attribute(level, name, text):
                return
        elif name == "group":
            self._groups.append(values.group(text))
            return
        level.attributes.append(Attribute(name, value))

    def _flag(self, level: Level, name: str) -> bool:
        """Attributes without a value."""
        if name in _DIRECTIONS:
            level.direction = Direction(name)
        elif name == "extmap-allow-mixed":
            level.extmap_allow_mixed = True
        elif name == "end-of-candidates":
            level.end_of_candidates = True
        elif name == "ice-lite":
            self._ice_lite = True
        elif isinstance(level, Section):
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

    def _set_mid(self, section: Section, value: str) -> None:
        mid = values.mid(value)
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
            media=tuple(build_section(section) for section in self._sections),
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
