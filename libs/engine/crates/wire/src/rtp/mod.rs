//! RTP packets (RFC 3550 §5.1) and their header extensions (RFC 8285).

mod extension;
mod value;
mod writer;

use std::fmt;
use std::ops::Range;

use crate::bytes::{array, u16_at, u32_at};

pub use extension::Extensions;
pub use value::{AudioLevel, abs_send_time, parse_transport_sequence};
pub use writer::HeaderWriter;

/// Length of the fixed header, without CSRCs and extension.
pub const FIXED_HEADER_LEN: usize = 12;

/// Why bytes are not an RTP packet, or why one could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtpError {
    /// Shorter than its header says.
    TooShort,
    /// Version is not 2.
    Version,
    /// The padding count is zero or larger than what follows the header (RFC 3550 §5.1).
    Padding,
    /// An extension to write has id 0, or a value longer than 255 bytes.
    Extension,
    /// The output has no room.
    NoRoom,
}

impl fmt::Display for RtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "RTP packet too short",
            Self::Version => "RTP version is not 2",
            Self::Padding => "bad RTP padding count",
            Self::Extension => "header extension cannot be written",
            Self::NoRoom => "no room for the RTP header",
        })
    }
}

impl std::error::Error for RtpError {}

/// The parsed header of one RTP packet. It borrows nothing: the packet is given again to read what it points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// Payload type, 0..=127.
    pub payload_type: u8,
    /// Marker bit: for video, the last packet of a frame.
    pub marker: bool,
    /// P bit: the packet ends in padding.
    pub padding: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Media timestamp in units of the payload's clock rate.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Number of contributing sources, 0..=15.
    pub csrc_count: u8,
    /// Length of the whole header: fixed part, CSRCs and extension block.
    pub len: usize,
    /// The 16 bits "defined by profile" and where the extension's data starts, if there is an extension.
    extension: Option<(u16, u16)>,
}

impl RtpHeader {
    /// Parses the header. The packet may still be encrypted: nothing beyond the header is looked at.
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Self, RtpError> {
        let fixed: [u8; FIXED_HEADER_LEN] = array(packet, 0).ok_or(RtpError::TooShort)?;
        let [first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = fixed;
        if first >> 6 != 2 {
            return Err(RtpError::Version);
        }
        let csrc_count = first & 0x0f;
        let mut len = FIXED_HEADER_LEN + 4 * usize::from(csrc_count);
        let mut extension = None;
        if first & 0x10 != 0 {
            let profile = u16_at(packet, len).ok_or(RtpError::TooShort)?;
            let words = u16_at(packet, len + 2).ok_or(RtpError::TooShort)?;
            len += 4;
            extension = Some((profile, len as u16));
            len += 4 * usize::from(words);
        }
        if len > packet.len() {
            return Err(RtpError::TooShort);
        }
        Ok(Self {
            payload_type: second & 0x7f,
            marker: second & 0x80 != 0,
            padding: first & 0x20 != 0,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            csrc_count,
            len,
            extension,
        })
    }

    /// The header extensions of the packet this header was parsed from, as (id, value), in either form of RFC 8285.
    /// The iterator ends where the block is malformed.
    #[inline]
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        match self.extension {
            Some((profile, start)) => Extensions::new(
                profile,
                packet.get(usize::from(start)..self.len).unwrap_or_default(),
            ),
            None => Extensions::default(),
        }
    }

    /// The contributing sources of the packet this header was parsed from.
    pub fn csrcs<'a>(&self, packet: &'a [u8]) -> impl Iterator<Item = u32> + use<'a> {
        let count = usize::from(self.csrc_count);
        (0..count).map_while(move |i| u32_at(packet, FIXED_HEADER_LEN + 4 * i))
    }

    /// Where the payload of a decrypted packet lies, padding stripped. Empty for a padding-only packet.
    #[inline]
    pub fn payload(&self, packet: &[u8]) -> Result<Range<usize>, RtpError> {
        let available = packet.len().checked_sub(self.len).ok_or(RtpError::TooShort)?;
        if !self.padding {
            return Ok(self.len..packet.len());
        }
        let count = packet.last().copied().map_or(0, usize::from);
        if count == 0 || count > available {
            return Err(RtpError::Padding);
        }
        Ok(self.len..packet.len() - count)
    }
}

#[cfg(test)]
mod tests;
