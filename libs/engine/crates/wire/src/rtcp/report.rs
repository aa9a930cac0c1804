//! Sender information and reception report blocks (RFC 3550 §6.4).

use super::record::Record;
use crate::bytes::{array, u32_at};

/// What a sender report says of the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall clock of the report: NTP seconds since 1900 in 32.32 fixed point.
    pub ntp: u64,
    /// The same instant on the RTP timestamp scale.
    pub rtp_timestamp: u32,
    /// RTP packets sent so far.
    pub packets: u32,
    /// Payload octets sent so far.
    pub octets: u32,
}

/// What a receiver says of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source this is about.
    pub ssrc: u32,
    /// Share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost so far, 24 bits signed: duplicates may make it negative.
    pub cumulative_lost: i32,
    /// Highest sequence number received, extended by the count of cycles in the upper 16 bits.
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report, or 0.
    pub last_sender_report: u32,
    /// Time since then in 1/65536 s, or 0.
    pub delay_since_last: u32,
}

/// Range of the cumulative loss field.
const MAX_LOST: i32 = 0x7f_ffff;
const MIN_LOST: i32 = -0x80_0000;

impl Record for ReportBlock {
    const LEN: usize = 24;

    fn read(bytes: &[u8]) -> Option<Self> {
        let [fraction_lost, lost @ ..]: [u8; 4] = array(bytes, 4)?;
        let [l0, l1, l2] = lost;
        Some(Self {
            ssrc: u32_at(bytes, 0)?,
            fraction_lost,
            // The arithmetic shift extends the sign.
            cumulative_lost: i32::from_be_bytes([l0, l1, l2, 0]) >> 8,
            highest_sequence: u32_at(bytes, 8)?,
            jitter: u32_at(bytes, 12)?,
            last_sender_report: u32_at(bytes, 16)?,
            delay_since_last: u32_at(bytes, 20)?,
        })
    }
}

impl ReportBlock {
    /// Appends the block; a cumulative loss outside of 24 bits is clamped (RFC 3550 §A.3).
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let [_, lost @ ..] = self.cumulative_lost.clamp(MIN_LOST, MAX_LOST).to_be_bytes();
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.push(self.fraction_lost);
        out.extend_from_slice(&lost);
        for value in [
            self.highest_sequence,
            self.jitter,
            self.last_sender_report,
            self.delay_since_last,
        ] {
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}
