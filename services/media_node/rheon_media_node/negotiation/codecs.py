"""The codec table: what the node takes from publishers and offers to subscribers. A further codec is a further row."""

from __future__ import annotations

from dataclasses import dataclass

from rheon_engine.types import Codec, Kind
from rheon_media_node.sdp import MediaSection, PayloadFormat, RtcpFeedback

NACK = RtcpFeedback("nack")
PLI = RtcpFeedback("nack", "pli")
FIR = RtcpFeedback("ccm", "fir")
TRANSPORT_CC_FEEDBACK = RtcpFeedback("transport-cc")

RTX_NAME = "rtx"


@dataclass(frozen=True, slots=True)
class CodecRow:
    """One codec the node forwards."""

    name: Codec
    kind: Kind
    clock_rate: int
    channels: int | None
    payload_type: int
    """In our own offers; one number per codec, so that bundled sections never disagree."""
    rtx_payload_type: int | None
    """Of its retransmission format in our own offers (RFC 4588); None: the codec is not retransmitted."""
    feedback: tuple[RtcpFeedback, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    """Format parameters of every description of ours."""
    echoed_parameters: tuple[str, ...] = ()
    """Format parameters taken over from the publisher's offer when they are there."""

    def matches(self, payload: PayloadFormat) -> bool:
        return (
            payload.is_named(self.name)
            and payload.clock_rate == self.clock_rate
            and (payload.channels or 1) == (self.channels or 1)
        )

    def answered_parameters(self, offered: PayloadFormat) -> str | None:
        """The fmtp value that answers an offered format; also what subscribers are told about the stream."""
        items = list(self.parameters)
        for name in self.echoed_parameters:
            value = offered.parameter(name)
            if value is not None:
                items.append((name, value))
        return ";".join(f"{name}={value}" for name, value in items) or None


# goog-remb is in no row: transport-wide feedback is the only bandwidth estimation spoken.
CODECS: tuple[CodecRow, ...] = (
    CodecRow(
        name="opus",
        kind="audio",
        clock_rate=48000,
        channels=2,
        payload_type=111,
        rtx_payload_type=None,
        feedback=(TRANSPORT_CC_FEEDBACK,),
        # In-band FEC always (RFC 7587 §6.1); discontinuous transmission and stereo as the publisher wishes.
        parameters=(("minptime", "10"), ("useinbandfec", "1")),
        echoed_parameters=("usedtx", "stereo", "sprop-stereo"),
    ),
    CodecRow(
        name="VP8",
        kind="video",
        clock_rate=90000,
        channels=None,
        payload_type=96,
        rtx_payload_type=97,
        feedback=(NACK, PLI, FIR, TRANSPORT_CC_FEEDBACK),
    ),
)


@dataclass(frozen=True, slots=True)
class CodecChoice:
    """A codec of a section together with its retransmission format."""

    row: CodecRow
    payload: PayloadFormat
    rtx: PayloadFormat | None

    @property
    def feedback(self) -> tuple[RtcpFeedback, ...]:
        """What both sides know, in the table's order."""
        return tuple(feedback for feedback in self.row.feedback if feedback in self.payload.feedback)


def codec_row(name: Codec) -> CodecRow:
    """The row of a codec the engine knows."""
    return next(row for row in CODECS if row.name == name)


def choose_codec(section: MediaSection) -> CodecChoice | None:
    """The section's first format that is in the table: its writer's preference decides."""
    for payload in section.payloads:
        for row in CODECS:
            if row.kind == section.kind and row.matches(payload):
                return CodecChoice(row, payload, _rtx_of(section, row, payload))
    return None


def find_codec(section: MediaSection, name: Codec) -> CodecChoice | None:
    """The section's format of one particular codec."""
    row = codec_row(name)
    for payload in section.payloads:
        if row.matches(payload):
            return CodecChoice(row, payload, _rtx_of(section, row, payload))
    return None


def _rtx_of(section: MediaSection, row: CodecRow, payload: PayloadFormat) -> PayloadFormat | None:
    if row.rtx_payload_type is None:
        return None
    for other in section.payloads:
        if other.is_named(RTX_NAME) and other.associated_payload_type == payload.payload_type:
            return other
    return None
