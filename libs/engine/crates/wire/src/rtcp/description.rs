//! Source descriptions (RFC 3550 §6.5).

use crate::bytes::u32_at;

/// Item type of the canonical name.
pub const SDES_CNAME: u8 = 1;

/// One item of a source description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdesItem<'a> {
    /// The source described.
    pub ssrc: u32,
    /// Item type; `SDES_CNAME` is the one everybody sends.
    pub item_type: u8,
    /// Text, UTF-8 by the RFC but unchecked here.
    pub text: &'a [u8],
}

/// Iterator over the items of all chunks of a source description. It ends where a chunk is malformed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceDescription<'a> {
    body: &'a [u8],
    at: usize,
    /// Chunks that have not begun yet.
    chunks: u8,
    /// Source of the chunk being read.
    ssrc: Option<u32>,
}

impl<'a> SourceDescription<'a> {
    pub(super) fn new(count: u8, body: &'a [u8]) -> Self {
        Self {
            body,
            at: 0,
            chunks: count,
            ssrc: None,
        }
    }

    fn item(&mut self) -> Option<SdesItem<'a>> {
        loop {
            let Some(ssrc) = self.ssrc else {
                self.chunks = self.chunks.checked_sub(1)?;
                self.ssrc = Some(u32_at(self.body, self.at)?);
                self.at += 4;
                continue;
            };
            let item_type = *self.body.get(self.at)?;
            if item_type == 0 {
                // The null item fills the chunk up to the next 32-bit boundary (a whole word, if it was full).
                self.at = (self.at + 1).next_multiple_of(4);
                self.ssrc = None;
                continue;
            }
            let len = usize::from(*self.body.get(self.at + 1)?);
            let text = self.body.get(self.at + 2..)?.get(..len)?;
            self.at += 2 + len;
            return Some(SdesItem {
                ssrc,
                item_type,
                text,
            });
        }
    }
}

impl<'a> Iterator for SourceDescription<'a> {
    type Item = SdesItem<'a>;

    fn next(&mut self) -> Option<SdesItem<'a>> {
        let item = self.item();
        if item.is_none() {
            (self.chunks, self.ssrc, self.at) = (0, None, self.body.len());
        }
        item
    }
}
