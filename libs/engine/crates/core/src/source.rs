//! A track as seen on one worker.

use crate::parameters::{Codec, Kind};

/// What readers of a track have to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackDescription {
    /// Audio or video.
    pub kind: Kind,
    /// Codec.
    pub codec: Codec,
    /// RTP clock in hertz.
    pub clock_rate: u32,
    /// Number of layers.
    pub layers: u8,
    /// Canonical name subscribers see.
    pub cname: String,
}

/// A publisher's sender report: how its clock and its RTP time go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderClock {
    /// Publisher's wall clock, NTP format.
    pub ntp: u64,
    /// The layer's RTP time at that moment.
    pub rtp: u32,
    /// When the report arrived.
    pub arrival: crate::now::Now,
}
