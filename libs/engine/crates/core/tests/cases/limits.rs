//! Caps and damaged input.

use rheon_engine_core::{Command, DropReason, Event, TransportId};

use super::video::call;
use crate::support::{MID, Net, audio_packet, forward, opus, video_packet, vp8};

#[test]
fn ssrcs_are_capped() {
    let mut net = Net::new();
    let publisher = net.peer(1);
    net.add_track(publisher, 10, opus(1));
    for ssrc in 1000..1300 {
        let mut packet = audio_packet(ssrc, 0);
        packet.extensions.push((MID, b"a".to_vec()));
        net.rtp(publisher, &packet);
    }
    assert_eq!(net.worker.stats(net.now).tables.ssrcs, 256);
    assert_eq!(net.dropped(DropReason::SsrcCap), 44);
}

#[test]
fn ssrcs_of_no_track_leave_nothing_behind() {
    let mut net = Net::new();
    let publisher = net.peer(1);
    net.add_track(publisher, 10, vp8(1));
    for ssrc in 1000..1010 {
        net.rtp(publisher, &audio_packet(ssrc, 0));
    }
    assert_eq!(net.worker.stats(net.now).tables.ssrcs, 0);
    assert_eq!(net.dropped(DropReason::UnknownSsrc), 10);
}

#[test]
fn a_publisher_is_policed() {
    let mut net = Net::new();
    let publisher = net.peer(1);
    net.add_track(publisher, 10, vp8(1));
    net.command(Command::SetPolicer {
        transport: TransportId(1),
        bits_per_second: Some(1_000_000),
    });
    let mut sent = 0;
    for number in 0..2000 {
        net.rtp(publisher, &video_packet(1, number, number, (0, 1), false, 0));
        sent += 1;
        net.pass_millis(2);
    }
    let passed = sent - net.dropped(DropReason::Policed);
    assert!((480..=540).contains(&passed), "1 Mbit/s for 4 s: {passed}");
}

#[test]
fn tracks_are_capped() {
    let mut net = Net::new();
    let publisher = net.peer(1);
    for track in 0..40 {
        net.add_track(publisher, 10 + track, opus(100 + track));
    }
    assert_eq!(net.worker.stats(net.now).tables.tracks, 32);
    assert_eq!(net.dropped(DropReason::TrackCap), 8);
}

#[test]
fn a_tuple_too_many_is_not_answered() {
    let mut net = Net::new();
    let peer = net.peer(1);
    for port in 0..20 {
        let check = net.peers[peer].check(false);
        net.datagram(([203, 0, 113, 1], 1000 + port).into(), check);
    }
    assert_eq!(net.worker.stats(net.now).tables.tuples, 8);
    assert_eq!(net.dropped(DropReason::TupleCap), 13);
}

#[test]
fn events_are_bounded_and_their_loss_is_told() {
    let mut net = Net::new();
    let peer = net.peer(1);
    let address = net.peers[peer].address;
    for _ in 0..6000 {
        let mut bytes = vec![22; 20];
        let datagram = rheon_engine_core::Datagram {
            local: crate::support::SERVER.into(),
            remote: address,
            bytes: &mut bytes,
        };
        net.worker.input(net.now, datagram);
    }
    net.events.clear();
    net.settle();
    assert_eq!(net.events.len(), 4097);
    assert!(matches!(
        net.events.last(),
        Some(Event::EventsLost { count: 1904 })
    ));
}

/// Authenticated bytes of every kind, damaged before protection would be refused: here they are damaged behind it.
#[test]
fn damaged_datagrams_never_stop_a_call() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    let mut state = 1u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let address = net.peers[publisher].address;
    for number in 0..3000 {
        let mut bytes = match number % 3 {
            0 => net.peers[publisher].protect(&video_packet(1, 500 + number, number, (0, 1), true, 0)),
            1 => net.peers[publisher].check(true),
            _ => net.peers[publisher].compound(|writer| writer.pli(1, 2)),
        };
        let at = random() % bytes.len();
        bytes[at] ^= 1 << (random() % 8);
        bytes.truncate(bytes.len() - random() % 3);
        net.datagram(address, bytes);
    }
    assert_eq!(net.dropped(DropReason::Panic), 0);
    net.rtp(publisher, &video_packet(1, 3600, 4000, (0, 1), true, 0));
    assert_eq!(net.peers[subscriber].media.len(), 1);
}

/// A malicious peer may authenticate anything: payloads, extensions and RTCP of arbitrary bytes.
#[test]
fn authentic_nonsense_never_stops_a_call() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    let mut state = 7u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    for number in 0..5000u64 {
        let mut packet = video_packet(1, 500 + number, number, (0, 1), number % 7 == 0, 0);
        packet.payload = (0..random() % 30).map(|_| random() as u8).collect();
        packet.timestamp = random();
        packet.payload_type = if random() % 8 == 0 { 97 } else { 96 };
        packet.ssrc = 1 + random() % 3;
        packet.index = u64::from(random() % 40_000);
        if random() % 3 == 0 {
            packet.extensions.push((
                1 + (random() % 14) as u8,
                (0..=random() % 16).map(|_| random() as u8).collect(),
            ));
        }
        let bytes = net.peers[publisher].protect(&packet);
        let address = net.peers[publisher].address;
        net.datagram(address, bytes);
        let (kind, count, words) = (200 + (random() % 8) as u8, random() as u8 & 0x1f, random() % 12);
        let mut body: Vec<u8> = (0..words * 4).map(|_| random() as u8).collect();
        if let Some(media) = body.get_mut(4..8) {
            media.copy_from_slice(&500u32.to_be_bytes());
        }
        let peer = if random() % 2 == 0 { publisher } else { subscriber };
        let mut compound = vec![0x80 | count, kind, 0, words as u8];
        compound.extend_from_slice(&body);
        if compound.len() >= 8 {
            let bytes = net.peers[peer].protect_compound(compound);
            let address = net.peers[peer].address;
            net.datagram(address, bytes);
        }
        net.pass_millis(u64::from(random() % 5));
    }
    assert_eq!(net.dropped(DropReason::Panic), 0);
}
