//! The call: a worker, three peers that hold its keys, and what must hold of everything it sends.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rheon_engine_core::{
    Codec, Command, Datagram, DropReason, Encoding, ExtensionIds, ForwardId, ForwardParameters,
    IceCredentials, Kind, Now, SrtpProfile, Ssrc, TrackId, TrackParameters, TransportId, Worker,
    WorkerConfig, WorkerId,
};
use rheon_engine_wire::rtcp;
use rheon_engine_wire::rtp::RtpHeader;
use rheon_engine_wire::sequence::distance;
use rheon_engine_wire::srtp::{ReceiveContext, ReceiveStream, RtcpReplay, SendContext, SrtpError};
use rheon_engine_wire::stun::{self, IntegrityKey, Role};

use crate::targets::Sum;

/// Index of the publisher; 1 and 2 are the subscribers.
pub(super) const PUBLISHER: usize = 0;
/// "Index" of somebody without keys.
pub(super) const STRANGER: usize = 3;
/// Forwards: video and audio to each subscriber.
pub(super) const FORWARDS: usize = 4;
pub(super) const VIDEO_TRACK: TrackId = TrackId(0);
pub(super) const AUDIO_TRACK: TrackId = TrackId(1);
pub(super) const PASSWORD: &str = "password-of-everybody";

const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 40_000);
/// Extension ids of the publisher.
const MID: u8 = 1;
const RID: u8 = 2;
const REPAIRED_RID: u8 = 3;
/// Payload types and SSRCs of the publisher.
const VIDEO: u8 = 96;
const VIDEO_RTX: u8 = 97;
const AUDIO: u8 = 111;
const RED: u8 = 63;
const VIDEO_SSRC: u32 = 0x1000;
const AUDIO_SSRC: u32 = 0x2000;
const RIDS: [&str; 3] = ["l", "m", "h"];
/// Times a worker may say that something is due without time passing.
const MAX_TIMEOUTS: u32 = 10_000;

/// What a peer receives.
#[derive(Default)]
struct Inbox {
    streams: HashMap<u32, ReceiveStream>,
    windows: HashMap<u32, RtcpReplay>,
}

struct Peer {
    address: SocketAddr,
    send: SendContext,
    receive: ReceiveContext,
    inbox: Inbox,
}

/// Where a stream of the publisher is.
#[derive(Clone, Copy)]
struct Position {
    index: u64,
    timestamp: u32,
}

pub(super) struct Call {
    now: Now,
    worker: Worker,
    peers: Vec<Peer>,
    positions: HashMap<u32, Position>,
    codec: Codec,
    padding: bool,
    declared: bool,
    held: bool,
    transactions: u8,
    /// Datagrams the worker sent, by kind.
    sent: [u64; 4],
}

impl Call {
    /// Everybody is connected, and every forward is active.
    pub(super) fn new(codec: Codec, padding: bool, cipher: bool, declared: bool) -> Self {
        let now = Now::from_millis(1000);
        let config = WorkerConfig {
            id: WorkerId(0),
            port: SERVER.1,
            seed: [7; 32],
            ntp_at_zero: 1 << 40,
        };
        let profile = if cipher {
            SrtpProfile::Aes128CmSha1_80
        } else {
            SrtpProfile::AeadAes128Gcm
        };
        let mut call = Self {
            now,
            worker: Worker::new(config, now),
            peers: Vec::new(),
            positions: HashMap::new(),
            codec,
            padding,
            declared,
            held: false,
            transactions: 0,
            sent: [0; 4],
        };
        for place in 0..3 {
            call.connect(place, profile);
        }
        for track in [VIDEO_TRACK, AUDIO_TRACK] {
            let parameters = call.track_parameters(track);
            call.command(Command::AddTrack {
                transport: Self::transport(PUBLISHER),
                track,
                parameters,
            });
        }
        for place in 0..FORWARDS {
            let parameters = call.forward_parameters(place);
            call.command(Command::AddForward {
                transport: Self::transport(1 + place % 2),
                forward: ForwardId(place as u32),
                track: Self::track_of(place),
                track_worker: WorkerId(0),
                parameters,
            });
        }
        call
    }

    fn connect(&mut self, place: usize, profile: SrtpProfile) {
        let master = |tag: u8| {
            (0..profile.key_len() + profile.salt_len())
                .map(|n| n as u8 ^ tag)
                .collect()
        };
        let (peer, engine): (Vec<u8>, Vec<u8>) = (master(place as u8), master(0x80 | place as u8));
        self.peers.push(Peer {
            address: ([198, 51, 100, place as u8], 10_000).into(),
            send: SendContext::new(profile, &peer).expect("length"),
            receive: ReceiveContext::new(profile, &engine).expect("length"),
            inbox: Inbox::default(),
        });
        let transport = Self::transport(place);
        let ice = IceCredentials {
            ufrag: Self::ufrag(place),
            pwd: PASSWORD.into(),
        };
        self.command(Command::AddTransport { transport, ice });
        self.command(Command::SetSrtp {
            transport,
            profile,
            send: engine,
            receive: peer,
        });
        self.check(place, 1);
    }

    pub(super) fn transport(place: usize) -> TransportId {
        TransportId(place as u32)
    }

    pub(super) fn ufrag(place: usize) -> String {
        format!("ufrag{place}")
    }

    pub(super) fn track_of(forward: usize) -> TrackId {
        if forward < 2 { VIDEO_TRACK } else { AUDIO_TRACK }
    }

    pub(super) fn track_parameters(&self, track: TrackId) -> TrackParameters {
        let video = track == VIDEO_TRACK;
        let encoding = |layer: u32, rid: &str| {
            let ssrc = if video { VIDEO_SSRC + 2 * layer } else { AUDIO_SSRC };
            Encoding {
                ssrc: self.declared.then_some(Ssrc(ssrc)),
                rtx_ssrc: (self.declared && video).then_some(Ssrc(ssrc + 1)),
                rid: (video && !self.declared).then(|| rid.to_owned()),
            }
        };
        let encodings = if video {
            (0..).zip(RIDS).map(|(layer, rid)| encoding(layer, rid)).collect()
        } else {
            vec![encoding(0, "")]
        };
        TrackParameters {
            kind: if video { Kind::Video } else { Kind::Audio },
            mid: if video { "v" } else { "a" }.into(),
            codec: if video { self.codec } else { Codec::Opus },
            payload_type: if video { VIDEO } else { AUDIO },
            clock_rate: if video { 90_000 } else { 48_000 },
            encodings,
            cname: "publisher".into(),
            rtx_payload_type: video.then_some(VIDEO_RTX),
            red_payload_type: (!video).then_some(RED),
            nack: video,
            pli: video,
            transport_cc: true,
            extensions: ExtensionIds {
                mid: Some(MID),
                rid: Some(RID),
                repaired_rid: Some(REPAIRED_RID),
                audio_level: Some(4),
                transport_cc: Some(5),
                abs_send_time: Some(6),
                video_orientation: Some(7),
                playout_delay: Some(8),
                abs_capture_time: Some(9),
                color_space: Some(10),
                dependency_descriptor: Some(11),
            },
        }
    }

    pub(super) fn forward_parameters(&self, place: usize) -> ForwardParameters {
        let video = Self::track_of(place) == VIDEO_TRACK;
        let ssrc = 0x3000 + 2 * place as u32;
        ForwardParameters {
            mid: format!("m{place}"),
            ssrc: Ssrc(ssrc),
            payload_type: if video { 100 } else { 110 },
            rtx_ssrc: video.then_some(Ssrc(ssrc + 1)),
            rtx_payload_type: video.then_some(101),
            // One subscriber takes it, the other gets the primary blocks.
            red_payload_type: (place == 2).then_some(RED),
            nack: video,
            padding: self.padding,
            extensions: ExtensionIds {
                mid: Some(5),
                transport_cc: Some(6),
                abs_send_time: Some(7),
                audio_level: Some(8),
                color_space: Some(9),
                dependency_descriptor: Some(10),
                ..ExtensionIds::default()
            },
            active: true,
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        self.worker.command(self.now, command);
        self.settle();
    }

    /// A datagram as it is.
    pub(super) fn datagram(&mut self, from: usize, bytes: Vec<u8>) {
        let remote = self
            .peers
            .get(from)
            .map_or(([203, 0, 113, 9], 9).into(), |peer| peer.address);
        self.input(remote, bytes);
    }

    fn input(&mut self, remote: SocketAddr, mut bytes: Vec<u8>) {
        self.worker.input(
            self.now,
            Datagram {
                local: SERVER.into(),
                remote,
                bytes: &mut bytes,
            },
        );
        if !self.held {
            self.worker.batch_end(self.now);
            self.settle();
        }
    }

    /// An authentic check; the low bit nominates, the next two choose a port.
    pub(super) fn check(&mut self, place: usize, how: u8) {
        self.transactions = self.transactions.wrapping_add(1);
        let check = stun::Check {
            transaction_id: [self.transactions; 12],
            receiver_ufrag: &Self::ufrag(place),
            sender_ufrag: "peer",
            priority: how.into(),
            role: if how & 0x08 == 0 {
                Role::Controlling(7)
            } else {
                Role::Controlled(7)
            },
            use_candidate: how & 0x01 != 0,
            nomination: (how & 0x10 != 0).then_some(how.into()),
        };
        let mut bytes = Vec::new();
        stun::write_binding_request(&mut bytes, &check, &IntegrityKey::new(PASSWORD.as_bytes()));
        let port = 10_000 + u16::from(how >> 1 & 0x03);
        let address = ([198, 51, 100, place as u8], port).into();
        if let Some(peer) = self.peers.get_mut(place) {
            peer.address = address;
        }
        self.input(address, bytes);
    }

    /// A packet of a stream of the publisher: flags, steps of sequence and time, an extension block behind its length,
    /// and the payload.
    pub(super) fn media(&mut self, audio: bool, body: &[u8]) {
        let [flags, step, ticks, len, rest @ ..] = body else {
            return;
        };
        let (block, payload) = rest.split_at_checked((len & 0x3f).into()).unwrap_or((&[], rest));
        let (layer, rtx) = (flags >> 2 & 0x03, !audio && flags & 0x02 != 0);
        let ssrc = if audio {
            AUDIO_SSRC
        } else {
            VIDEO_SSRC + 2 * u32::from(layer) + u32::from(rtx)
        };
        let position = self.positions.entry(ssrc).or_insert(Position {
            index: 1000,
            timestamp: u32::MAX - 3000,
        });
        if flags & 0x40 != 0 {
            position.index = position.index.saturating_sub((*step).into());
        } else {
            position.index += u64::from(*step).max(1);
        }
        if flags & 0x20 == 0 {
            position.timestamp = position.timestamp.wrapping_add(u32::from(*ticks) * 90);
        }
        let Position { index, timestamp } = *position;

        let mut elements = Vec::new();
        if flags & 0x80 != 0 {
            elements.extend([MID << 4, if audio { b'a' } else { b'v' }]);
            let rid = RIDS.get(usize::from(layer)).and_then(|rid| rid.bytes().next());
            if let Some(rid) = rid.filter(|_| !audio) {
                elements.extend([if rtx { REPAIRED_RID } else { RID } << 4, rid]);
            }
        }
        elements.extend_from_slice(block);
        elements.resize(elements.len().next_multiple_of(4), 0);

        let payload_type = match (audio, rtx) {
            (true, _) if flags & 0x02 != 0 => RED,
            (true, _) => AUDIO,
            (false, true) => VIDEO_RTX,
            (false, false) => VIDEO,
        };
        let padded = flags & 0x10 != 0;
        let first = 0x80 | u8::from(padded) << 5 | u8::from(!elements.is_empty()) << 4;
        let mut packet = vec![first, (flags & 0x01) << 7 | payload_type];
        packet.extend((index as u16).to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        if !elements.is_empty() {
            packet.extend([0xbe, 0xde]);
            packet.extend((elements.len() as u16 / 4).to_be_bytes());
            packet.extend(elements);
        }
        let header_len = packet.len();
        packet.extend_from_slice(payload);
        self.protected(PUBLISHER, packet, header_len, index);
    }

    /// A whole RTP packet, if it is one.
    pub(super) fn packet(&mut self, from: usize, packet: &[u8]) {
        if let Ok(header) = RtpHeader::parse(packet) {
            self.protected(from, packet.to_vec(), header.len, header.sequence.into());
        }
    }

    fn protected(&mut self, from: usize, mut packet: Vec<u8>, header_len: usize, index: u64) {
        let Some(peer) = self.peers.get(from) else {
            return;
        };
        packet.resize(packet.len() + peer.send.profile().rtp_overhead(), 0);
        if peer.send.protect_rtp(&mut packet, header_len, index).is_ok() {
            self.datagram(from, packet);
        }
    }

    /// A compound RTCP packet.
    pub(super) fn rtcp(&mut self, from: usize, compound: &[u8]) {
        let Some(peer) = self.peers.get_mut(from) else {
            return;
        };
        let mut bytes = compound.to_vec();
        if peer.send.protect_rtcp(&mut bytes).is_ok() {
            self.datagram(from, bytes);
        }
    }

    /// What comes is one batch until the next hold.
    pub(super) fn hold(&mut self) {
        if self.held {
            self.release();
        } else {
            self.held = true;
        }
    }

    pub(super) fn release(&mut self) {
        self.held = false;
        self.worker.batch_end(self.now);
        self.settle();
    }

    /// Lets time pass, timers included.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        let mut timeouts = 0;
        while let Some(due) = self.worker.next_timeout().filter(|due| *due <= end) {
            timeouts = if due > self.now { 0 } else { timeouts + 1 };
            assert!(timeouts < MAX_TIMEOUTS, "timers that never end");
            self.now = self.now.max(due);
            self.worker.timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// Takes what the worker has to say, and checks it.
    fn settle(&mut self) {
        let egress = self.worker.egress();
        for run in egress.runs() {
            for datagram in egress.segments(run) {
                let of = |peer: &&mut Peer| peer.address.ip() == run.remote.ip();
                let peer = self.peers.iter_mut().find(of).expect("sent to a stranger");
                self.sent[check_datagram(peer, datagram)] += 1;
            }
        }
        egress.clear();
        while self.worker.poll_event().is_some() {}
        while self.worker.poll_shared().is_some() {}
        let panics = self.worker.counters().dropped(DropReason::Panic);
        assert_eq!(panics, 0, "contained panics");
    }

    /// What kinds of datagrams were sent, and what reasons to drop something there were.
    pub(super) fn outcome(&self) -> u64 {
        let sent = self.sent.iter().map(|count| *count > 0);
        let dropped = self.worker.counters().drops().map(|(_, count)| count > 0);
        let mut sum = Sum::default();
        for fact in sent.chain(dropped) {
            sum.flag(fact);
        }
        sum.0
    }
}

/// Opens a datagram as its receiver would; returns its kind.
fn check_datagram(peer: &mut Peer, datagram: &[u8]) -> usize {
    let mut bytes = datagram.to_vec();
    match datagram {
        [0..=3, ..] => 0,
        [20..=63, ..] => 1,
        [128..=191, 192..=223, _, _, ssrc @ ..] => {
            let ssrc = ssrc.first_chunk().copied().map_or(0, u32::from_be_bytes);
            let window = peer.inbox.windows.entry(ssrc).or_default();
            let len = peer
                .receive
                .unprotect_rtcp(&mut bytes, window)
                .expect("RTCP opens");
            for packet in rtcp::packets(&bytes[..len]) {
                assert!(packet.is_ok(), "malformed RTCP sent");
            }
            2
        }
        [128..=191, ..] => {
            let header = RtpHeader::parse(datagram).expect("RTP");
            let stream = peer.inbox.streams.entry(header.ssrc).or_default();
            match peer.receive.unprotect_rtp(&mut bytes, &header, stream) {
                Ok((len, _)) => {
                    let payload = header.payload(&bytes[..len]).expect("right padding");
                    assert!(!payload.is_empty(), "nothing but padding sent");
                    assert!(header.extensions(&bytes).all(|(id, _)| id != 0), "bad extensions");
                }
                // Too late for the receiver's window of 128 packets is one thing, a number used twice another.
                Err(SrtpError::Replay) => {
                    let highest = stream.highest_index().unwrap_or(0);
                    let behind = distance(highest as u16, header.sequence);
                    assert!(!(0..128).contains(&behind), "number used twice");
                }
                Err(error) => panic!("RTP of {:#x} does not open: {error}", header.ssrc),
            }
            3
        }
        _ => panic!("neither of RFC 7983's"),
    }
}
