//! The sending and the receiving side of one SRTP association.

use std::fmt;

use super::cm::{self, Cm};
use super::gcm::{self, Gcm};
use super::key_derivation::{SessionKeys, derive};
use super::{
    ENCRYPTED, MAX_RTCP_INDEX, MAX_RTP_INDEX, Profile, RTCP_CLEAR_LEN, RTCP_INDEX_LEN, ReceiveStream,
    RtcpReplay, SrtpError,
};
use crate::bytes::{put, u16_at, u32_at};
use crate::rtp::RtpHeader;

/// Expanded session keys for either RTP or RTCP.
enum Cipher {
    Gcm(Box<Gcm>),
    Cm(Box<Cm>),
}

impl Cipher {
    fn new(profile: Profile, keys: &SessionKeys) -> Result<Self, SrtpError> {
        let key = keys
            .encryption
            .get(..profile.key_len())
            .ok_or(SrtpError::KeyLength)?;
        match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                let [salt @ .., _, _] = keys.salt;
                Gcm::new(key, salt).map(|gcm| Self::Gcm(Box::new(gcm)))
            }
            Profile::Aes128CmSha1_80 => {
                Cm::new(key, &keys.authentication, keys.salt).map(|cm| Self::Cm(Box::new(cm)))
            }
        }
    }
}

fn ciphers(profile: Profile, master: &[u8]) -> Result<(Cipher, Cipher), SrtpError> {
    let keys = derive(profile, master)?;
    Ok((
        Cipher::new(profile, &keys.rtp)?,
        Cipher::new(profile, &keys.rtcp)?,
    ))
}

/// The upper 32 bits of an index: the rollover counter as HMAC takes it.
#[inline]
const fn rollover_counter(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// Protects what we send. One context per transport and direction; many SSRCs share it.
pub struct SendContext {
    profile: Profile,
    rtp: Cipher,
    rtcp: Cipher,
    next_rtcp_index: u32,
}

impl SendContext {
    /// Derives and expands the session keys. `master` is master key and master salt in one.
    pub fn new(profile: Profile, master: &[u8]) -> Result<Self, SrtpError> {
        let (rtp, rtcp) = ciphers(profile, master)?;
        Ok(Self {
            profile,
            rtp,
            rtcp,
            next_rtcp_index: 0,
        })
    }

    /// The profile this context was made for.
    #[inline]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Protects one RTP packet in place.
    ///
    /// `buffer` is the packet followed by exactly `profile().rtp_overhead()` bytes of room; `header_len` is the
    /// length of its header with CSRCs and extension; `index` is rollover counter << 16 | sequence number, kept by
    /// the caller per SSRC. The caller must never protect different bytes under one SSRC and index: with GCM that
    /// gives the authentication key away (RFC 7714 §8.1).
    #[inline]
    pub fn protect_rtp(&self, buffer: &mut [u8], header_len: usize, index: u64) -> Result<(), SrtpError> {
        let sequence = u16_at(buffer, 2).ok_or(SrtpError::TooShort)?;
        let ssrc = u32_at(buffer, 8).ok_or(SrtpError::TooShort)?;
        if index > MAX_RTP_INDEX || index as u16 != sequence {
            return Err(SrtpError::Index);
        }
        let len = buffer
            .len()
            .checked_sub(self.profile.rtp_overhead())
            .ok_or(SrtpError::TooShort)?;
        let (packet, room) = buffer.split_at_mut_checked(len).ok_or(SrtpError::TooShort)?;
        let (header, payload) = packet
            .split_at_mut_checked(header_len)
            .ok_or(SrtpError::TooShort)?;
        match &self.rtp {
            Cipher::Gcm(gcm) => {
                let tag = gcm.seal(ssrc, index, header, payload)?;
                put(room, 0, &tag).ok_or(SrtpError::TooShort)
            }
            Cipher::Cm(cm) => {
                cm.apply(ssrc, index, payload)?;
                put(room, 0, &cm.tag(packet, rollover_counter(index))).ok_or(SrtpError::TooShort)
            }
        }
    }

    /// Protects one compound RTCP packet in place; it grows by `profile().rtcp_overhead()` bytes. The packet is in
    /// no defined state after an error. `Index`: 2^31 packets were sent, the keys are used up.
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let ssrc = u32_at(packet, 4).ok_or(SrtpError::TooShort)?;
        let index = self.next_rtcp_index;
        if index > MAX_RTCP_INDEX {
            return Err(SrtpError::Index);
        }
        let word = (ENCRYPTED | index).to_be_bytes();
        let (clear, text) = packet
            .split_at_mut_checked(RTCP_CLEAR_LEN)
            .ok_or(SrtpError::TooShort)?;
        match &self.rtcp {
            Cipher::Gcm(gcm) => {
                let tag = gcm.seal(ssrc, index.into(), &rtcp_aad(clear, word)?, text)?;
                packet.extend_from_slice(&tag);
                packet.extend_from_slice(&word);
            }
            Cipher::Cm(cm) => {
                cm.apply(ssrc, index.into(), text)?;
                let tag = cm.tag(packet, word);
                packet.extend_from_slice(&word);
                packet.extend_from_slice(&tag);
            }
        }
        self.next_rtcp_index = index + 1;
        Ok(())
    }
}

/// What SRTCP under GCM authenticates besides the cipher text: the clear header and the index word (RFC 7714 §9.2).
#[inline]
fn rtcp_aad(
    clear: &[u8],
    word: [u8; RTCP_INDEX_LEN],
) -> Result<[u8; RTCP_CLEAR_LEN + RTCP_INDEX_LEN], SrtpError> {
    let mut aad = [0; RTCP_CLEAR_LEN + RTCP_INDEX_LEN];
    put(&mut aad, 0, clear).ok_or(SrtpError::TooShort)?;
    put(&mut aad, RTCP_CLEAR_LEN, &word).ok_or(SrtpError::TooShort)?;
    Ok(aad)
}

/// Unprotects what we receive. One context per transport and direction; the caller keeps a stream per SSRC.
pub struct ReceiveContext {
    profile: Profile,
    rtp: Cipher,
    rtcp: Cipher,
}

impl ReceiveContext {
    /// Derives and expands the session keys. `master` is master key and master salt in one.
    pub fn new(profile: Profile, master: &[u8]) -> Result<Self, SrtpError> {
        let (rtp, rtcp) = ciphers(profile, master)?;
        Ok(Self { profile, rtp, rtcp })
    }

    /// The profile this context was made for.
    #[inline]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Unprotects one RTP packet in place. `header` is the header parsed from it; `stream` belongs to its SSRC.
    ///
    /// Returns the length of the plain packet and its index (rollover counter << 16 | sequence number). After an
    /// error the stream is unchanged and the payload is in no defined state.
    #[inline]
    pub fn unprotect_rtp(
        &self,
        packet: &mut [u8],
        header: &RtpHeader,
        stream: &mut ReceiveStream,
    ) -> Result<(usize, u64), SrtpError> {
        let len = packet
            .len()
            .checked_sub(self.profile.rtp_overhead())
            .ok_or(SrtpError::TooShort)?;
        if len < header.len {
            return Err(SrtpError::TooShort);
        }
        let index = stream.estimate(header.sequence)?;
        match &self.rtp {
            Cipher::Gcm(gcm) => {
                let (clear, text) = packet
                    .split_at_mut_checked(header.len)
                    .ok_or(SrtpError::TooShort)?;
                gcm.open(header.ssrc, index, clear, text)?;
            }
            Cipher::Cm(cm) => {
                let (plain, tag) = packet.split_at_mut_checked(len).ok_or(SrtpError::TooShort)?;
                cm.verify(plain, rollover_counter(index), tag)?;
                cm.apply(
                    header.ssrc,
                    index,
                    plain.get_mut(header.len..).unwrap_or_default(),
                )?;
            }
        }
        stream.accept(index);
        Ok((len, index))
    }

    /// Unprotects one compound RTCP packet in place and returns its plain length. `window` belongs to the sender's
    /// SSRC (bytes 4..8). After an error the window is unchanged and the packet is in no defined state.
    pub fn unprotect_rtcp(&self, packet: &mut [u8], window: &mut RtcpReplay) -> Result<usize, SrtpError> {
        let len = packet
            .len()
            .checked_sub(self.profile.rtcp_overhead())
            .ok_or(SrtpError::TooShort)?;
        if len < RTCP_CLEAR_LEN {
            return Err(SrtpError::TooShort);
        }
        let word_at = match self.rtcp {
            Cipher::Gcm(_) => len + gcm::TAG_LEN,
            Cipher::Cm(_) => len,
        };
        let ssrc = u32_at(packet, 4).ok_or(SrtpError::TooShort)?;
        let word = u32_at(packet, word_at).ok_or(SrtpError::TooShort)?;
        if word & ENCRYPTED == 0 {
            return Err(SrtpError::Unencrypted);
        }
        let index = word & MAX_RTCP_INDEX;
        window.check(index)?;
        match &self.rtcp {
            Cipher::Gcm(gcm) => {
                let (clear, rest) = packet
                    .split_at_mut_checked(RTCP_CLEAR_LEN)
                    .ok_or(SrtpError::TooShort)?;
                let text = rest
                    .get_mut(..word_at - RTCP_CLEAR_LEN)
                    .ok_or(SrtpError::TooShort)?;
                gcm.open(ssrc, index.into(), &rtcp_aad(clear, word.to_be_bytes())?, text)?;
            }
            Cipher::Cm(cm) => {
                let tag_at = packet.len() - cm::TAG_LEN;
                let (plain, tail) = packet.split_at_mut_checked(len).ok_or(SrtpError::TooShort)?;
                let tag = tail.get(tag_at - len..).ok_or(SrtpError::TooShort)?;
                cm.verify(plain, word.to_be_bytes(), tag)?;
                cm.apply(
                    ssrc,
                    index.into(),
                    plain.get_mut(RTCP_CLEAR_LEN..).unwrap_or_default(),
                )?;
            }
        }
        window.accept(index);
        Ok(len)
    }
}

// Keys must not reach a log by way of a derived Debug.
impl fmt::Debug for SendContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendContext")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ReceiveContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveContext")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl SendContext {
    /// A context on given session keys, for vectors that do not start from a master key.
    pub(super) fn from_session(profile: Profile, key: &[u8], salt: [u8; 12], rtcp_index: u32) -> Self {
        let cipher = || Cipher::Gcm(Box::new(Gcm::new(key, salt).expect("right length")));
        Self {
            profile,
            rtp: cipher(),
            rtcp: cipher(),
            next_rtcp_index: rtcp_index,
        }
    }
}

#[cfg(test)]
impl ReceiveContext {
    /// As `SendContext::from_session`.
    pub(super) fn from_session(profile: Profile, key: &[u8], salt: [u8; 12]) -> Self {
        let cipher = || Cipher::Gcm(Box::new(Gcm::new(key, salt).expect("right length")));
        Self {
            profile,
            rtp: cipher(),
            rtcp: cipher(),
        }
    }
}
