//! The ledger of a transport sees through the encryption and catches what is wrong with single packets.

use std::net::SocketAddr;

use fastrand::Rng;
use rheon_engine_wire::rtcp;
use rheon_engine_wire::rtp::HeaderWriter;
use rheon_engine_wire::srtp::{Profile, SendContext};

use super::*;
use crate::truth::{HEAD, Tag};

/// What a test may change about a packet.
struct Plan {
    payload_type: u8,
    ssrc: u32,
    sequence: u16,
    index: u64,
    mid: &'static str,
    wide: u16,
    level: u8,
    corrupt: bool,
}

impl Plan {
    fn new(number: u16) -> Self {
        Self {
            payload_type: 110,
            ssrc: 7,
            sequence: number,
            index: number.into(),
            mid: "a",
            wide: number,
            level: number as u8 & 0x7F,
            corrupt: false,
        }
    }
}

struct Bench {
    ledger: TransportLedger,
    send: SendContext,
    overhead: usize,
    local: SocketAddr,
}

impl Bench {
    fn new(profile: Profile) -> Self {
        let keys = Keys::random(profile, &mut Rng::with_seed(3));
        let local = SocketAddr::from(([192, 0, 2, 1], 40_000));
        let mut ledger = TransportLedger::new(local, &keys, 20_000);
        let expected = Expected {
            forward: 0,
            video: false,
            opaque: false,
            clock_rate: 48_000,
            ssrc: 7,
            payload_type: 110,
            rtx: None,
            mid: "a".into(),
            mid_id: Some(crate::peer::subscribed::MID),
        };
        ledger.add_forward(expected, true);
        let send = SendContext::new(profile, &keys.engine).expect("keys");
        Self {
            ledger,
            send,
            overhead: profile.rtp_overhead(),
            local,
        }
    }

    fn packet(&self, plan: &Plan) -> Vec<u8> {
        let number = u32::from(plan.sequence);
        let tag = Tag {
            count: 1,
            frame: number,
            sequence: number,
            timestamp: number * 960,
            ..Tag::default()
        };
        let mut packet = vec![0; 200];
        let writer = HeaderWriter {
            payload_type: plan.payload_type,
            marker: false,
            padding: false,
            sequence: plan.sequence,
            timestamp: tag.timestamp,
            ssrc: plan.ssrc,
        };
        let (wide, level) = (plan.wide.to_be_bytes(), [plan.level]);
        let extensions: [(u8, &[u8]); 3] = [
            (crate::peer::subscribed::MID, plan.mid.as_bytes()),
            (crate::peer::subscribed::TRANSPORT_CC, &wide),
            (crate::peer::subscribed::AUDIO_LEVEL, &level),
        ];
        let header = writer.write(&mut packet, extensions).expect("room");
        packet.truncate(header);
        tag.write([0; HEAD], 80, &mut packet);
        if plan.corrupt {
            packet[header + 70] ^= 1;
        }
        packet.resize(packet.len() + self.overhead, 0);
        self.send
            .protect_rtp(&mut packet, header, plan.index)
            .expect("protects");
        packet
    }

    fn take(&mut self, datagram: &[u8]) {
        self.ledger.datagram(0, self.local, datagram);
    }

    fn rules(&self) -> Vec<Rule> {
        let mut rules: Vec<_> = self
            .ledger
            .judge(&Log::default())
            .into_iter()
            .map(|fault| fault.rule)
            .collect();
        rules.dedup();
        rules
    }
}

/// The rules broken by a second packet with a plan, after a first that was right.
fn planted(change: impl Fn(&mut Plan)) -> Vec<Rule> {
    let mut bench = Bench::new(Profile::AeadAes128Gcm);
    let first = bench.packet(&Plan::new(20));
    bench.take(&first);
    let mut plan = Plan::new(21);
    change(&mut plan);
    let second = bench.packet(&plan);
    bench.take(&second);
    bench.rules()
}

#[test]
fn every_profile_is_seen_through() {
    for profile in Profile::ALL {
        let mut bench = Bench::new(profile);
        for number in 0..2_000 {
            let packet = bench.packet(&Plan::new(number));
            bench.take(&packet);
        }
        assert_eq!(bench.rules(), [], "{profile}");
        assert_eq!(bench.ledger.forward(7).map(|forward| forward.sent()), Some(2_000));
    }
}

#[test]
fn single_packets_that_are_wrong() {
    assert_eq!(planted(|_| {}), []);
    assert_eq!(planted(|plan| plan.payload_type = 111), [Rule::PayloadType]);
    assert_eq!(planted(|plan| plan.ssrc = 8), [Rule::UnknownSsrc]);
    assert_eq!(planted(|plan| plan.mid = "b"), [Rule::Mid]);
    assert_eq!(planted(|plan| plan.wide = 23), [Rule::TransportCc]);
    assert_eq!(planted(|plan| plan.level = 1), [Rule::Altered]);
    assert_eq!(planted(|plan| plan.corrupt = true), [Rule::Altered]);
    assert_eq!(planted(|plan| plan.index = 65_536 + 21), [Rule::Undecryptable]);
}

#[test]
fn one_index_with_other_bytes() {
    let mut bench = Bench::new(Profile::AeadAes256Gcm);
    for number in 10..100 {
        let packet = bench.packet(&Plan::new(number));
        bench.take(&packet);
    }
    let again = bench.packet(&Plan {
        wide: 100,
        ..Plan::new(50)
    });
    bench.take(&again);
    let rules = bench.rules();
    assert!(
        rules.contains(&Rule::NonceReused) && rules.contains(&Rule::SequenceUsedTwice),
        "{rules:?}"
    );
}

#[test]
fn a_forged_packet_a_wrong_socket_and_unknown_bytes() {
    let mut bench = Bench::new(Profile::Aes128CmSha1_80);
    let mut packet = bench.packet(&Plan::new(5));
    packet[40] ^= 1;
    bench.take(&packet);
    assert_eq!(bench.rules(), [Rule::Undecryptable]);
    let mut bench = Bench::new(Profile::Aes128CmSha1_80);
    bench.take(&[99, 1, 2]);
    assert_eq!(bench.rules(), [Rule::Undecryptable]);
    let mut bench = Bench::new(Profile::Aes128CmSha1_80);
    let packet = bench.packet(&Plan::new(5));
    bench
        .ledger
        .datagram(0, SocketAddr::from(([192, 0, 2, 9], 1)), &packet);
    assert_eq!(bench.rules(), [Rule::Destination]);
}

#[test]
fn requests_and_reports_are_read_from_rtcp() {
    let mut bench = Bench::new(Profile::AeadAes128Gcm);
    for _ in 0..2 {
        let mut compound = Vec::new();
        let mut writer = rtcp::Writer::new(&mut compound);
        writer.receiver_report(1, []);
        writer.pli(1, 9);
        writer.nack(1, 9, [5]);
        bench.send.protect_rtcp(&mut compound).expect("protects");
        bench.take(&compound);
    }
    assert_eq!(bench.rules(), [Rule::KeyFrameGate, Rule::NackTooSoon]);
}
