"""A session description as values (RFC 8866, with the attributes WebRTC gives it in RFC 8829 and RFC 9143).

Every field holds what that level of the description says explicitly, so that a description survives reading and
writing; what a media section inherits from the session is asked of `SessionDescription` (`ice_of` and its neighbours).
Attributes without a field of their own are kept in order in `attributes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Direction(StrEnum):
    """Media direction, seen from the side that wrote the description (RFC 8866 §6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)


class Setup(StrEnum):
    """Who opens the DTLS association (RFC 8842 §5.2)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An `a=` line this reader gives no meaning to."""

    name: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """The `o=` line. Session id and version stay text: other implementations exceed 64 bits."""

    username: str
    session_id: str
    session_version: str
    net_type: str = "IN"
    addr_type: str = "IP4"
    address: str = "0.0.0.0"  # noqa: S104  RFC 8829 §5.2.1: reveal no address here


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """A `b=` line: AS in kbit/s, TIAS in bit/s."""

    kind: str
    value: int


@dataclass(frozen=True, slots=True)
class Group:
    """Sections that belong together (RFC 5888); `BUNDLE` shares one transport (RFC 9143)."""

    semantics: str
    mids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IceParameters:
    """User fragment and password of one side (RFC 8839 §5.4)."""

    ufrag: str
    pwd: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Hash of the certificate used in DTLS (RFC 8122 §5): algorithm in lower, colon-separated value in upper case."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """An ICE candidate (RFC 8839 §5.1), its extension attributes (generation, tcptype…) in order."""

    foundation: str
    component: int
    transport: str
    priority: int
    address: str
    port: int
    kind: str
    extensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RtcpFeedback:
    """One RTCP feedback message type (RFC 4585 §4.2), such as `nack` or `nack` with parameter `pli`."""

    kind: str
    parameter: str | None = None


@dataclass(frozen=True, slots=True)
class PayloadFormat:
    """An RTP payload type with its mapping, format parameters and feedback."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int | None = None
    parameters: str | None = None
    """The value of a=fmtp as written."""
    feedback: tuple[RtcpFeedback, ...] = ()

    def is_named(self, name: str) -> bool:
        """Encoding names compare without case (RFC 4855 §3)."""
        return self.name.lower() == name.lower()

    def parameter(self, name: str) -> str | None:
        """A format parameter by its lower-case name, None when it is not given."""
        for item in (self.parameters or "").split(";"):
            key, separator, value = item.partition("=")
            if separator and key.strip().lower() == name:
                return value.strip()
        return None

    @property
    def associated_payload_type(self) -> int | None:
        """What this retransmission format repairs (`apt`, RFC 4588 §8.6)."""
        value = self.parameter("apt")
        if value is None or not (value.isascii() and value.isdigit() and len(value) <= 3):
            return None
        return int(value)


@dataclass(frozen=True, slots=True)
class ExtensionMap:
    """An RTP header extension's id (RFC 8285 §5)."""

    id: int
    uri: str
    direction: Direction | None = None
    attributes: str | None = None


@dataclass(frozen=True, slots=True)
class Msid:
    """MediaStream and track the section belongs to (RFC 8830); stream `-` means none."""

    stream_id: str
    track_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rid:
    """A restriction identifier naming one encoding (RFC 8851)."""

    id: str
    direction: Literal["send", "recv"]
    payload_types: tuple[int, ...] = ()
    restrictions: str | None = None


@dataclass(frozen=True, slots=True)
class SimulcastRid:
    """One alternative of a simulcast stream."""

    rid: str
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Simulcast:
    """Simulcast streams of each direction, each a tuple of alternatives (RFC 8853 §5.1)."""

    send: tuple[tuple[SimulcastRid, ...], ...] = ()
    recv: tuple[tuple[SimulcastRid, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class SsrcGroup:
    """Related sources (RFC 5576 §4.2): FID pairs media with its retransmission, SIM lists simulcast layers."""

    semantics: str
    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SsrcAttribute:
    """A source-level attribute (RFC 5576 §4.1)."""

    ssrc: int
    name: str
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionLevel:
    """What may stand at session and at media level alike."""

    connection: str | None = None
    bandwidths: tuple[Bandwidth, ...] = ()
    direction: Direction | None = None
    ice_ufrag: str | None = None
    ice_pwd: str | None = None
    ice_options: tuple[str, ...] = ()
    fingerprints: tuple[Fingerprint, ...] = ()
    setup: Setup | None = None
    extensions: tuple[ExtensionMap, ...] = ()
    extmap_allow_mixed: bool = False
    candidates: tuple[Candidate, ...] = ()
    end_of_candidates: bool = False
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSection(DescriptionLevel):
    """One `m=` line with what follows it."""

    kind: str
    """audio, video, application, or whatever the peer wrote."""
    port: int
    protocol: str
    formats: tuple[str, ...]
    """As on the m= line: payload types of RTP sections, in order of preference."""
    mid: str | None = None
    msids: tuple[Msid, ...] = ()
    payloads: tuple[PayloadFormat, ...] = ()
    """Formats with a known mapping, in the order of the m= line."""
    rids: tuple[Rid, ...] = ()
    simulcast: Simulcast | None = None
    ssrc_groups: tuple[SsrcGroup, ...] = ()
    ssrc_attributes: tuple[SsrcAttribute, ...] = ()
    rtcp_mux: bool = False
    rtcp_mux_only: bool = False
    rtcp_rsize: bool = False
    bundle_only: bool = False
    sctp_port: int | None = None
    max_message_size: int | None = None

    @property
    def is_rtp(self) -> bool:
        return "RTP/" in self.protocol

    @property
    def rejected(self) -> bool:
        """Port 0 refuses or ends a section, unless it only says that the section needs its bundle (RFC 9143 §6)."""
        return self.port == 0 and not self.bundle_only

    def payload(self, payload_type: int) -> PayloadFormat | None:
        for payload in self.payloads:
            if payload.payload_type == payload_type:
                return payload
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDescription(DescriptionLevel):
    """A whole description."""

    origin: Origin
    name: str = "-"
    timing: str = "0 0"
    ice_lite: bool = False
    groups: tuple[Group, ...] = ()
    media: tuple[MediaSection, ...] = ()

    @property
    def bundle(self) -> tuple[str, ...]:
        """Mids of the first BUNDLE group; empty without one."""
        for group in self.groups:
            if group.semantics == "BUNDLE":
                return group.mids
        return ()

    def ice_of(self, section: MediaSection) -> IceParameters | None:
        """The section's own credentials, else the session's; None unless both halves are there."""
        ufrag = section.ice_ufrag if section.ice_ufrag is not None else self.ice_ufrag
        pwd = section.ice_pwd if section.ice_pwd is not None else self.ice_pwd
        if ufrag is None or pwd is None:
            return None
        return IceParameters(ufrag, pwd)

    def fingerprints_of(self, section: MediaSection) -> tuple[Fingerprint, ...]:
        return section.fingerprints or self.fingerprints

    def setup_of(self, section: MediaSection) -> Setup | None:
        return section.setup or self.setup

    def direction_of(self, section: MediaSection) -> Direction:
        """Sendrecv is the default (RFC 8866 §6.7)."""
        return section.direction or self.direction or Direction.SENDRECV

    def extensions_of(self, section: MediaSection) -> tuple[ExtensionMap, ...]:
        """Session-level maps hold for every section (RFC 8285 §5)."""
        return self.extensions + section.extensions

    def extmap_allow_mixed_of(self, section: MediaSection) -> bool:
        return self.extmap_allow_mixed or section.extmap_allow_mixed
