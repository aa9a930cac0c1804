//! No (key, SSRC, index) protects two different packets: with AES-GCM that repeats a nonce (RFC 7714 §11).

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use super::rule::{Fault, Rule};

/// Indices used under one key, kept apart for RTP and RTCP.
#[derive(Debug, Default)]
pub struct Nonces {
    used: HashMap<(bool, u32, u64), u64>,
}

impl Nonces {
    /// Records a protected packet; a second, different one under the same index is a fault. The same bytes again are
    /// no cryptographic fault (that a main stream never repeats a number is judged elsewhere).
    pub fn protect(&mut self, rtcp: bool, ssrc: u32, index: u64, ciphertext: &[u8]) -> Option<Fault> {
        let mut hasher = DefaultHasher::new();
        ciphertext.hash(&mut hasher);
        let hash = hasher.finish();
        let first = *self.used.entry((rtcp, ssrc, index)).or_insert(hash);
        (first != hash).then(|| {
            Fault::new(
                Rule::NonceReused,
                format!("rtcp {rtcp} ssrc {ssrc:#x} index {index}"),
            )
        })
    }
}
