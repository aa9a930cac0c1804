//! Bounds on everything a peer could make grow. Each has a counter (`DropReason`) and a test.

use std::time::Duration;

/// Longest datagram taken but for DTLS.
pub const MAX_DATAGRAM: usize = 1500;
/// Longest DTLS datagram taken.
pub const MAX_DTLS_DATAGRAM: usize = 4096;
/// Addresses of one transport.
pub const MAX_TUPLES: usize = 8;
/// SSRCs received on one transport.
pub const MAX_SSRCS: usize = 256;
/// Tracks of one publisher.
pub const MAX_TRACKS: usize = 32;
/// Layers of one track.
pub const MAX_LAYERS: usize = 8;
/// Missing packets remembered per transport.
pub const MAX_NACK_LIST: usize = 1000;
/// Packets in a layer's ring.
pub const RING_PACKETS: usize = 512;
/// Age of the oldest packet in a layer's ring.
pub const RING_AGE: Duration = Duration::from_secs(2);
/// What a publisher may send, bits per second of RTP, unless told otherwise.
pub const POLICER_BITS_PER_SECOND: u64 = 20_000_000;
/// Events waiting.
pub const MAX_EVENTS: usize = 4096;
/// Messages to other workers waiting.
pub const MAX_SHARED: usize = 16_384;
/// Workers waiting for tracks of this one.
pub const MAX_EARLY_READERS: usize = 1024;
/// Bytes waiting to be sent.
pub const MAX_EGRESS_BYTES: usize = 64 << 20;
