//! ICE and SRTP of one virtual peer. The DTLS handshake is left out: both ends are given its keys.

use std::collections::HashMap;
use std::net::SocketAddr;

use fastrand::Rng;
use rheon_engine_wire::rtp::RtpHeader;
use rheon_engine_wire::srtp::{Profile, ReceiveContext, ReceiveStream, RtcpReplay, SendContext};
use rheon_engine_wire::stun::{self, IntegrityKey};

/// Keys of one transport, as a DTLS handshake would have agreed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Protection profile.
    pub profile: Profile,
    /// Master key and salt of what the peer sends.
    pub peer: Vec<u8>,
    /// Master key and salt of what the engine sends.
    pub engine: Vec<u8>,
}

impl Keys {
    /// Random keys.
    pub fn random(profile: Profile, rng: &mut Rng) -> Self {
        let length = profile.key_len() + profile.salt_len();
        let mut master = || std::iter::repeat_with(|| rng.u8(..)).take(length).collect();
        Self {
            profile,
            peer: master(),
            engine: master(),
        }
    }
}

/// Where a peer is and how it proves itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportSettings {
    /// The peer's address.
    pub local: SocketAddr,
    /// The engine's user fragment.
    pub ufrag: String,
    /// The engine's password.
    pub password: String,
    /// SRTP keys.
    pub keys: Keys,
}

/// What a datagram from the engine turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A check was answered.
    Checked,
    /// An RTP packet, decrypted, and its 48-bit index.
    Rtp(RtpHeader, Vec<u8>, u64),
    /// A compound RTCP packet, decrypted.
    Rtcp(Vec<u8>),
    /// Anything a peer ignores: replays, forgeries, unknown protocols.
    Ignored,
}

/// ICE checks and SRTP contexts of one peer.
pub struct Transport {
    settings: TransportSettings,
    key: IntegrityKey,
    send: SendContext,
    receive: ReceiveContext,
    streams: HashMap<u32, ReceiveStream>,
    rtcp: HashMap<u32, RtcpReplay>,
    pending: Vec<[u8; 12]>,
    next_check: u64,
    rng: Rng,
    connected: bool,
}

impl Transport {
    /// Time between checks until one is answered, and afterwards.
    const CHECK: [u64; 2] = [50_000, 2_000_000];

    /// A transport that starts with a check.
    ///
    /// # Panics
    /// If the keys do not fit their profile.
    pub fn new(settings: TransportSettings, seed: u64) -> Self {
        let Keys {
            profile,
            peer,
            engine,
        } = &settings.keys;
        Self {
            key: IntegrityKey::new(settings.password.as_bytes()),
            send: SendContext::new(*profile, peer).expect("keys of the right length"),
            receive: ReceiveContext::new(*profile, engine).expect("keys of the right length"),
            streams: HashMap::new(),
            rtcp: HashMap::new(),
            pending: Vec::new(),
            next_check: 0,
            rng: Rng::with_seed(seed),
            connected: false,
            settings,
        }
    }

    /// A check was answered: media may flow.
    pub fn connected(&self) -> bool {
        self.connected
    }

    /// The binding request that is due at `now`, if one is.
    pub fn check(&mut self, now: u64) -> Option<Vec<u8>> {
        if now < self.next_check {
            return None;
        }
        self.next_check = now + Self::CHECK[usize::from(self.connected)];
        let id: [u8; 12] = std::array::from_fn(|_| self.rng.u8(..));
        self.pending.push(id);
        let mut request = Vec::new();
        let check = stun::Check {
            transaction_id: id,
            receiver_ufrag: &self.settings.ufrag,
            sender_ufrag: "peer",
            priority: 1,
            role: stun::Role::Controlling(7),
            use_candidate: true,
            nomination: None,
        };
        stun::write_binding_request(&mut request, &check, &self.key);
        Some(request)
    }

    /// When `check` has something to do.
    pub fn next_check(&self) -> u64 {
        self.next_check
    }

    /// Where it is and how it proves itself.
    pub fn settings(&self) -> &TransportSettings {
        &self.settings
    }

    /// Takes a datagram from the engine.
    pub fn input(&mut self, mut datagram: Vec<u8>) -> Input {
        match datagram.as_slice() {
            [0..=3, ..] => self.response(&datagram),
            [128..=191, 192..=223, ..] => {
                let Some(ssrc) = datagram
                    .get(4..8)
                    .and_then(|b| b.try_into().ok())
                    .map(u32::from_be_bytes)
                else {
                    return Input::Ignored;
                };
                let mut window = self.rtcp.get(&ssrc).copied().unwrap_or_default();
                let Ok(length) = self.receive.unprotect_rtcp(&mut datagram, &mut window) else {
                    return Input::Ignored;
                };
                self.rtcp.insert(ssrc, window);
                datagram.truncate(length);
                Input::Rtcp(datagram)
            }
            [128..=191, ..] => {
                let Ok(header) = RtpHeader::parse(&datagram) else {
                    return Input::Ignored;
                };
                let mut stream = self.streams.get(&header.ssrc).copied().unwrap_or_default();
                let unprotected = self.receive.unprotect_rtp(&mut datagram, &header, &mut stream);
                let Ok((length, index)) = unprotected else {
                    return Input::Ignored;
                };
                self.streams.insert(header.ssrc, stream);
                datagram.truncate(length);
                Input::Rtp(header, datagram, index)
            }
            _ => Input::Ignored,
        }
    }

    fn response(&mut self, datagram: &[u8]) -> Input {
        let Ok(response) = stun::BindingResponse::parse(datagram) else {
            return Input::Ignored;
        };
        let known = self.pending.contains(&response.transaction_id);
        if !known || response.outcome != Ok(self.settings.local) || !response.authenticate(&self.key) {
            return Input::Ignored;
        }
        self.pending.retain(|id| *id != response.transaction_id);
        self.connected = true;
        Input::Checked
    }

    /// Protects an RTP packet: `packet` with its header of `header` bytes, sent under `index`.
    ///
    /// # Panics
    /// If the index is not the packet's.
    pub fn protect_rtp(&self, mut packet: Vec<u8>, header: usize, index: u64) -> Vec<u8> {
        packet.resize(packet.len() + self.settings.keys.profile.rtp_overhead(), 0);
        self.send
            .protect_rtp(&mut packet, header, index)
            .expect("a packet that can be protected");
        packet
    }

    /// Protects a compound RTCP packet.
    ///
    /// # Panics
    /// If it is shorter than an RTCP header.
    pub fn protect_rtcp(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        self.send
            .protect_rtcp(&mut packet)
            .expect("a packet that can be protected");
        packet
    }
}
