//! MESSAGE-INTEGRITY (RFC 8489 §14.5) and FINGERPRINT (§14.7).

use std::fmt;

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::{ATTRIBUTE_HEADER_LEN, HEADER_LEN};

pub(super) const MAC_LEN: usize = 20;
const FINGERPRINT_XOR: u32 = 0x5354_554e;

/// The key of a short-term credential: the password, hashed in once.
#[derive(Clone)]
pub struct IntegrityKey {
    mac: Hmac<Sha1>,
}

impl IntegrityKey {
    /// The key for an ICE password.
    pub fn new(password: &[u8]) -> Self {
        // HMAC takes keys of every length, so the error is never seen; an empty key stands for it.
        let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(password)
            .unwrap_or_else(|_| <Hmac<Sha1> as KeyInit>::new(&hmac::digest::Key::<Hmac<Sha1>>::default()));
        Self { mac }
    }

    /// HMAC over the message up to the MESSAGE-INTEGRITY attribute, the length field counting up to its end.
    fn mac(&self, message: &[u8]) -> Option<Hmac<Sha1>> {
        let (kind, rest) = message.split_first_chunk::<2>()?;
        let (_, rest) = rest.split_first_chunk::<2>()?;
        let len = message.len().checked_sub(HEADER_LEN)? + ATTRIBUTE_HEADER_LEN + MAC_LEN;
        let mut mac = self.mac.clone();
        mac.update(kind);
        mac.update(&(len as u16).to_be_bytes());
        mac.update(rest);
        Some(mac)
    }

    /// The value of the attribute that follows `message`.
    pub(super) fn sign(&self, message: &[u8]) -> Option<[u8; MAC_LEN]> {
        Some(self.mac(message)?.finalize().into_bytes().into())
    }

    /// Compares in constant time.
    pub(super) fn verify(&self, message: &[u8], value: &[u8]) -> bool {
        self.mac(message)
            .is_some_and(|mac| mac.verify_slice(value).is_ok())
    }
}

impl fmt::Debug for IntegrityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntegrityKey").finish_non_exhaustive()
    }
}

/// The value of the FINGERPRINT attribute that follows `message`, whose length field counts it already.
pub(super) fn fingerprint(message: &[u8]) -> u32 {
    crc32fast::hash(message) ^ FINGERPRINT_XOR
}
