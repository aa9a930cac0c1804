//! Keyed hashing for tables whose keys a peer chooses: SipHash-1-3 (Aumasson and Bernstein, 2012).
//!
//! The standard library's keyed hasher cannot be given its keys, and a simulation has to be repeatable.

use std::hash::{BuildHasher, Hasher};

/// A map whose layout a peer cannot predict.
pub(crate) type KeyedMap<K, V> = hashbrown::HashMap<K, V, KeyedState>;

/// The two 64-bit keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyedState {
    k0: u64,
    k1: u64,
}

impl KeyedState {
    pub(crate) const fn new(k0: u64, k1: u64) -> Self {
        Self { k0, k1 }
    }
}

impl BuildHasher for KeyedState {
    type Hasher = SipHasher13;

    #[inline]
    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13 {
            v: [
                self.k0 ^ 0x736f_6d65_7073_6575,
                self.k1 ^ 0x646f_7261_6e64_6f6d,
                self.k0 ^ 0x6c79_6765_6e65_7261,
                self.k1 ^ 0x7465_6462_7974_6573,
            ],
            tail: 0,
            tail_len: 0,
            length: 0,
        }
    }
}

/// One hash in progress.
#[derive(Debug)]
pub(crate) struct SipHasher13 {
    v: [u64; 4],
    tail: u64,
    /// Bytes in `tail`, 0 to 7.
    tail_len: u32,
    length: u64,
}

#[inline]
#[allow(clippy::many_single_char_names)]
fn round(v: &mut [u64; 4]) {
    let [mut a, mut b, mut c, mut d] = *v;
    a = a.wrapping_add(b);
    b = b.rotate_left(13) ^ a;
    a = a.rotate_left(32);
    c = c.wrapping_add(d);
    d = d.rotate_left(16) ^ c;
    a = a.wrapping_add(d);
    d = d.rotate_left(21) ^ a;
    c = c.wrapping_add(b);
    b = b.rotate_left(17) ^ c;
    c = c.rotate_left(32);
    *v = [a, b, c, d];
}

impl SipHasher13 {
    #[inline]
    fn word(&mut self, word: u64) {
        let [_, _, _, d] = &mut self.v;
        *d ^= word;
        round(&mut self.v);
        let [a, ..] = &mut self.v;
        *a ^= word;
    }
}

impl Hasher for SipHasher13 {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.length = self.length.wrapping_add(bytes.len() as u64);
        for byte in bytes {
            self.tail |= u64::from(*byte) << (8 * self.tail_len);
            self.tail_len += 1;
            if self.tail_len == 8 {
                let word = self.tail;
                self.tail = 0;
                self.tail_len = 0;
                self.word(word);
            }
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        let mut last = Self { v: self.v, ..*self };
        last.word((self.length << 56) | self.tail);
        let [_, _, c, _] = &mut last.v;
        *c ^= 0xff;
        round(&mut last.v);
        round(&mut last.v);
        round(&mut last.v);
        let [a, b, c, d] = last.v;
        a ^ b ^ c ^ d
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_key_and_bytes_only() {
        let hash = |k0, parts: &[&[u8]]| {
            let mut hasher = KeyedState::new(k0, 2).build_hasher();
            for part in parts {
                hasher.write(part);
            }
            hasher.finish()
        };
        assert_eq!(hash(1, &[b"media-packets"]), hash(1, &[b"media", b"-packets"]));
        assert_ne!(hash(1, &[b"media-packets"]), hash(3, &[b"media-packets"]));
        assert_ne!(hash(1, &[b"a"]), hash(1, &[b"a\0"]));
    }

    #[test]
    #[allow(deprecated)]
    fn empty_input_of_the_reference_implementation() {
        // SipHash-1-3 of nothing under the key 00 01 .. 0f.
        let state = KeyedState::new(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        assert_eq!(state.build_hasher().finish(), 0xabac_0158_050f_c4dc);
    }
}
