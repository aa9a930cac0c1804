//! Snapshots of a worker's counters. Mirrors `rheon_engine/types.py`; what only sockets know (`receive_calls`,
//! `send_calls`, `segmentation_offload`) is added by whoever owns them.

use crate::counters::Counters;
use crate::ids::{ForwardId, Ssrc, TrackId, TransportId, WorkerId};

/// One transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportStats {
    /// Its id.
    pub transport: TransportId,
    /// Datagrams received from tuples of this transport.
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Datagrams sent.
    pub packets_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Last measured round trip, microseconds; 0: none yet.
    pub round_trip_time_us: u64,
    /// Addresses that passed an ICE check.
    pub tuples: u32,
    /// Packets our subscriber told us it received or lost, by transport-cc feedback.
    pub feedback_received: u64,
    /// See `feedback_received`.
    pub feedback_lost: u64,
}

/// One layer of a published track, on its publisher's worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerStats {
    /// The track.
    pub track: TrackId,
    /// Index, lowest first.
    pub layer: u8,
    /// SSRC now bound.
    pub ssrc: Ssrc,
    /// Media packets received, recovered ones included.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Bits per second over the last second or so.
    pub bitrate: u64,
    /// Lost and not recovered (RFC 3550 §6.4.1 cumulative number of packets lost, 0 at least).
    pub packets_lost: u64,
    /// Sequence numbers asked for again.
    pub nacks_sent: u64,
    /// Gaps filled by retransmission.
    pub packets_recovered: u64,
    /// PLIs sent to the publisher.
    pub key_frame_requests_sent: u64,
    /// Key frames received.
    pub key_frames: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1), microseconds.
    pub jitter_us: u64,
}

/// One forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardStats {
    /// Its id.
    pub forward: ForwardId,
    /// The track it sends.
    pub track: TrackId,
    /// SSRC it is sent under.
    pub ssrc: Ssrc,
    /// Media packets sent, without retransmissions.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Bits per second over the last second or so.
    pub bitrate: u64,
    /// Cumulative loss the subscriber reported.
    pub packets_lost: u64,
    /// Sequence numbers the subscriber asked for again.
    pub nacks_received: u64,
    /// Retransmissions sent.
    pub packets_retransmitted: u64,
    /// PLIs and FIRs received.
    pub key_frame_requests_received: u64,
    /// Spatial layer now sent.
    pub spatial: u8,
    /// Highest temporal layer now sent.
    pub temporal: u8,
    /// Why this layer: `only-layer`, `preferred`, `not-received` (a better one does not come), `waiting-key-frame`,
    /// `limited`, `paused`.
    pub layer_reason: &'static str,
    /// Paused by command.
    pub paused: bool,
}

/// How many entries a worker's tables hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSizes {
    /// Transports.
    pub transports: usize,
    /// Tracks: published here, or read here from another worker.
    pub tracks: usize,
    /// Forwards.
    pub forwards: usize,
    /// Addresses that passed an ICE check.
    pub tuples: usize,
    /// SSRCs received.
    pub ssrcs: usize,
}

/// One consistent snapshot of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// The worker.
    pub worker: WorkerId,
    /// Its port, as configured.
    pub port: u16,
    /// Its counters.
    pub counters: Counters,
    /// Table sizes.
    pub tables: TableSizes,
    /// Every transport.
    pub transports: Vec<TransportStats>,
    /// Every layer of every track published here.
    pub layers: Vec<LayerStats>,
    /// Every forward.
    pub forwards: Vec<ForwardStats>,
}
