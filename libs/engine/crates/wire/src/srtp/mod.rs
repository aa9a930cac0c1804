//! SRTP and SRTCP (RFC 3711) with AES counter mode and HMAC-SHA1, or AES-GCM (RFC 7714).
//!
//! Keys are given per direction as the DTLS exporter yields them (RFC 5764 §4.2): master key followed by master
//! salt. Expanded session keys are kept per context; protecting and unprotecting work in place without allocating.

mod cm;
mod context;
mod gcm;
mod key_derivation;
mod replay;

use std::fmt;
use std::str::FromStr;

pub use context::{ReceiveContext, SendContext};
pub use replay::{ReceiveStream, RtcpReplay};

/// Bytes of the SRTCP index that follows (GCM) or precedes (HMAC) the tag; its top bit says "encrypted".
const RTCP_INDEX_LEN: usize = 4;
/// RTCP bytes that stay in clear: the first header and the sender's SSRC.
const RTCP_CLEAR_LEN: usize = 8;
/// SRTP indices are 48 bits: 32 of rollover counter, 16 of sequence number.
const MAX_RTP_INDEX: u64 = (1 << 48) - 1;
/// SRTCP indices are 31 bits.
const MAX_RTCP_INDEX: u32 = (1 << 31) - 1;
/// The E bit in the SRTCP index word.
const ENCRYPTED: u32 = 1 << 31;

/// What kept a packet from being protected or unprotected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SrtpError {
    /// Too short for its header, tag and index.
    TooShort,
    /// Seen before, or too old for the replay window (RFC 3711 §3.3.2).
    Replay,
    /// The authentication tag does not match.
    Authentication,
    /// An SRTCP packet without encryption: WebRTC does not allow it (RFC 8827 §6.5).
    Unencrypted,
    /// The index to protect with is not 48 bits ending in the packet's sequence number, or the SRTCP index is used up.
    Index,
    /// The master key and salt have not the profile's length.
    KeyLength,
}

impl fmt::Display for SrtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "packet too short",
            Self::Replay => "replayed or too old",
            Self::Authentication => "authentication failed",
            Self::Unencrypted => "SRTCP packet is not encrypted",
            Self::Index => "packet index out of range",
            Self::KeyLength => "wrong length of master key and salt",
        })
    }
}

impl std::error::Error for SrtpError {}

/// A protection profile, as DTLS-SRTP negotiates it (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// AES-128-GCM with 16-byte tags.
    AeadAes128Gcm,
    /// AES-256-GCM with 16-byte tags.
    AeadAes256Gcm,
    /// AES-128 counter mode with 10-byte HMAC-SHA1 tags.
    Aes128CmSha1_80,
}

impl Profile {
    /// Every profile, preferred first.
    pub const ALL: [Self; 3] = [Self::AeadAes128Gcm, Self::AeadAes256Gcm, Self::Aes128CmSha1_80];

    /// Length of the master key in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Length of the master salt in bytes.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    const fn tag_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => gcm::TAG_LEN,
            Self::Aes128CmSha1_80 => cm::TAG_LEN,
        }
    }

    /// Bytes protection adds to an RTP packet.
    pub const fn rtp_overhead(self) -> usize {
        self.tag_len()
    }

    /// Bytes protection adds to an RTCP packet.
    pub const fn rtcp_overhead(self) -> usize {
        self.tag_len() + RTCP_INDEX_LEN
    }

    /// The registered name, without the `SRTP_` prefix.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::Aes128CmSha1_80 => "AES128_CM_SHA1_80",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No profile has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownProfile;

impl fmt::Display for UnknownProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown SRTP profile")
    }
}

impl std::error::Error for UnknownProfile {}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == name)
            .ok_or(UnknownProfile)
    }
}

#[cfg(test)]
mod tests;
