//! AES-GCM for SRTP and SRTCP (RFC 7714 §8, §9).

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::SrtpError;

pub(super) const TAG_LEN: usize = 16;
const SALT_LEN: usize = 12;

/// The expanded key and the salt of one direction for either RTP or RTCP.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: u128,
}

impl Gcm {
    /// `key` is 16 or 32 bytes.
    pub(super) fn new(key: &[u8], salt: [u8; SALT_LEN]) -> Result<Self, SrtpError> {
        let algorithm = if key.len() == 16 {
            &AES_128_GCM
        } else {
            &AES_256_GCM
        };
        let key = UnboundKey::new(algorithm, key).map_err(|_| SrtpError::KeyLength)?;
        let mut wide = [0; 16];
        for (to, from) in wide.iter_mut().skip(16 - SALT_LEN).zip(salt) {
            *to = from;
        }
        Ok(Self {
            key: LessSafeKey::new(key),
            salt: u128::from_be_bytes(wide),
        })
    }

    /// Two zero bytes, SSRC, 48-bit index, XOR the salt (§8.1). An SRTCP index fills its low 31 bits (§9.1).
    #[inline]
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let value = self.salt ^ (u128::from(ssrc) << 48) ^ u128::from(index);
        let [_, _, _, _, nonce @ ..] = value.to_be_bytes();
        Nonce::assume_unique_for_key(nonce)
    }

    /// Encrypts `text` in place and returns the tag.
    #[inline]
    pub(super) fn seal(
        &self,
        ssrc: u32,
        index: u64,
        aad: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; TAG_LEN], SrtpError> {
        let tag = self
            .key
            .seal_in_place_separate_tag(self.nonce(ssrc, index), Aad::from(aad), text)
            .map_err(|_| SrtpError::Index)?;
        let mut bytes = [0; TAG_LEN];
        for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Ok(bytes)
    }

    /// Decrypts `text` (ciphertext and tag) in place; the plain text is all but the last `TAG_LEN` bytes.
    #[inline]
    pub(super) fn open(&self, ssrc: u32, index: u64, aad: &[u8], text: &mut [u8]) -> Result<(), SrtpError> {
        self.key
            .open_in_place(self.nonce(ssrc, index), Aad::from(aad), text)
            .map(|_| ())
            .map_err(|_| SrtpError::Authentication)
    }
}
