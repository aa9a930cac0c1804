//! What is different for codecs other than VP8 and Opus.

use rheon_engine_core::{Codec, ForwardParameters, TrackParameters};
use rheon_engine_wire::vp9;

use crate::support::{Net, Outgoing, audio_packet, forward, opus, video_packet, vp8};

const DESCRIPTOR: u8 = 9;
const RED: u8 = 63;

fn call(track: TrackParameters, parameters: ForwardParameters) -> (Net, usize, usize) {
    let mut net = Net::new();
    let publisher = net.peer(1);
    let subscriber = net.peer(2);
    net.add_track(publisher, 10, track);
    net.add_forward(subscriber, 20, 10, parameters);
    (net, publisher, subscriber)
}

fn of(codec: Codec) -> (Net, usize, usize) {
    let mut track = TrackParameters { codec, ..vp8(1) };
    track.extensions.dependency_descriptor = Some(DESCRIPTOR);
    let mut parameters = forward(500, 96);
    parameters.extensions.dependency_descriptor = Some(DESCRIPTOR + 1);
    call(track, parameters)
}

fn packet(index: u64, frame: u64, last: bool, payload: &[u8]) -> Outgoing {
    let mut payload = payload.to_vec();
    payload.resize(200, 7);
    Outgoing {
        payload,
        marker: last,
        ..video_packet(1, index, frame, (0, 1), false, 0)
    }
}

#[test]
fn h264_starts_at_its_parameter_sets_and_is_not_altered() {
    let (mut net, publisher, subscriber) = of(Codec::H264);
    let slice = [0x61, 0xe0, 0x22];
    let sets: [&[u8]; 3] = [&[0x67, 0x42, 0xc0], &[0x68, 0xce], &[0x65, 0xb8, 0x40]];
    net.rtp(publisher, &packet(100, 0, true, &slice));
    assert_eq!(net.count_rtcp(publisher, "Pli"), 1);
    for (part, payload) in (0..).zip(sets) {
        net.rtp(publisher, &packet(101 + part, 1, part == 2, payload));
    }
    net.rtp(publisher, &packet(104, 2, true, &slice));
    let media = &net.peers[subscriber].media;
    let starts: Vec<u8> = media.iter().map(|packet| packet.payload[0]).collect();
    assert_eq!(starts, [0x67, 0x68, 0x65, 0x61]);
    assert!(media.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
    // Who joins now starts at the parameter sets too.
    let joiner = net.peer(3);
    net.add_forward(joiner, 30, 10, forward(600, 96));
    net.pass_millis(5);
    assert_eq!(net.peers[joiner].media[0].payload[0], 0x67);
    assert_eq!(net.peers[joiner].media.len(), 4);
}

#[test]
fn vp9_pictures_are_renumbered() {
    let (mut net, publisher, subscriber) = of(Codec::Vp9);
    for frame in 0..4u64 {
        let first = if frame == 1 { 0x8c } else { 0xcc };
        let payload = [first, (126 + frame as u8) & 0x7f];
        net.rtp(publisher, &packet(100 + frame, frame, true, &payload));
    }
    let media = &net.peers[subscriber].media;
    let pictures: Vec<_> = media
        .iter()
        .map(|packet| vp9::Descriptor::parse(&packet.payload).unwrap())
        .collect();
    assert_eq!(pictures.len(), 3);
    assert!(pictures[0].starts_key_picture());
    let steps = pictures.windows(2).map(|pair| {
        pair[1]
            .picture_id
            .unwrap()
            .wrapping_sub(pair[0].picture_id.unwrap())
            & 0x7fff
    });
    assert!(steps.eq([1, 1]));
}

#[test]
fn av1_descriptors_pass_under_the_subscribers_id_with_its_own_frame_numbers() {
    let (mut net, publisher, subscriber) = of(Codec::Av1);
    let structure = [0x80; 40];
    for frame in 0..3u8 {
        let [high, low] = 0xfffe_u16.wrapping_add(frame.into()).to_be_bytes();
        let mut descriptor = vec![0xc0, high, low];
        let payload: &[u8] = if frame == 0 { &[0x18, 1] } else { &[0x10, 1] };
        if frame == 0 {
            descriptor.extend_from_slice(&structure);
        }
        let mut packet = packet(100 + u64::from(frame), u64::from(frame), true, payload);
        packet.extensions.push((DESCRIPTOR, descriptor));
        net.rtp(publisher, &packet);
    }
    let media = &net.peers[subscriber].media;
    assert_eq!(media.len(), 3);
    let descriptors: Vec<_> = media
        .iter()
        .map(|packet| packet.extension(DESCRIPTOR + 1).unwrap())
        .collect();
    assert_eq!(descriptors[0][3..], structure);
    let numbers: Vec<u16> = descriptors
        .iter()
        .map(|it| u16::from_be_bytes([it[1], it[2]]))
        .collect();
    assert_eq!(numbers[1].wrapping_sub(numbers[0]), 1);
    assert_eq!(media[0].extension(1), None);
    // Retransmissions carry what was sent.
    let lost = media[1].header.sequence;
    let sent = descriptors[1].to_vec();
    net.rtcp(subscriber, |writer| writer.nack(1, 500, [lost]));
    let again = net.peers[subscriber].media.last().unwrap();
    assert_eq!(again.header.ssrc, 501);
    assert_eq!(again.extension(DESCRIPTOR + 1), Some(&sent[..]));
}

#[test]
fn g711_is_passed_on() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let track = TrackParameters {
            codec,
            clock_rate: 8000,
            ..opus(1)
        };
        let (mut net, publisher, subscriber) = call(track, forward(500, 0));
        for number in 0..5 {
            net.rtp(publisher, &audio_packet(1, number));
        }
        let media = &net.peers[subscriber].media;
        assert_eq!(media.len(), 5);
        assert!(media.iter().all(|packet| packet.header.payload_type == 0));
    }
}

#[test]
fn red_goes_as_it_is_to_who_takes_it_and_its_primary_block_to_others() {
    let track = TrackParameters {
        red_payload_type: Some(RED),
        ..opus(1)
    };
    let with_red = ForwardParameters {
        red_payload_type: Some(70),
        ..forward(500, 99)
    };
    let (mut net, publisher, takes) = call(track, with_red);
    let plain = net.peer(3);
    net.add_forward(plain, 30, 10, forward(600, 98));
    let red = |number: u64, primary: &[u8]| {
        let mut payload = vec![0xef, 0x0f, 0, 2, 0x6f, 8, 9];
        payload.extend_from_slice(primary);
        Outgoing {
            payload_type: RED,
            payload,
            ..audio_packet(1, number)
        }
    };
    net.rtp(publisher, &audio_packet(1, 0));
    net.rtp(publisher, &red(1, &[1, 2, 3]));
    net.rtp(publisher, &red(2, &[]));
    net.rtp(publisher, &red(3, &[4]));
    let got = |net: &Net, peer: usize| -> Vec<(u8, u64, Vec<u8>)> {
        let media = &net.peers[peer].media;
        let first = media[0].index;
        let parts = media.iter().skip(1).map(|packet| {
            (
                packet.header.payload_type,
                packet.index - first,
                packet.payload.clone(),
            )
        });
        parts.collect()
    };
    let whole = |primary: &[u8]| [&[0xe3, 0x0f, 0, 2, 0x63, 8, 9], primary].concat();
    assert_eq!(net.peers[takes].media[0].header.payload_type, 99);
    assert_eq!(
        got(&net, takes),
        [
            (70, 1, whole(&[1, 2, 3])),
            (70, 2, whole(&[])),
            (70, 3, whole(&[4]))
        ]
    );
    assert_eq!(got(&net, plain), [(98, 1, vec![1, 2, 3]), (98, 2, vec![4])]);
}
