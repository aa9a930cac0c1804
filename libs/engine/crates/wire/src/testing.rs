//! What the unit tests of several modules need.

/// Bytes of a hex string; what is no digit is skipped.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |value, digit| value * 16 + *digit as u8))
        .collect()
}

/// Deterministic pseudo-random numbers (`SplitMix64`).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// Changes, cuts or extends `bytes` in a few places.
    pub(crate) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let len = bytes.len();
            match self.below(8) {
                0 => bytes.truncate(self.below(len + 1)),
                1 => {
                    let more = self.below(40);
                    bytes.extend(self.bytes(more));
                }
                _ if len == 0 => {}
                2 => {
                    let (from, to) = (self.below(len), self.below(len));
                    bytes.copy_within(from.., to.min(from));
                }
                3 | 4 => {
                    let (at, bit) = (self.below(len), self.below(8));
                    bytes[at] ^= 1 << bit;
                }
                5 => {
                    let at = self.below(len);
                    bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)];
                }
                _ => {
                    let at = self.below(len);
                    bytes[at] = self.next() as u8;
                }
            }
        }
    }
}
