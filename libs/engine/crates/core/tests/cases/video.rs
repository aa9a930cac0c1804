//! VP8: starting, bursts and runs, temporal layers.

use rheon_engine_core::{Command, ForwardId, ForwardParameters};
use rheon_engine_wire::vp8::Descriptor;

use crate::support::{Media, Net, forward, video_packet, vp8};

pub fn call(parameters: ForwardParameters) -> (Net, usize, usize) {
    let mut net = Net::new();
    let publisher = net.peer(1);
    let subscriber = net.peer(2);
    net.add_track(publisher, 10, vp8(1));
    net.add_forward(subscriber, 20, 10, parameters);
    (net, publisher, subscriber)
}

/// Send a frame of four packets, `index` its first.
pub fn frame(net: &mut Net, publisher: usize, index: u64, frame: u64, key: bool) {
    for part in 0..4 {
        net.rtp(
            publisher,
            &video_packet(1, index + part, frame, (part, 4), key, 0),
        );
    }
}

fn descriptor(packet: &Media) -> Descriptor {
    Descriptor::parse(&packet.payload).unwrap()
}

#[test]
fn starts_at_a_key_frame_and_sends_each_frame_as_one_run() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    frame(&mut net, publisher, 100, 0, false);
    assert!(net.peers[subscriber].media.is_empty());
    assert_eq!(net.count_rtcp(publisher, "Pli"), 1);
    net.runs.clear();
    for number in 1..4 {
        frame(&mut net, publisher, 100 + 4 * number, number, number == 1);
        net.pass_millis(33);
    }
    let media = &net.peers[subscriber].media;
    assert_eq!(media.len(), 12);
    assert!(media.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
    assert!(descriptor(&media[0]).key_frame);
    assert_eq!(media.iter().filter(|packet| packet.header.marker).count(), 3);
    let runs: Vec<_> = net.runs.iter().filter(|(peer, ..)| *peer == subscriber).collect();
    assert_eq!(runs.len(), 3, "{runs:?}");
    assert!(
        runs.iter()
            .all(|(_, len, segment)| *len == 4 * usize::from(*segment))
    );
    let first = descriptor(&media[0]).picture_id.unwrap();
    let pictures: Vec<u16> = media
        .iter()
        .map(|packet| descriptor(packet).picture_id.unwrap().wrapping_sub(first) & 0x7fff)
        .collect();
    assert_eq!(pictures, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
}

#[test]
fn an_open_burst_is_closed_after_two_milliseconds() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    net.rtp(publisher, &video_packet(1, 100, 0, (0, 4), true, 0));
    assert!(net.peers[subscriber].media.is_empty());
    net.pass_millis(1);
    assert!(net.peers[subscriber].media.is_empty());
    net.pass_millis(1);
    assert_eq!(net.peers[subscriber].media.len(), 1);
}

#[test]
fn padding_joins_packets_of_nearly_one_length() {
    for (padding, expected) in [(true, 1), (false, 3)] {
        let (mut net, publisher, subscriber) = call(ForwardParameters {
            padding,
            ..forward(500, 96)
        });
        for part in 0..4 {
            let mut packet = video_packet(1, 100 + part, 0, (part, 4), true, 0);
            packet.payload.truncate([999, 1000, 999, 900][part as usize]);
            net.rtp(publisher, &packet);
        }
        let runs = net
            .runs
            .iter()
            .filter(|(peer, len, _)| *peer == subscriber && *len > 500)
            .count();
        assert_eq!(runs, expected, "padding {padding}");
        let lengths: Vec<_> = net.peers[subscriber]
            .media
            .iter()
            .map(|packet| packet.payload.len())
            .collect();
        assert_eq!(lengths, [999, 1000, 999, 900], "payload as sent");
        assert!(
            net.peers[subscriber]
                .media
                .iter()
                .all(|packet| packet.padding <= 1)
        );
    }
}

#[test]
fn a_late_joiner_starts_from_a_fresh_key_frame_in_the_ring() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    for number in 0..10 {
        frame(&mut net, publisher, 100 + 4 * number, number, number == 0);
        net.pass_millis(33);
    }
    let requests = net.count_rtcp(publisher, "Pli");
    let joiner = net.peer(3);
    net.add_forward(joiner, 30, 10, forward(700, 96));
    net.pass_millis(20);
    assert_eq!(net.peers[joiner].media.len(), 40);
    frame(&mut net, publisher, 140, 10, false);
    let media = &net.peers[joiner].media;
    assert_eq!(media.len(), 44);
    assert!(descriptor(&media[0]).key_frame);
    assert!(media.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
    assert_eq!(net.count_rtcp(publisher, "Pli"), requests);
    assert_eq!(net.peers[subscriber].media.len(), 44);
}

#[test]
fn a_late_joiner_asks_when_the_key_frame_is_old() {
    let (mut net, publisher, _) = call(forward(500, 96));
    frame(&mut net, publisher, 100, 0, true);
    net.pass_millis(800);
    for peer in 3..13 {
        let joiner = net.peer(peer);
        net.add_forward(joiner, 100 + peer, 10, forward(700, 96));
        net.pass_millis(10);
    }
    assert_eq!(net.count_rtcp(publisher, "Pli"), 1, "ten joiners, one request");
    net.pass_millis(3000);
    assert_eq!(net.count_rtcp(publisher, "Pli"), 3, "repeated ever more slowly");
    frame(&mut net, publisher, 104, 1, true);
    net.pass_millis(10_000);
    assert_eq!(net.count_rtcp(publisher, "Pli"), 3);
    assert!(net.peers[2..].iter().all(|joiner| joiner.media.len() == 4));
}

#[test]
fn temporal_layers_above_the_limit_are_left_out_without_gaps() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    net.command(Command::SetLayers {
        forward: ForwardId(20),
        spatial: 0,
        temporal: 0,
    });
    for number in 0..20 {
        net.rtp(
            publisher,
            &video_packet(1, 100 + number, number, (0, 1), number == 0, (number % 2) as u8),
        );
        net.pass_millis(33);
    }
    let media = &net.peers[subscriber].media;
    assert_eq!(media.len(), 10);
    assert!(media.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
    let pictures: Vec<u16> = media
        .iter()
        .map(|packet| descriptor(packet).picture_id.unwrap())
        .collect();
    assert!(pictures.windows(2).all(|pair| pair[1] == (pair[0] + 1) & 0x7fff));
    let tl0: Vec<u8> = media
        .iter()
        .map(|packet| descriptor(packet).tl0_pic_idx.unwrap())
        .collect();
    assert!(tl0.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));

    net.command(Command::SetLayers {
        forward: ForwardId(20),
        spatial: 0,
        temporal: 1,
    });
    let before = net.peers[subscriber].media.len();
    for number in 20..30 {
        net.rtp(
            publisher,
            &video_packet(1, 100 + number, number, (0, 1), false, (number % 2) as u8),
        );
        net.pass_millis(33);
    }
    assert_eq!(net.peers[subscriber].media.len(), before + 10);
}

#[test]
fn pausing_inside_a_frame_leaves_a_gap_of_one() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    frame(&mut net, publisher, 100, 0, true);
    net.rtp(publisher, &video_packet(1, 104, 1, (0, 4), false, 0));
    net.pass_millis(5);
    net.command(Command::PauseForward {
        forward: ForwardId(20),
    });
    net.pass_millis(1000);
    net.command(Command::ResumeForward {
        forward: ForwardId(20),
    });
    frame(&mut net, publisher, 120, 5, true);
    let media = &net.peers[subscriber].media;
    assert_eq!(media.len(), 9);
    assert_eq!(media[5].index, media[4].index + 2);
    assert!(media[5].header.timestamp.wrapping_sub(media[4].header.timestamp) < 1 << 31);
}
