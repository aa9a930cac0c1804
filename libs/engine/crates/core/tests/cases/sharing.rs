//! A track whose publisher and subscriber live on different workers.

use rheon_engine_core::{Command, ForwardId, SharedMessage, TrackId, TransportId, WorkerId};

use crate::support::{Net, forward, video_packet, vp8};

/// Carry messages between two workers until there are none.
fn exchange(a: &mut Net, b: &mut Net) {
    loop {
        let (from_a, from_b) = (std::mem::take(&mut a.messages), std::mem::take(&mut b.messages));
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        for (to, message) in from_a {
            assert_eq!(to, WorkerId(1));
            b.worker.shared(b.now, WorkerId(0), message);
        }
        for (to, message) in from_b {
            assert_eq!(to, WorkerId(0));
            a.worker.shared(a.now, WorkerId(1), message);
        }
        a.settle();
        b.settle();
    }
}

fn frame(a: &mut Net, b: &mut Net, number: u64, key: bool) {
    for part in 0..4 {
        a.rtp(
            0,
            &video_packet(1, 100 + 4 * number + part, number, (part, 4), key, 0),
        );
    }
    exchange(a, b);
    a.pass_millis(33);
    b.pass_millis(33);
    exchange(a, b);
}

fn two_workers() -> (Net, Net) {
    let (mut a, mut b) = (Net::numbered(0), Net::numbered(1));
    a.peer(1);
    b.peer(2);
    a.add_track(0, 10, vp8(1));
    b.add_forward(0, 20, 10, forward(500, 96));
    exchange(&mut a, &mut b);
    (a, b)
}

#[test]
fn a_track_is_forwarded_from_another_worker() {
    let (mut a, mut b) = two_workers();
    frame(&mut a, &mut b, 0, false);
    assert_eq!(a.count_rtcp(0, "Pli"), 1, "the key-frame request crossed over");
    for number in 1..20 {
        frame(&mut a, &mut b, number, number == 1);
    }
    let media = &b.peers[0].media;
    assert_eq!(media.len(), 76);
    assert!(media.windows(2).all(|pair| pair[1].index == pair[0].index + 1));

    let lost = media[70].header.sequence;
    b.rtcp(0, |writer| writer.nack(9, 500, [lost]));
    assert_eq!(
        b.peers[0].media.last().map(|packet| packet.header.ssrc),
        Some(501),
        "served from its own ring"
    );
    assert!(a.messages.is_empty() && b.messages.is_empty());
}

#[test]
fn a_joiner_on_another_worker_starts_from_the_ring() {
    let (mut a, mut b) = (Net::numbered(0), Net::numbered(1));
    a.peer(1);
    b.peer(2);
    a.add_track(0, 10, vp8(1));
    for number in 0..5 {
        frame(&mut a, &mut b, number, number == 0);
    }
    b.add_forward(0, 20, 10, forward(500, 96));
    exchange(&mut a, &mut b);
    b.pass_millis(20);
    assert_eq!(b.peers[0].media.len(), 20);
    assert_eq!(a.count_rtcp(0, "Pli"), 0);
}

#[test]
fn the_end_of_a_track_reaches_the_other_worker() {
    let (mut a, mut b) = two_workers();
    frame(&mut a, &mut b, 0, true);
    a.command(Command::CloseTransport {
        transport: TransportId(1),
    });
    exchange(&mut a, &mut b);
    assert_eq!(b.count_rtcp(0, "Bye"), 1);
    let tables = b.worker.stats(b.now).tables;
    assert_eq!((tables.tracks, tables.forwards), (0, 0));
}

#[test]
fn the_last_forward_detaches() {
    let (mut a, mut b) = two_workers();
    b.command(Command::RemoveForward {
        forward: ForwardId(20),
    });
    assert!(matches!(
        b.messages[..],
        [(WorkerId(0), SharedMessage::Detach { track: TrackId(10) })]
    ));
    exchange(&mut a, &mut b);
    frame(&mut a, &mut b, 0, true);
    assert!(a.messages.is_empty());
}

#[test]
fn a_reader_may_come_before_its_track() {
    let (mut a, mut b) = (Net::numbered(0), Net::numbered(1));
    a.peer(1);
    b.peer(2);
    b.add_forward(0, 20, 10, forward(500, 96));
    exchange(&mut a, &mut b);
    a.pass_millis(500);
    a.add_track(0, 10, vp8(1));
    exchange(&mut a, &mut b);
    frame(&mut a, &mut b, 0, true);
    a.pass_millis(2000);
    exchange(&mut a, &mut b);
    assert_eq!(b.peers[0].media.len(), 4);
}

#[test]
fn an_unknown_track_ends_after_a_second() {
    let (mut a, mut b) = (Net::numbered(0), Net::numbered(1));
    b.peer(2);
    b.add_forward(0, 20, 99, forward(500, 96));
    exchange(&mut a, &mut b);
    assert_eq!(b.worker.stats(b.now).tables.forwards, 1);
    a.pass_millis(1000);
    exchange(&mut a, &mut b);
    assert_eq!(b.worker.stats(b.now).tables.forwards, 0);
}
