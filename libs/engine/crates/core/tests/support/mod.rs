//! A worker and scripted peers on a loss-free network: real STUN, SRTP and RTCP on both sides.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rheon_engine_core::{
    Codec, Command, Datagram, Encoding, Event, ExtensionIds, ForwardId, ForwardParameters, IceCredentials,
    Kind, Now, SharedMessage, SrtpProfile, Ssrc, TrackId, TrackParameters, TransportId, Worker, WorkerConfig,
    WorkerId,
};
use rheon_engine_wire::rtcp::Writer;
use rheon_engine_wire::rtp::{HeaderWriter, RtpHeader};
use rheon_engine_wire::srtp::{ReceiveContext, ReceiveStream, RtcpReplay, SendContext};
use rheon_engine_wire::stun::{self, IntegrityKey, Role};

pub const MID: u8 = 1;
pub const TRANSPORT_CC: u8 = 2;
pub const AUDIO_LEVEL: u8 = 3;
pub const SEND_TIME: u8 = 4;

pub const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 40_000);

/// An RTP packet a peer got.
#[derive(Clone, Debug)]
pub struct Media {
    pub header: RtpHeader,
    pub index: u64,
    pub extensions: Vec<(u8, Vec<u8>)>,
    pub payload: Vec<u8>,
    /// Bytes of padding.
    pub padding: usize,
}

impl Media {
    pub fn extension(&self, id: u8) -> Option<&[u8]> {
        self.extensions
            .iter()
            .find(|(other, _)| *other == id)
            .map(|(_, value)| value.as_slice())
    }
}

/// A peer: one transport of the worker and what it got from there.
pub struct Peer {
    pub transport: TransportId,
    pub address: SocketAddr,
    pub ufrag: String,
    pub pwd: String,
    send: SendContext,
    receive: ReceiveContext,
    streams: HashMap<u32, ReceiveStream>,
    rtcp_windows: HashMap<u32, RtcpReplay>,
    transactions: u32,
    pub media: Vec<Media>,
    /// Plain compound packets.
    pub rtcp: Vec<Vec<u8>>,
    pub stun: Vec<Vec<u8>>,
    pub dtls: Vec<Vec<u8>>,
}

/// What a peer sends.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub payload_type: u8,
    pub marker: bool,
    pub index: u64,
    pub timestamp: u32,
    pub ssrc: u32,
    pub extensions: Vec<(u8, Vec<u8>)>,
    pub payload: Vec<u8>,
    pub padding: u8,
}

fn master(profile: SrtpProfile, tag: u8) -> Vec<u8> {
    (0..profile.key_len() + profile.salt_len())
        .map(|n| n as u8 ^ tag)
        .collect()
}

impl Peer {
    pub fn new(number: u32, profile: SrtpProfile) -> (Self, [Command; 2]) {
        let transport = TransportId(number);
        let (ours, theirs) = (
            master(profile, number as u8),
            master(profile, 0x80 | number as u8),
        );
        let peer = Self {
            transport,
            address: ([198, 51, 100, 1], 10_000 + number as u16).into(),
            ufrag: format!("ufrag{number}"),
            pwd: format!("password-of-peer-{number}"),
            send: SendContext::new(profile, &ours).expect("length"),
            receive: ReceiveContext::new(profile, &theirs).expect("length"),
            streams: HashMap::new(),
            rtcp_windows: HashMap::new(),
            transactions: 0,
            media: Vec::new(),
            rtcp: Vec::new(),
            stun: Vec::new(),
            dtls: Vec::new(),
        };
        let ice = IceCredentials {
            ufrag: peer.ufrag.clone(),
            pwd: peer.pwd.clone(),
        };
        let commands = [
            Command::AddTransport { transport, ice },
            Command::SetSrtp {
                transport,
                profile,
                send: theirs,
                receive: ours,
            },
        ];
        (peer, commands)
    }

    /// A connectivity check with a new transaction id.
    pub fn check(&mut self, nominate: bool) -> Vec<u8> {
        self.transactions += 1;
        let mut transaction_id = [0; 12];
        transaction_id[..4].copy_from_slice(&self.transactions.to_be_bytes());
        let check = stun::Check {
            transaction_id,
            receiver_ufrag: &self.ufrag,
            sender_ufrag: "peer",
            priority: 1,
            role: Role::Controlling(7),
            use_candidate: nominate,
            nomination: None,
        };
        let mut out = Vec::new();
        stun::write_binding_request(&mut out, &check, &IntegrityKey::new(self.pwd.as_bytes()));
        out
    }

    pub fn protect(&self, packet: &Outgoing) -> Vec<u8> {
        let header = HeaderWriter {
            payload_type: packet.payload_type,
            marker: packet.marker,
            padding: packet.padding > 0,
            sequence: packet.index as u16,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
        };
        let mut out = vec![0; 300];
        let elements = packet
            .extensions
            .iter()
            .map(|(id, value)| (*id, value.as_slice()));
        let len = header.write(&mut out, elements).expect("fits");
        out.truncate(len);
        out.extend_from_slice(&packet.payload);
        if packet.padding > 0 {
            out.resize(out.len() + usize::from(packet.padding) - 1, 0);
            out.push(packet.padding);
        }
        out.resize(out.len() + self.send.profile().rtp_overhead(), 0);
        self.send
            .protect_rtp(&mut out, len, packet.index)
            .expect("protects");
        out
    }

    pub fn compound(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out));
        self.protect_compound(out)
    }

    pub fn protect_compound(&mut self, mut compound: Vec<u8>) -> Vec<u8> {
        self.send.protect_rtcp(&mut compound).expect("protects");
        compound
    }

    fn got(&mut self, datagram: &[u8]) {
        let mut bytes = datagram.to_vec();
        match bytes[0] {
            0..=3 => self.stun.push(bytes),
            20..=63 => self.dtls.push(bytes),
            _ if (192..=223).contains(&bytes[1]) => {
                let ssrc = u32::from_be_bytes(bytes[4..8].try_into().expect("4 bytes"));
                let window = self.rtcp_windows.entry(ssrc).or_default();
                let len = self
                    .receive
                    .unprotect_rtcp(&mut bytes, window)
                    .expect("authentic");
                bytes.truncate(len);
                self.rtcp.push(bytes);
            }
            _ => {
                let header = RtpHeader::parse(&bytes).expect("RTP");
                let stream = self.streams.entry(header.ssrc).or_default();
                let (len, index) = self
                    .receive
                    .unprotect_rtp(&mut bytes, &header, stream)
                    .expect("authentic and new");
                bytes.truncate(len);
                let payload = header.payload(&bytes).expect("padding");
                self.media.push(Media {
                    header,
                    index,
                    extensions: header
                        .extensions(&bytes)
                        .map(|(id, value)| (id, value.to_vec()))
                        .collect(),
                    padding: bytes.len() - payload.end,
                    payload: bytes[payload].to_vec(),
                });
            }
        }
    }
}

/// A worker, its peers and time.
pub struct Net {
    pub now: Now,
    pub worker: Worker,
    pub peers: Vec<Peer>,
    pub events: Vec<Event>,
    /// Lengths and segment sizes of the runs sent, by peer.
    pub runs: Vec<(usize, usize, u16)>,
    /// Messages for other workers.
    pub messages: Vec<(WorkerId, SharedMessage)>,
}

impl Net {
    pub fn new() -> Self {
        Self::numbered(0)
    }

    pub fn numbered(worker: u8) -> Self {
        let config = WorkerConfig {
            id: WorkerId(worker),
            port: SERVER.1,
            seed: [worker + 1; 32],
            ntp_at_zero: 1 << 40,
        };
        Self {
            now: Now::from_millis(1000),
            worker: Worker::new(config, Now::from_millis(1000)),
            peers: Vec::new(),
            events: Vec::new(),
            runs: Vec::new(),
            messages: Vec::new(),
        }
    }

    /// A connected peer; returns its place.
    pub fn peer(&mut self, number: u32) -> usize {
        self.peer_with(number, SrtpProfile::AeadAes128Gcm)
    }

    pub fn peer_with(&mut self, number: u32, profile: SrtpProfile) -> usize {
        let (peer, commands) = Peer::new(number, profile);
        self.peers.push(peer);
        for command in commands {
            self.worker.command(self.now, command);
        }
        let place = self.peers.len() - 1;
        self.check(place);
        place
    }

    /// A check with USE-CANDIDATE from the peer's address.
    pub fn check(&mut self, peer: usize) {
        let check = self.peers[peer].check(true);
        let address = self.peers[peer].address;
        self.datagram(address, check);
    }

    pub fn command(&mut self, command: Command) {
        self.worker.command(self.now, command);
        self.settle();
    }

    pub fn datagram(&mut self, from: SocketAddr, mut bytes: Vec<u8>) {
        self.worker.input(
            self.now,
            Datagram {
                local: SERVER.into(),
                remote: from,
                bytes: &mut bytes,
            },
        );
        self.worker.batch_end(self.now);
        self.settle();
    }

    pub fn rtp(&mut self, peer: usize, packet: &Outgoing) {
        let bytes = self.peers[peer].protect(packet);
        let address = self.peers[peer].address;
        self.datagram(address, bytes);
    }

    pub fn rtcp(&mut self, peer: usize, write: impl FnOnce(&mut Writer<'_>)) {
        let bytes = self.peers[peer].compound(write);
        let address = self.peers[peer].address;
        self.datagram(address, bytes);
    }

    /// Let time pass, timers included.
    pub fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.worker.next_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.worker.timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    pub fn pass_millis(&mut self, millis: u64) {
        self.pass(Duration::from_millis(millis));
    }

    pub fn settle(&mut self) {
        let egress = self.worker.egress();
        for run in egress.runs() {
            let Some(place) = self.peers.iter().position(|peer| peer.address == run.remote) else {
                continue;
            };
            self.runs.push((place, run.len, run.segment));
            for datagram in egress.segments(run) {
                self.peers[place].got(datagram);
            }
        }
        egress.clear();
        while let Some(event) = self.worker.poll_event() {
            self.events.push(event);
        }
        while let Some(message) = self.worker.poll_shared() {
            self.messages.push(message);
        }
    }

    pub fn add_track(&mut self, peer: usize, track: u32, parameters: TrackParameters) {
        let transport = self.peers[peer].transport;
        self.command(Command::AddTrack {
            transport,
            track: TrackId(track),
            parameters,
        });
    }

    pub fn add_forward(&mut self, peer: usize, forward: u32, track: u32, parameters: ForwardParameters) {
        let transport = self.peers[peer].transport;
        self.command(Command::AddForward {
            transport,
            forward: ForwardId(forward),
            track: TrackId(track),
            track_worker: WorkerId(0),
            parameters,
        });
    }

    pub fn dropped(&self, reason: rheon_engine_core::DropReason) -> u64 {
        self.worker.counters().dropped(reason)
    }

    /// Every RTCP packet a peer got, as `Debug` text.
    pub fn rtcp_texts(&self, peer: usize) -> Vec<String> {
        self.peers[peer]
            .rtcp
            .iter()
            .flat_map(|compound| {
                rheon_engine_wire::rtcp::packets(compound).map(|packet| format!("{packet:?}"))
            })
            .collect()
    }

    pub fn count_rtcp(&self, peer: usize, start: &str) -> usize {
        self.rtcp_texts(peer)
            .iter()
            .filter(|text| text.starts_with(&format!("Ok({start}")))
            .count()
    }
}

pub fn publisher_extensions() -> ExtensionIds {
    ExtensionIds {
        mid: Some(MID),
        transport_cc: Some(TRANSPORT_CC),
        audio_level: Some(AUDIO_LEVEL),
        ..ExtensionIds::default()
    }
}

pub fn opus(ssrc: u32) -> TrackParameters {
    TrackParameters {
        kind: Kind::Audio,
        mid: "a".into(),
        codec: Codec::Opus,
        payload_type: 111,
        clock_rate: 48_000,
        encodings: vec![Encoding {
            ssrc: Some(Ssrc(ssrc)),
            ..Encoding::default()
        }],
        cname: "publisher".into(),
        rtx_payload_type: None,
        red_payload_type: None,
        nack: false,
        pli: false,
        transport_cc: true,
        extensions: publisher_extensions(),
    }
}

pub fn vp8(ssrc: u32) -> TrackParameters {
    TrackParameters {
        kind: Kind::Video,
        mid: "v".into(),
        codec: Codec::Vp8,
        payload_type: 96,
        clock_rate: 90_000,
        encodings: vec![Encoding {
            ssrc: Some(Ssrc(ssrc)),
            rtx_ssrc: Some(Ssrc(ssrc + 1)),
            rid: None,
        }],
        rtx_payload_type: Some(97),
        nack: true,
        pli: true,
        ..opus(ssrc)
    }
}

pub fn forward(ssrc: u32, payload_type: u8) -> ForwardParameters {
    ForwardParameters {
        mid: "m1".into(),
        ssrc: Ssrc(ssrc),
        payload_type,
        rtx_ssrc: Some(Ssrc(ssrc + 1)),
        rtx_payload_type: Some(payload_type + 1),
        red_payload_type: None,
        nack: true,
        padding: false,
        extensions: ExtensionIds {
            mid: Some(5),
            transport_cc: Some(6),
            audio_level: Some(7),
            abs_send_time: Some(SEND_TIME),
            ..ExtensionIds::default()
        },
        active: true,
    }
}

pub fn audio_packet(ssrc: u32, number: u64) -> Outgoing {
    Outgoing {
        payload_type: 111,
        marker: false,
        index: 1000 + number,
        timestamp: (number * 960) as u32,
        ssrc,
        extensions: vec![
            (AUDIO_LEVEL, vec![0x85]),
            (TRANSPORT_CC, (number as u16).to_be_bytes().to_vec()),
        ],
        payload: vec![number as u8; 80],
        padding: 0,
    }
}

/// A packet of a VP8 frame; `part` of `parts`.
pub fn video_packet(
    ssrc: u32,
    index: u64,
    frame: u64,
    (part, parts): (u64, u64),
    key: bool,
    tid: u8,
) -> Outgoing {
    let first = if part == 0 { 0x90 } else { 0x80 };
    let picture = 100 + frame;
    let mut payload = vec![
        first,
        0xe0,
        0x80 | (picture >> 8) as u8 & 0x7f,
        picture as u8,
        (frame / 2) as u8,
        tid << 6 | u8::from(tid > 0) << 5,
    ];
    payload.push(u8::from(!(key && part == 0)));
    payload.resize(1000, frame as u8);
    Outgoing {
        payload_type: 96,
        marker: part + 1 == parts,
        index,
        timestamp: (frame * 3000) as u32,
        ssrc,
        extensions: Vec::new(),
        payload,
        padding: 0,
    }
}
