//! Extended report blocks (RFC 3611): receiver reference time and the answer to it, so that a receiver that sends
//! no media can measure the round trip.

use super::record::{Record, Records};
use crate::bytes::{array, u32_at, u64_at};

pub(super) const BLOCK_RRTR: u8 = 4;
pub(super) const BLOCK_DLRR: u8 = 5;
const BLOCK_HEADER_LEN: usize = 4;

/// The answer to one receiver's reference time (§4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DlrrEntry {
    /// Who sent the reference time.
    pub ssrc: u32,
    /// Middle 32 bits of that time.
    pub last_receiver_report: u32,
    /// Time since it was received, in 1/65536 s.
    pub delay_since_last: u32,
}

impl Record for DlrrEntry {
    const LEN: usize = 12;

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            ssrc: u32_at(bytes, 0)?,
            last_receiver_report: u32_at(bytes, 4)?,
            delay_since_last: u32_at(bytes, 8)?,
        })
    }
}

/// One block of an extended report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum XrBlock<'a> {
    /// Receiver reference time (§4.4).
    ReferenceTime {
        /// NTP time in 32.32 fixed point.
        ntp: u64,
    },
    /// Delays since the last reference times (§4.5).
    Dlrr(Records<'a, DlrrEntry>),
    /// Any other block.
    Other {
        /// Block type.
        block_type: u8,
    },
}

/// Iterator over the blocks of an extended report. It ends where a block is malformed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XrBlocks<'a> {
    rest: &'a [u8],
}

impl<'a> XrBlocks<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl<'a> Iterator for XrBlocks<'a> {
    type Item = XrBlock<'a>;

    fn next(&mut self) -> Option<XrBlock<'a>> {
        let rest = std::mem::take(&mut self.rest);
        let [block_type, _, l0, l1] = array(rest, 0)?;
        let len = BLOCK_HEADER_LEN + 4 * usize::from(u16::from_be_bytes([l0, l1]));
        let (block, rest) = rest.split_at_checked(len)?;
        let parsed = match block_type {
            BLOCK_RRTR => XrBlock::ReferenceTime {
                ntp: u64_at(block, BLOCK_HEADER_LEN)?,
            },
            BLOCK_DLRR => XrBlock::Dlrr(Records::rest(block, BLOCK_HEADER_LEN).ok()?),
            _ => XrBlock::Other { block_type },
        };
        self.rest = rest;
        Some(parsed)
    }
}
