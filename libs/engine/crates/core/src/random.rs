//! Numbers that need not be secret: random starts, jitter of report intervals, hash keys. Seeded, so that a run repeats.

use crate::hash::KeyedState;

/// xoshiro256** (Blackman and Vigna, 2018).
#[derive(Debug)]
pub(crate) struct Random {
    s: [u64; 4],
}

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let mut s = [0u64; 4];
        for (word, bytes) in s.iter_mut().zip(seed.chunks_exact(8)) {
            *word = bytes.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        }
        if s == [0; 4] {
            s = [1, 2, 3, 4];
        }
        let mut random = Self { s };
        for _ in 0..16 {
            random.next_u64();
        }
        random
    }

    #[allow(clippy::many_single_char_names)]
    pub(crate) fn next_u64(&mut self) -> u64 {
        let [mut a, mut b, mut c, mut d] = self.s;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= t;
        d = d.rotate_left(45);
        self.s = [a, b, c, d];
        result
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    /// Uniform enough in `0..bound`; 0 for an empty range.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next_u64().checked_rem(bound).unwrap_or(0)
    }

    pub(crate) fn hash_keys(&mut self) -> KeyedState {
        KeyedState::new(self.next_u64(), self.next_u64())
    }
}
