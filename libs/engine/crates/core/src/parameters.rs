//! What a transport, a track and a forward are made from. Mirrors `rheon_engine/types.py`.

pub use rheon_engine_wire::srtp::Profile as SrtpProfile;

pub use crate::codec::Codec;
use crate::ids::Ssrc;

/// Our own user fragment and password of one transport (RFC 8445 §5.3).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// User fragment; unique on its worker.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

impl std::fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceCredentials").finish_non_exhaustive()
    }
}

/// Media kind of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Audio.
    Audio,
    /// Video.
    Video,
}

/// Negotiated ids of the header extensions the engine knows (RFC 8285), 1 to 255; `None`: not negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionIds {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid`
    pub mid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id`
    pub rid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id`
    pub repaired_rid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level`
    pub audio_level: Option<u8>,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`
    pub transport_cc: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`
    pub abs_send_time: Option<u8>,
    /// `urn:3gpp:video-orientation`
    pub video_orientation: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/playout-delay`
    pub playout_delay: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time`
    pub abs_capture_time: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/color-space`
    pub color_space: Option<u8>,
    /// `https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension`
    pub dependency_descriptor: Option<u8>,
}

/// One RTP stream (layer) of a track as the publisher's description declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Its SSRC; `None`: learnt by mid, rid or payload type.
    pub ssrc: Option<Ssrc>,
    /// SSRC of its retransmissions (RFC 4588).
    pub rtx_ssrc: Option<Ssrc>,
    /// RTP stream id (RFC 8852).
    pub rid: Option<String>,
}

/// A published track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackParameters {
    /// Audio or video.
    pub kind: Kind,
    /// Media section of the publisher's description.
    pub mid: String,
    /// The one codec it is sent in.
    pub codec: Codec,
    /// Payload type of the codec, 0 to 127.
    pub payload_type: u8,
    /// RTP clock in hertz.
    pub clock_rate: u32,
    /// Layers, lowest first; 1 to 8.
    pub encodings: Vec<Encoding>,
    /// Canonical name subscribers see: one per publisher (RFC 3550 §6.5.1).
    pub cname: String,
    /// Payload type of retransmissions (RFC 4588).
    pub rtx_payload_type: Option<u8>,
    /// Payload type of RED around the codec (RFC 2198): the publisher may send either at any time.
    pub red_payload_type: Option<u8>,
    /// Generic NACK was negotiated.
    pub nack: bool,
    /// Picture loss indication was negotiated.
    pub pli: bool,
    /// Transport-wide congestion control feedback was negotiated.
    pub transport_cc: bool,
    /// Extension ids of the publishing transport.
    pub extensions: ExtensionIds,
}

/// A track as one subscriber receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardParameters {
    /// Media section of the subscriber's description; at most 16 bytes.
    pub mid: String,
    /// SSRC it is sent under.
    pub ssrc: Ssrc,
    /// Payload type it is sent under, 0 to 127.
    pub payload_type: u8,
    /// SSRC of retransmissions (RFC 4588).
    pub rtx_ssrc: Option<Ssrc>,
    /// Payload type of retransmissions.
    pub rtx_payload_type: Option<u8>,
    /// Payload type of RED around the codec; `None`: the subscriber gets the codec alone.
    pub red_payload_type: Option<u8>,
    /// Generic NACK was negotiated. Retransmission needs this and both RTX values.
    pub nack: bool,
    /// The subscriber is known to accept RTP padding on media packets, so that runs of one length grow longer.
    pub padding: bool,
    /// Extension ids of the subscribing transport.
    pub extensions: ExtensionIds,
    /// False: made paused; `Command::ResumeForward` starts it.
    pub active: bool,
}
