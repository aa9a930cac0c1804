//! Packet status chunks of transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.2 to
//! §3.1.4): sixteen bits that hold a run of one symbol, fourteen one-bit symbols or seven two-bit ones.

/// Symbols: not received, received with an 8-bit delta, received with a 16-bit delta. The fourth is reserved.
pub(super) const LOST: u8 = 0;
pub(super) const SMALL: u8 = 1;
pub(super) const LARGE: u8 = 2;

const VECTOR: u16 = 1 << 15;
const TWO_BITS: u16 = 1 << 14;
const ONE_BIT_SYMBOLS: usize = 14;
const TWO_BIT_SYMBOLS: usize = 7;
const MAX_RUN: usize = 0x1fff;

/// How many symbols a chunk holds.
pub(super) const fn len(chunk: u16) -> u16 {
    match (chunk & VECTOR, chunk & TWO_BITS) {
        (0, _) => chunk & MAX_RUN as u16,
        (_, 0) => ONE_BIT_SYMBOLS as u16,
        _ => TWO_BIT_SYMBOLS as u16,
    }
}

/// Symbol number `at` of a chunk; `at` is less than `len(chunk)`.
pub(super) const fn symbol(chunk: u16, at: u16) -> u8 {
    let bits = match (chunk & VECTOR, chunk & TWO_BITS) {
        (0, _) => chunk >> 13,
        (_, 0) => chunk >> (13 - at % 14) & 1,
        _ => chunk >> (12 - 2 * (at % 7)),
    };
    bits as u8 & 3
}

/// Bytes of deltas that belong to the first `count` symbols of a chunk; `None` for the reserved symbol. A run costs no
/// more than a vector: its length is a number anybody can write.
pub(super) fn delta_len(chunk: u16, count: u16) -> Option<usize> {
    let size = |at| match symbol(chunk, at) {
        LOST => Some(0),
        SMALL => Some(1),
        LARGE => Some(2),
        _ => None,
    };
    if chunk & VECTOR == 0 {
        Some(size(0)? * usize::from(count))
    } else {
        (0..count).map(size).sum()
    }
}

/// Packs symbols into chunks, greedily: it holds symbols back while one more may still fit into the same chunk.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    /// The first symbols held; all the further ones of a run are equal to the first.
    symbols: [u8; ONE_BIT_SYMBOLS],
    len: usize,
    mixed: bool,
    large: bool,
}

impl Encoder {
    fn fits(&self, symbol: u8) -> bool {
        let [first, ..] = self.symbols;
        self.len < TWO_BIT_SYMBOLS
            || (self.len < ONE_BIT_SYMBOLS && !self.large && symbol != LARGE)
            || (self.len < MAX_RUN && !self.mixed && symbol == first)
    }

    fn add(&mut self, symbol: u8) {
        if let Some(place) = self.symbols.get_mut(self.len) {
            *place = symbol;
        }
        let [first, ..] = self.symbols;
        self.mixed |= symbol != first;
        self.large |= symbol == LARGE;
        self.len += 1;
    }

    fn vector(&self, bits: u16, count: usize) -> u16 {
        let symbols = self.symbols.iter().take(count.min(self.len));
        let mut shift = 14;
        let packed = symbols.fold(0, |packed, symbol| {
            shift -= bits;
            packed | u16::from(*symbol) << shift
        });
        VECTOR | if bits == 2 { TWO_BITS } else { 0 } | packed
    }

    /// Takes one symbol; returns a chunk when that one has to begin a new chunk.
    pub(super) fn push(&mut self, symbol: u8) -> Option<u16> {
        let full = if self.fits(symbol) { None } else { self.take(false) };
        self.add(symbol);
        full
    }

    /// What is still held, once all symbols were pushed: call until `None`. Vectors end in "not received" then.
    pub(super) fn finish(&mut self) -> Option<u16> {
        self.take(true)
    }

    /// The chunk for as many of the symbols held as go into one. Only the last vector may be partly filled.
    fn take(&mut self, last: bool) -> Option<u16> {
        let [first, ..] = self.symbols;
        let (chunk, taken) = match self.len {
            0 => return None,
            len if !self.mixed => (u16::from(first) << 13 | len as u16, len),
            len if !self.large && (last || len == ONE_BIT_SYMBOLS) => (self.vector(1, len), len),
            len => (self.vector(2, TWO_BIT_SYMBOLS), len.min(TWO_BIT_SYMBOLS)),
        };
        let held = std::mem::take(self);
        for symbol in held.symbols.iter().take(held.len).skip(taken) {
            self.add(*symbol);
        }
        Some(chunk)
    }
}
