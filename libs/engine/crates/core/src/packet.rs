//! A media packet as the engine keeps it: decrypted, parsed once, shared by reference.

use crate::now::Now;

/// One media packet of a layer. Immutable once shared.
#[derive(Debug)]
pub struct MediaPacket {
    /// Unwrapped sequence number, the same for every reader.
    pub sequence: u64,
    /// RTP time stamp.
    pub timestamp: u32,
    /// When it arrived.
    pub arrival: Now,
    /// Layer, lowest first.
    pub layer: u8,
    /// RTP marker bit.
    pub marker: bool,
    /// Part of a key frame's first packet.
    pub key_frame: bool,
}
