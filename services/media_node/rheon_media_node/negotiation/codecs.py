"""The codec table: what the node takes from publishers and offers to subscribers. A further codec is a further row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rheon_engine.types import Codec, Kind
from rheon_media_node.negotiation import configurations
from rheon_media_node.negotiation.capabilities import Capabilities
from rheon_media_node.negotiation.configurations import Configuration
from rheon_media_node.sdp import MediaSection, PayloadFormat, RtcpFeedback

NACK = RtcpFeedback("nack")
PLI = RtcpFeedback("nack", "pli")
FIR = RtcpFeedback("ccm", "fir")
TRANSPORT_CC_FEEDBACK = RtcpFeedback("transport-cc")

RTX_NAME = "rtx"
RED_NAME = "red"


@dataclass(frozen=True, slots=True)
class CodecRow:
    """One codec the node forwards."""

    name: Codec
    kind: Kind
    clock_rate: int
    channels: int | None
    read: Callable[[PayloadFormat], Configuration | None]
    """What a format's parameters make of the codec; None: a variant the node does not forward."""
    payload_type: int
    """In our own offers, for the first variant of the codec on a connection."""
    rtx_payload_type: int | None
    """Likewise of its retransmission format (RFC 4588); None: the codec is not retransmitted."""
    feedback: tuple[RtcpFeedback, ...]
    red_payload_type: int | None = None
    """Likewise of its redundancy format (RFC 2198); None: it has none."""

    def matches(self, payload: PayloadFormat) -> bool:
        """Whether the format is this codec, in whatever variant."""
        return (
            payload.is_named(self.name)
            and payload.clock_rate == self.clock_rate
            and (payload.channels or 1) == (self.channels or 1)
        )


# goog-remb is in no row: transport-wide feedback is the only bandwidth estimation spoken.
_AUDIO_FEEDBACK = (TRANSPORT_CC_FEEDBACK,)
_VIDEO_FEEDBACK = (NACK, PLI, FIR, TRANSPORT_CC_FEEDBACK)

CODECS: tuple[CodecRow, ...] = (
    CodecRow("opus", "audio", 48000, 2, configurations.opus, 111, None, _AUDIO_FEEDBACK, red_payload_type=63),
    CodecRow("PCMU", "audio", 8000, None, configurations.plain, 0, None, _AUDIO_FEEDBACK),
    CodecRow("PCMA", "audio", 8000, None, configurations.plain, 8, None, _AUDIO_FEEDBACK),
    CodecRow("VP8", "video", 90000, None, configurations.plain, 96, 97, _VIDEO_FEEDBACK),
    CodecRow("VP9", "video", 90000, None, configurations.vp9, 98, 99, _VIDEO_FEEDBACK),
    CodecRow("H264", "video", 90000, None, configurations.h264, 102, 103, _VIDEO_FEEDBACK),
    CodecRow("AV1", "video", 90000, None, configurations.av1, 45, 46, _VIDEO_FEEDBACK),
    CodecRow("H265", "video", 90000, None, configurations.h265, 49, 50, _VIDEO_FEEDBACK),
)

_ROWS = {row.name: row for row in CODECS}
_ROWS_BY_ENCODING = {row.name.lower(): row for row in CODECS}


@dataclass(frozen=True, slots=True)
class CodecChoice:
    """A codec of a section together with its retransmission and redundancy formats."""

    row: CodecRow
    configuration: Configuration
    payload: PayloadFormat
    rtx: PayloadFormat | None
    red: PayloadFormat | None

    @property
    def feedback(self) -> tuple[RtcpFeedback, ...]:
        """What both sides know, in the table's order."""
        return tuple(feedback for feedback in self.row.feedback if feedback in self.payload.feedback)


def codec_row(name: Codec) -> CodecRow:
    """The row of a codec."""
    return _ROWS[name]


def choose_codec(section: MediaSection, capabilities: Capabilities) -> CodecChoice | None:
    """The section's first format that is in the table and switched on: its writer's preference decides."""
    for payload in section.payloads:
        row = _ROWS_BY_ENCODING.get(payload.name.lower())
        if row is None or row.kind != section.kind or row.name not in capabilities.codecs or not row.matches(payload):
            continue
        configuration = row.read(payload)
        if configuration is not None:
            red = _red_of(section, row, payload) if capabilities.red else None
            return CodecChoice(row, configuration, payload, _rtx_of(section, row, payload), red)
    return None


def find_codec(section: MediaSection, name: Codec, parameters: str | None) -> CodecChoice | None:
    """The section's format of one particular codec in the variant we offered with these format parameters."""
    row = codec_row(name)
    for payload in section.payloads:
        if not row.matches(payload):
            continue
        offered = row.read(PayloadFormat(0, row.name, row.clock_rate, row.channels, parameters))
        answered = row.read(configurations.completed(payload, parameters))
        if offered is not None and answered is not None and answered.identity == offered.identity:
            red = _red_of(section, row, payload)
            return CodecChoice(row, answered, payload, _rtx_of(section, row, payload), red)
    return None


def red_parameters(payload_type: int) -> str:
    """The fmtp value of a redundancy format: one redundant block of the same codec (RFC 2198 §5)."""
    return f"{payload_type}/{payload_type}"


def _rtx_of(section: MediaSection, row: CodecRow, payload: PayloadFormat) -> PayloadFormat | None:
    if row.rtx_payload_type is None:
        return None
    for other in section.payloads:
        if other.is_named(RTX_NAME) and other.associated_payload_type == payload.payload_type:
            return other
    return None


def _red_of(section: MediaSection, row: CodecRow, payload: PayloadFormat) -> PayloadFormat | None:
    """The redundancy format that holds nothing but this codec."""
    if row.red_payload_type is None:
        return None
    for other in section.payloads:
        if (
            other.is_named(RED_NAME)
            and (other.clock_rate, other.channels) == (row.clock_rate, row.channels)
            and {block.strip() for block in (other.parameters or "").split("/")} == {str(payload.payload_type)}
        ):
            return other
    return None
