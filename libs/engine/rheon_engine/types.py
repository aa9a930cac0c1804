"""Values that cross between Python and the packet engine: parameters, events, counters."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

SrtpProfile = Literal["AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES128_CM_SHA1_80"]
Kind = Literal["audio", "video"]
Codec = Literal["opus", "PCMU", "PCMA", "VP8", "VP9", "H264", "AV1", "H265"]


class HeaderExtension(StrEnum):
    """Header extensions the engine reads or writes, named by their URI."""

    MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
    RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
    REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
    AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
    ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
    VIDEO_ORIENTATION = "urn:3gpp:video-orientation"
    PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
    ABS_CAPTURE_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
    COLOR_SPACE = "http://www.webrtc.org/experiments/rtp-hdrext/color-space"
    DEPENDENCY_DESCRIPTOR = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
    VIDEO_LAYERS_ALLOCATION = "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00"


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """Our own user fragment and password of one transport (RFC 8445 §5.3)."""

    ufrag: str
    pwd: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One local candidate: where a worker's socket can be reached. Always component 1, type host."""

    address: str
    port: int
    protocol: Literal["udp"] = "udp"


@dataclass(frozen=True, slots=True)
class Encoding:
    """One RTP stream (layer) of a track as the publisher's description declares it; ssrc None: learn by mid or rid."""

    ssrc: int | None = None
    rtx_ssrc: int | None = None
    rid: str | None = None


@dataclass(frozen=True, slots=True)
class TrackParameters:
    """A published track."""

    kind: Kind
    mid: str
    codec: Codec
    payload_type: int
    clock_rate: int
    encodings: tuple[Encoding, ...]
    """Layers in the order the publisher lists them, by convention lowest first; never empty."""
    cname: str
    """Canonical name subscribers see: one per publisher, so that audio and video stay in sync (RFC 3550 §6.5.1)."""
    rtx_payload_type: int | None = None
    red_payload_type: int | None = None
    """Of audio/red wrapping the codec (RFC 2198): the publisher may send either at any time."""
    nack: bool = False
    pli: bool = False
    transport_cc: bool = False
    extensions: dict[HeaderExtension, int] = field(default_factory=dict)
    """Negotiated extension ids of the publish transport, 1..14 or two-byte ids up to 255."""


@dataclass(frozen=True, slots=True)
class ForwardParameters:
    """A track as one subscriber receives it."""

    mid: str
    ssrc: int
    payload_type: int
    rtx_ssrc: int | None = None
    rtx_payload_type: int | None = None
    red_payload_type: int | None = None
    """Of audio/red if the subscriber takes it; None: it gets the codec alone."""
    nack: bool = False
    padding: bool = False
    """The subscriber is known to accept RTP padding on media packets, so that runs of one length grow longer."""
    extensions: dict[HeaderExtension, int] = field(default_factory=dict)
    active: bool = True
    """False: made paused; `resume` starts it (used until the subscriber's answer arrived)."""


# Events ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IceConnected:
    """The first authenticated check of this transport (or of restarted credentials) arrived: DTLS may flow."""

    transport: int


@dataclass(frozen=True, slots=True)
class DtlsReceived:
    """A DTLS datagram from an address that passed an ICE check of this transport. At most 4096 bytes."""

    transport: int
    datagram: bytes


@dataclass(frozen=True, slots=True)
class ConsentLost:
    """No authenticated check for 30 s (RFC 7675): the engine has stopped sending on this transport."""

    transport: int


@dataclass(frozen=True, slots=True)
class TrackStarted:
    """The first authenticated media packet of a layer arrived."""

    track: int
    layer: int
    ssrc: int


@dataclass(frozen=True, slots=True)
class TransportFailed:
    """The engine closed this transport itself (a contained panic). Its tracks and forwards are gone."""

    transport: int
    reason: str


@dataclass(frozen=True, slots=True)
class EventsLost:
    """The bounded event queue overflowed and this many events were dropped.

    DTLS datagrams go first (DTLS sends them again); `ConsentLost` and `TransportFailed` are never dropped.
    """

    count: int


Event = IceConnected | DtlsReceived | ConsentLost | TrackStarted | TransportFailed | EventsLost

# Counters ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TransportStats:
    transport: int
    worker: int
    packets_received: int
    bytes_received: int
    packets_sent: int
    bytes_sent: int
    round_trip_time_us: int
    tuples: int
    feedback_received: int
    """Packets the peer told us it received, by transport-cc feedback."""
    feedback_lost: int
    """Packets the peer told us it lost, by transport-cc feedback."""


@dataclass(frozen=True, slots=True)
class LayerStats:
    track: int
    layer: int
    ssrc: int
    packets: int
    bytes: int
    bitrate: int
    packets_lost: int
    nacks_sent: int
    packets_recovered: int
    key_frame_requests_sent: int
    key_frames: int
    jitter_us: int


@dataclass(frozen=True, slots=True)
class ForwardStats:
    forward: int
    track: int
    ssrc: int
    packets: int
    bytes: int
    bitrate: int
    packets_lost: int
    nacks_received: int
    packets_retransmitted: int
    key_frame_requests_received: int
    spatial: int
    temporal: int
    layer_reason: str
    paused: bool


@dataclass(frozen=True, slots=True)
class WorkerStats:
    worker: int
    port: int
    packets_received: int
    bytes_received: int
    packets_sent: int
    bytes_sent: int
    receive_calls: int
    send_calls: int
    segmentation_offload: bool
    drops: dict[str, int]
    """Dropped datagrams and packets by reason, kebab-case names (`DropReason` in the Rust core)."""
    tables: dict[str, int]
    """Sizes: transports, tracks, forwards, tuples, ssrcs."""


@dataclass(frozen=True, slots=True)
class EngineStats:
    """One consistent snapshot per worker."""

    workers: tuple[WorkerStats, ...]
    transports: tuple[TransportStats, ...]
    layers: tuple[LayerStats, ...]
    forwards: tuple[ForwardStats, ...]
