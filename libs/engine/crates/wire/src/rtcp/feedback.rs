//! Generic NACK (RFC 4585 §6.2.1) and FIR (RFC 5104 §4.3.1) entries.

use super::record::{Record, Records};
use crate::bytes::u32_at;

/// PID and BLP: one lost packet and a bit mask of the sixteen after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NackItem {
    pub(super) first: u16,
    pub(super) following: u16,
}

impl Record for NackItem {
    const LEN: usize = 4;

    fn read(bytes: &[u8]) -> Option<Self> {
        let word = u32_at(bytes, 0)?;
        Some(Self {
            first: (word >> 16) as u16,
            following: word as u16,
        })
    }
}

/// Iterator over the sequence numbers of a NACK, in the order of its items. Items may overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NackItems<'a> {
    items: Records<'a, NackItem>,
    /// The last number given out, and which of those after it are still to come (bit 0: the next one).
    last: u16,
    following: u16,
}

impl<'a> NackItems<'a> {
    pub(super) fn new(items: Records<'a, NackItem>) -> Self {
        Self {
            items,
            last: 0,
            following: 0,
        }
    }
}

impl Iterator for NackItems<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.following == 0 {
            let NackItem { first, following } = self.items.next()?;
            (self.last, self.following) = (first, following);
        } else {
            let skipped = self.following.trailing_zeros();
            self.last = self.last.wrapping_add(skipped as u16 + 1);
            // Two shifts, as a shift by all sixteen bits would overflow.
            self.following = self.following >> skipped >> 1;
        }
        Some(self.last)
    }
}

/// One key-frame request of a FIR packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirEntry {
    /// Of whom the key frame is wanted.
    pub ssrc: u32,
    /// Counts requests; a repeated number is the same request again.
    pub sequence: u8,
}

impl Record for FirEntry {
    const LEN: usize = 8;

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            ssrc: u32_at(bytes, 0)?,
            sequence: *bytes.get(4)?,
        })
    }
}
