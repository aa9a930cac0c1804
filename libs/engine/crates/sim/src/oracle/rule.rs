//! The rules the engine's egress must keep, and a broken one.

use std::fmt;

/// What must hold for packets that leave the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// A main stream uses a sequence number once.
    SequenceUsedTwice,
    /// A main stream starts in the lower half of the numbers, so that a lost start cannot hide a wrap (RFC 3711 §3.3.1).
    SequenceStart,
    /// Timestamps never go back while sequence numbers advance.
    TimeWentBack,
    /// A timestamp belongs to one frame.
    TimestampReused,
    /// Differences of timestamps are the publisher's.
    TimestampDrift,
    /// Streams of one track are joined at the time both their sender reports tell.
    Alignment,
    /// Packets of a frame keep their distance and order.
    PacketOrder,
    /// A frame that was cut short is followed by a gap, and so is a start in the middle of one.
    CutWithoutGap,
    /// A packet that never reached the engine leaves a gap.
    HiddenLoss,
    /// What reached the engine in time and is not left out on purpose is forwarded.
    Swallowed,
    /// Where nothing was lost there is no gap, so that nobody asks for what never was.
    PhantomGap,
    /// Picture ids are continuous.
    PictureId,
    /// TL0PICIDX advances exactly with base-layer frames.
    Tl0,
    /// The marker is on the last packet of a video frame and nowhere else.
    Marker,
    /// A start, and a start after a pause or a switch, is a key frame's first packet.
    StartsOnKeyFrame,
    /// No frame above the layer asked for.
    LayerTooHigh,
    /// Transport-wide numbers are dense per transport.
    TransportCc,
    /// One (key, SSRC, index) protects one packet.
    NonceReused,
    /// Runs can be sent with `UDP_SEGMENT`.
    RunShape,
    /// The mid extension is the forward's.
    Mid,
    /// The payload type is the forward's.
    PayloadType,
    /// Nothing leaves for a paused or removed forward.
    PausedForward,
    /// Every SSRC that leaves is a forward's.
    UnknownSsrc,
    /// Every packet decrypts with the transport's key and parses.
    Undecryptable,
    /// Payloads arrive unaltered but for what the codec rules rewrite.
    Altered,
    /// An RTX packet carries a number sent before, with the bytes sent before.
    RtxUnsent,
    /// RTX numbers are dense.
    RtxSequence,
    /// A packet is resent a bounded number of times.
    RtxTooOften,
    /// Sender reports map the publisher's NTP time to the forwarded timeline, monotonically.
    SenderReport,
    /// Key-frame requests to a publisher are spaced by the gate.
    KeyFrameGate,
    /// A packet is not asked for twice within a round trip.
    NackTooSoon,
    /// Transport-cc feedback speaks of packets that were sent.
    Feedback,
    /// After its timers ran a worker has none that is due already: whoever drives it would spin.
    IdleTimer,
    /// Packets go where the call's peers are.
    Destination,
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub rule: Rule,
    /// Where and with what values.
    pub detail: String,
}

impl Fault {
    /// A fault with its details.
    pub fn new(rule: Rule, detail: impl Into<String>) -> Self {
        Self {
            rule,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.detail)
    }
}
