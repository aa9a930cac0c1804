//! Loss on either leg.

use rheon_engine_core::DropReason;

use super::video::call;
use crate::support::{Net, Outgoing, forward, video_packet};

fn single(net: &mut Net, publisher: usize, number: u64) {
    net.rtp(
        publisher,
        &video_packet(1, 100 + number, number, (0, 1), number == 0, 0),
    );
}

/// The packet as the publisher's RTX stream carries it.
fn rtx(number: u64, rtx_index: u64) -> Outgoing {
    let packet = video_packet(1, 100 + number, number, (0, 1), number == 0, 0);
    let mut payload = ((100 + number) as u16).to_be_bytes().to_vec();
    payload.extend_from_slice(&packet.payload);
    Outgoing {
        payload_type: 97,
        ssrc: 2,
        index: rtx_index,
        payload,
        ..packet
    }
}

#[test]
fn a_gap_from_the_publisher_is_asked_for_and_filled_from_rtx() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    for number in [0, 1, 4] {
        single(&mut net, publisher, number);
    }
    net.pass_millis(10);
    assert_eq!(net.count_rtcp(publisher, "Nack"), 1);
    net.rtp(publisher, &rtx(2, 7));
    net.pass_millis(300);
    net.rtp(publisher, &rtx(3, 8));
    net.rtp(publisher, &rtx(3, 9));
    let media = &net.peers[subscriber].media;
    let numbers: Vec<u64> = media.iter().map(|packet| packet.index - media[0].index).collect();
    assert_eq!(numbers, [0, 1, 4, 2, 3]);
    let stats = net.worker.stats(net.now);
    assert_eq!(
        (stats.layers[0].packets_recovered, stats.layers[0].packets_lost),
        (2, 0)
    );
    assert!(net.dropped(DropReason::Duplicate) == 1);
    assert!(
        (3..=4).contains(&net.count_rtcp(publisher, "Nack")),
        "once per round trip"
    );
}

#[test]
fn a_subscribers_nack_is_answered_by_rtx() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    for number in 0..5 {
        single(&mut net, publisher, number);
    }
    let lost = net.peers[subscriber].media[2].clone();
    net.rtcp(subscriber, |writer| writer.nack(9, 500, [lost.header.sequence]));
    let again = net.peers[subscriber].media.last().unwrap().clone();
    assert_eq!((again.header.ssrc, again.header.payload_type), (501, 97));
    assert_eq!(again.payload[..2], lost.header.sequence.to_be_bytes());
    assert_eq!(again.payload[2..], lost.payload);
    assert_eq!(
        (again.header.timestamp, again.header.marker),
        (lost.header.timestamp, lost.header.marker)
    );

    net.rtcp(subscriber, |writer| writer.nack(9, 500, [lost.header.sequence]));
    assert_eq!(
        net.dropped(DropReason::RetransmissionRepeat),
        1,
        "not within a round trip"
    );
    for _ in 0..5 {
        net.pass_millis(150);
        net.rtcp(subscriber, |writer| writer.nack(9, 500, [lost.header.sequence]));
    }
    let resent = net.peers[subscriber]
        .media
        .iter()
        .filter(|packet| packet.header.ssrc == 501)
        .count();
    assert_eq!(resent, 3);
    net.rtcp(subscriber, |writer| {
        writer.nack(9, 500, [lost.header.sequence.wrapping_sub(700)]);
    });
    assert_eq!(net.dropped(DropReason::RetransmissionGone), 1);
}

#[test]
fn retransmissions_have_a_budget() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    for number in 0..400 {
        single(&mut net, publisher, number);
    }
    let all: Vec<u16> = net.peers[subscriber]
        .media
        .iter()
        .map(|packet| packet.header.sequence)
        .collect();
    net.rtcp(subscriber, |writer| writer.nack(9, 500, all));
    let resent = net.peers[subscriber]
        .media
        .iter()
        .filter(|packet| packet.header.ssrc == 501)
        .count();
    assert!((100..=135).contains(&resent), "{resent}");
    assert!(net.dropped(DropReason::RetransmissionBudget) > 200);
}

#[test]
fn key_frame_requests_of_a_subscriber_are_limited_and_coalesced() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    single(&mut net, publisher, 0);
    net.pass_millis(1000);
    for number in 1..300 {
        net.rtcp(subscriber, |writer| writer.pli(9, 500));
        net.pass_millis(20);
        single(&mut net, publisher, number);
    }
    assert!(net.dropped(DropReason::KeyFrameRequestLimit) > 200);
    let requests = net.count_rtcp(publisher, "Pli");
    assert!((2..=5).contains(&requests), "{requests}");
}
