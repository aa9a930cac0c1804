//! Parameters from Python, checked: what passes here, the core can work with.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use pyo3::prelude::*;
use rheon_engine_core as core;
use rheon_engine_core::{Codec, ExtensionIds, IceCredentials, Kind, SrtpProfile, Ssrc};

use crate::errors::invalid;

/// Most layers of a track.
const MAX_ENCODINGS: usize = core::caps::MAX_LAYERS;

/// Longest mid and rid: what a one-byte header extension carries (RFC 8285 §4.2).
const MAX_IDENTIFIER: usize = 16;

/// Longest canonical name (RFC 3550 §6.5).
const MAX_CNAME: usize = 255;

/// `rheon_engine.types.Encoding`, unchecked.
#[derive(FromPyObject)]
struct RawEncoding {
    ssrc: Option<i64>,
    rtx_ssrc: Option<i64>,
    rid: Option<String>,
}

/// `rheon_engine.types.TrackParameters`, unchecked.
#[derive(FromPyObject)]
pub struct RawTrackParameters {
    kind: String,
    mid: String,
    codec: String,
    payload_type: i64,
    clock_rate: i64,
    encodings: Vec<RawEncoding>,
    cname: String,
    rtx_payload_type: Option<i64>,
    red_payload_type: Option<i64>,
    nack: bool,
    pli: bool,
    transport_cc: bool,
    extensions: HashMap<String, i64>,
}

/// `rheon_engine.types.ForwardParameters`, unchecked.
#[derive(FromPyObject)]
pub struct RawForwardParameters {
    mid: String,
    ssrc: i64,
    payload_type: i64,
    rtx_ssrc: Option<i64>,
    rtx_payload_type: Option<i64>,
    red_payload_type: Option<i64>,
    nack: bool,
    padding: bool,
    extensions: HashMap<String, i64>,
    active: bool,
}

impl RawTrackParameters {
    /// Check everything.
    pub fn check(self) -> PyResult<core::TrackParameters> {
        if self.encodings.is_empty() || self.encodings.len() > MAX_ENCODINGS {
            return Err(invalid(format!("a track has 1 to {MAX_ENCODINGS} encodings")));
        }
        let kind = match self.kind.as_str() {
            "audio" => Kind::Audio,
            "video" => Kind::Video,
            other => return Err(invalid(format!("kind {other:?} is neither audio nor video"))),
        };
        let codec = match (self.codec.as_str(), kind) {
            ("opus", Kind::Audio) => Codec::Opus,
            ("PCMU", Kind::Audio) => Codec::Pcmu,
            ("PCMA", Kind::Audio) => Codec::Pcma,
            ("VP8", Kind::Video) => Codec::Vp8,
            ("VP9", Kind::Video) => Codec::Vp9,
            ("H264", Kind::Video) => Codec::H264,
            ("H265", Kind::Video) => Codec::H265,
            ("AV1", Kind::Video) => Codec::Av1,
            (other, _) => return Err(invalid(format!("codec {other:?} is not known for {}", self.kind))),
        };
        Ok(core::TrackParameters {
            kind,
            mid: identifier("mid", self.mid)?,
            codec,
            payload_type: payload_type("payload_type", self.payload_type)?,
            clock_rate: within("clock_rate", self.clock_rate, 1..=i64::from(u32::MAX))?,
            encodings: self
                .encodings
                .into_iter()
                .map(RawEncoding::check)
                .collect::<PyResult<_>>()?,
            cname: text("cname", self.cname, MAX_CNAME)?,
            rtx_payload_type: optional(self.rtx_payload_type, |v| payload_type("rtx_payload_type", v))?,
            red_payload_type: optional(self.red_payload_type, |v| payload_type("red_payload_type", v))?,
            nack: self.nack,
            pli: self.pli,
            transport_cc: self.transport_cc,
            extensions: extensions(self.extensions)?,
        })
    }
}

impl RawEncoding {
    fn check(self) -> PyResult<core::Encoding> {
        Ok(core::Encoding {
            ssrc: optional(self.ssrc, |v| ssrc("ssrc", v))?,
            rtx_ssrc: optional(self.rtx_ssrc, |v| ssrc("rtx_ssrc", v))?,
            rid: optional(self.rid, |v| identifier("rid", v))?,
        })
    }
}

impl RawForwardParameters {
    /// Check everything.
    pub fn check(self) -> PyResult<core::ForwardParameters> {
        if self.rtx_ssrc.is_some() != self.rtx_payload_type.is_some() {
            return Err(invalid("rtx_ssrc and rtx_payload_type go together"));
        }
        Ok(core::ForwardParameters {
            mid: identifier("mid", self.mid)?,
            ssrc: ssrc("ssrc", self.ssrc)?,
            payload_type: payload_type("payload_type", self.payload_type)?,
            rtx_ssrc: optional(self.rtx_ssrc, |v| ssrc("rtx_ssrc", v))?,
            rtx_payload_type: optional(self.rtx_payload_type, |v| payload_type("rtx_payload_type", v))?,
            red_payload_type: optional(self.red_payload_type, |v| payload_type("red_payload_type", v))?,
            nack: self.nack,
            padding: self.padding,
            extensions: extensions(self.extensions)?,
            active: self.active,
        })
    }
}

/// Credentials as RFC 8839 §5.4 spells them.
pub fn credentials(ufrag: String, pwd: String) -> PyResult<IceCredentials> {
    let ice_chars = |text: &str| {
        text.bytes()
            .all(|c| c.is_ascii_alphanumeric() || c == b'+' || c == b'/')
    };
    if !(4..=256).contains(&ufrag.len()) || !ice_chars(&ufrag) {
        return Err(invalid(
            "an ICE user fragment is 4 to 256 letters, digits, + and /",
        ));
    }
    if !(22..=256).contains(&pwd.len()) || !ice_chars(&pwd) {
        return Err(invalid("an ICE password is 22 to 256 letters, digits, + and /"));
    }
    Ok(IceCredentials { ufrag, pwd })
}

/// A profile by its name, and whether the keys have its length (key and salt: RFC 3711 §8.2, RFC 7714 §12).
pub fn srtp_profile(name: &str, send: &[u8], receive: &[u8]) -> PyResult<SrtpProfile> {
    let (profile, length) = match name {
        "AEAD_AES_128_GCM" => (SrtpProfile::AeadAes128Gcm, 16 + 12),
        "AEAD_AES_256_GCM" => (SrtpProfile::AeadAes256Gcm, 32 + 12),
        "AES128_CM_SHA1_80" => (SrtpProfile::Aes128CmSha1_80, 16 + 14),
        other => return Err(invalid(format!("SRTP profile {other:?} is not known"))),
    };
    if send.len() != length || receive.len() != length {
        return Err(invalid(format!("{name} takes {length} bytes of key and salt")));
    }
    Ok(profile)
}

/// A spatial or temporal layer.
pub fn layer(name: &str, value: i64) -> PyResult<u8> {
    within(name, value, 0..=7)
}

/// A DTLS datagram to send.
pub fn dtls(datagram: &[u8]) -> PyResult<Vec<u8>> {
    if datagram.is_empty() || datagram.len() > core::caps::MAX_DTLS_DATAGRAM {
        return Err(invalid(format!(
            "a DTLS datagram has 1 to {} bytes",
            core::caps::MAX_DTLS_DATAGRAM
        )));
    }
    Ok(datagram.to_vec())
}

fn extensions(ids: HashMap<String, i64>) -> PyResult<ExtensionIds> {
    let mut known = ExtensionIds::default();
    for (uri, id) in ids {
        let slot = match uri.as_str() {
            "urn:ietf:params:rtp-hdrext:sdes:mid" => &mut known.mid,
            "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id" => &mut known.rid,
            "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id" => &mut known.repaired_rid,
            "urn:ietf:params:rtp-hdrext:ssrc-audio-level" => &mut known.audio_level,
            "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01" => {
                &mut known.transport_cc
            }
            "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time" => &mut known.abs_send_time,
            "urn:3gpp:video-orientation" => &mut known.video_orientation,
            "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay" => &mut known.playout_delay,
            "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time" => &mut known.abs_capture_time,
            "http://www.webrtc.org/experiments/rtp-hdrext/color-space" => &mut known.color_space,
            "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension" => {
                &mut known.dependency_descriptor
            }
            // Of no use to anybody but us, and not used yet: never passed on.
            "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00" => continue,
            _ => return Err(invalid(format!("header extension {uri:?} is not known"))),
        };
        *slot = Some(within("header extension id", id, 1..=255)?);
    }
    Ok(known)
}

fn optional<T, U>(value: Option<T>, check: impl FnOnce(T) -> PyResult<U>) -> PyResult<Option<U>> {
    value.map(check).transpose()
}

fn within<T: TryFrom<i64>>(name: &str, value: i64, range: RangeInclusive<i64>) -> PyResult<T> {
    T::try_from(value)
        .ok()
        .filter(|_| range.contains(&value))
        .ok_or_else(|| {
            invalid(format!(
                "{name} {value} is not in {} to {}",
                range.start(),
                range.end()
            ))
        })
}

fn payload_type(name: &str, value: i64) -> PyResult<u8> {
    within(name, value, 0..=127)
}

fn ssrc(name: &str, value: i64) -> PyResult<Ssrc> {
    within(name, value, 0..=i64::from(u32::MAX)).map(Ssrc)
}

fn identifier(name: &str, value: String) -> PyResult<String> {
    text(name, value, MAX_IDENTIFIER)
}

fn text(name: &str, value: String, longest: usize) -> PyResult<String> {
    if value.is_empty() || value.len() > longest {
        return Err(invalid(format!("{name} has to have 1 to {longest} bytes")));
    }
    Ok(value)
}
