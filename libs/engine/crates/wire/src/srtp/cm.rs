//! AES-128 in counter mode with HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1).

use aes::Aes128Enc;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::CtrCore;
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::SrtpError;
use super::key_derivation::AUTHENTICATION_KEY_LEN;

pub(super) const TAG_LEN: usize = 10;
const SALT_LEN: usize = 14;

/// The expanded keys and the salt of one direction for either RTP or RTCP.
pub(super) struct Cm {
    aes: Aes128Enc,
    /// The salt times 2^16.
    salt: u128,
    /// HMAC with the padded key already hashed in.
    mac: Hmac<Sha1>,
}

impl Cm {
    pub(super) fn new(
        key: &[u8],
        authentication: &[u8; AUTHENTICATION_KEY_LEN],
        salt: [u8; SALT_LEN],
    ) -> Result<Self, SrtpError> {
        let mut wide = [0; 16];
        for (to, from) in wide.iter_mut().zip(salt) {
            *to = from;
        }
        Ok(Self {
            aes: Aes128Enc::new_from_slice(key).map_err(|_| SrtpError::KeyLength)?,
            salt: u128::from_be_bytes(wide),
            mac: <Hmac<Sha1> as KeyInit>::new_from_slice(authentication).map_err(|_| SrtpError::KeyLength)?,
        })
    }

    /// Encrypts or decrypts in place: IV = salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16.
    #[inline]
    pub(super) fn apply(&self, ssrc: u32, index: u64, text: &mut [u8]) -> Result<(), SrtpError> {
        let iv = self.salt ^ (u128::from(ssrc) << 64) ^ (u128::from(index) << 16);
        let core: CtrCore<&Aes128Enc, ctr::flavors::Ctr128BE> =
            CtrCore::inner_iv_init(&self.aes, &iv.to_be_bytes().into());
        StreamCipherCoreWrapper::from_core(core)
            .try_apply_keystream(text)
            .map_err(|_| SrtpError::Index)
    }

    #[inline]
    fn mac(&self, authenticated: &[u8], suffix: [u8; 4]) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        mac.update(authenticated);
        mac.update(&suffix);
        mac
    }

    /// The tag over `authenticated` followed by `suffix` (the rollover counter, or the SRTCP index word).
    #[inline]
    pub(super) fn tag(&self, authenticated: &[u8], suffix: [u8; 4]) -> [u8; TAG_LEN] {
        let full = self.mac(authenticated, suffix).finalize().into_bytes();
        let mut tag = [0; TAG_LEN];
        for (to, from) in tag.iter_mut().zip(full) {
            *to = from;
        }
        tag
    }

    /// Compares the tag in constant time.
    #[inline]
    pub(super) fn verify(&self, authenticated: &[u8], suffix: [u8; 4], tag: &[u8]) -> Result<(), SrtpError> {
        if tag.len() != TAG_LEN {
            return Err(SrtpError::Authentication);
        }
        self.mac(authenticated, suffix)
            .verify_truncated_left(tag)
            .map_err(|_| SrtpError::Authentication)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    /// RFC 3711 Appendix B.2: the key stream is what zeroes encrypt to.
    #[test]
    fn rfc3711_key_stream() {
        let key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
        let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().expect("14 bytes");
        let cm = Cm::new(&key, &[0; AUTHENTICATION_KEY_LEN], salt).expect("right length");
        let mut stream = vec![0; 0xff02 * 16];
        cm.apply(0, 0, &mut stream).expect("within the counter");
        assert_eq!(
            stream[..48],
            hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB
                 41E95B3BB0A2E8DD477901E4FCA894C0")
        );
        assert_eq!(
            stream[0xfeff * 16..],
            hex("EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE
                 6A2CC3787889374FBEB4C81B17BA6C44")
        );
    }
}
