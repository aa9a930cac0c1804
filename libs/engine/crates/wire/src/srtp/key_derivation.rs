//! Session keys from the master key (RFC 3711 §4.3; RFC 6188 and RFC 7714 §11 for 256-bit keys and 96-bit salts).
//! The key derivation rate is zero, as in every DTLS-SRTP profile.

use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes128Enc, Aes256Enc, Block};

use super::{Profile, SrtpError};

/// Labels of RFC 3711 §4.3.2; those of RTCP are three higher.
const LABEL_ENCRYPTION: u8 = 0;
const LABEL_AUTHENTICATION: u8 = 1;
const LABEL_SALT: u8 = 2;
const RTCP_LABELS: u8 = 3;

/// Longest session key: AES-256.
const MAX_KEY_LEN: usize = 32;
pub(super) const AUTHENTICATION_KEY_LEN: usize = 20;
const MAX_SALT_LEN: usize = 14;

/// Session keys of one direction for either RTP or RTCP.
pub(super) struct SessionKeys {
    pub(super) encryption: [u8; MAX_KEY_LEN],
    pub(super) authentication: [u8; AUTHENTICATION_KEY_LEN],
    pub(super) salt: [u8; MAX_SALT_LEN],
}

pub(super) struct Derived {
    pub(super) rtp: SessionKeys,
    pub(super) rtcp: SessionKeys,
}

enum Prf {
    Aes128(Box<Aes128Enc>),
    Aes256(Box<Aes256Enc>),
}

impl Prf {
    fn new(key: &[u8]) -> Result<Self, SrtpError> {
        match key.len() {
            16 => Aes128Enc::new_from_slice(key).map(|aes| Self::Aes128(Box::new(aes))),
            _ => Aes256Enc::new_from_slice(key).map(|aes| Self::Aes256(Box::new(aes))),
        }
        .map_err(|_| SrtpError::KeyLength)
    }

    /// AES in counter mode with IV = (label XOR salt) * 2^16, the label at octet 7 of the salt (RFC 3711 §4.3.1).
    fn fill<const N: usize>(&self, salt: [u8; MAX_SALT_LEN], label: u8) -> [u8; N] {
        let mut out = [0; N];
        let mut iv = [0; 16];
        for (to, from) in iv.iter_mut().zip(salt) {
            *to = from;
        }
        let iv = u128::from_be_bytes(iv) ^ (u128::from(label) << 64);
        for (counter, chunk) in (0u128..).zip(out.chunks_mut(16)) {
            let mut block = Block::from((iv ^ counter).to_be_bytes());
            match self {
                Self::Aes128(aes) => aes.encrypt_block(&mut block),
                Self::Aes256(aes) => aes.encrypt_block(&mut block),
            }
            for (to, from) in chunk.iter_mut().zip(block) {
                *to = from;
            }
        }
        out
    }
}

/// Derives both sets of session keys; `master` is master key and master salt in one.
pub(super) fn derive(profile: Profile, master: &[u8]) -> Result<Derived, SrtpError> {
    let (key, salt) = master
        .split_at_checked(profile.key_len())
        .ok_or(SrtpError::KeyLength)?;
    if salt.len() != profile.salt_len() {
        return Err(SrtpError::KeyLength);
    }
    // A 96-bit salt stands at the high end of the 112 bits the key derivation takes.
    let mut wide_salt = [0; MAX_SALT_LEN];
    for (to, from) in wide_salt.iter_mut().zip(salt) {
        *to = *from;
    }
    let prf = Prf::new(key)?;
    let session = |labels| SessionKeys {
        encryption: prf.fill(wide_salt, labels + LABEL_ENCRYPTION),
        authentication: prf.fill(wide_salt, labels + LABEL_AUTHENTICATION),
        salt: prf.fill(wide_salt, labels + LABEL_SALT),
    };
    Ok(Derived {
        rtp: session(0),
        rtcp: session(RTCP_LABELS),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    /// RFC 3711 Appendix B.3.
    #[test]
    fn rfc3711_key_derivation() {
        let master = hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
        let keys = derive(Profile::Aes128CmSha1_80, &master)
            .expect("right length")
            .rtp;
        assert_eq!(keys.encryption[..16], hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(keys.salt[..], hex("30CBBC08863D8C85D49DB34A9AE1"));
        let prf = Prf::new(&master[..16]).expect("right length");
        let authentication: [u8; 94] =
            prf.fill(master[16..].try_into().expect("14 bytes"), LABEL_AUTHENTICATION);
        let expected = hex("CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE
             E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25
             6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2");
        assert_eq!(authentication[..], expected);
        assert_eq!(keys.authentication[..], expected[..20]);
    }

    /// RFC 6188 §7.4, the same procedure with a 256-bit master key.
    #[test]
    fn rfc6188_key_derivation() {
        let key = hex("f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6");
        let salt: [u8; 14] = hex("3b04803de51ee7c96423ab5b78d2").try_into().expect("14 bytes");
        let prf = Prf::new(&key).expect("right length");
        let encryption: [u8; 32] = prf.fill(salt, LABEL_ENCRYPTION);
        assert_eq!(
            encryption[..],
            hex("5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4")
        );
        let session_salt: [u8; 14] = prf.fill(salt, LABEL_SALT);
        assert_eq!(session_salt[..], hex("fa31791685ca444a9e07c6c64e93"));
        let authentication: [u8; 20] = prf.fill(salt, LABEL_AUTHENTICATION);
        assert_eq!(
            authentication[..],
            hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")
        );
    }

    #[test]
    fn wrong_lengths_are_refused() {
        for profile in Profile::ALL {
            let right = profile.key_len() + profile.salt_len();
            for len in (0..80).filter(|len| *len != right) {
                assert_eq!(derive(profile, &vec![1; len]).err(), Some(SrtpError::KeyLength));
            }
        }
    }
}
