//! Opus from a publisher to a subscriber.

use rheon_engine_core::{Command, Event, ForwardId, SrtpProfile, Ssrc, TrackId};

use crate::support::{AUDIO_LEVEL, MID, Net, SEND_TIME, audio_packet, forward, opus};

fn call(profile: SrtpProfile) -> (Net, usize, usize) {
    let mut net = Net::new();
    let publisher = net.peer_with(1, profile);
    let subscriber = net.peer_with(2, profile);
    net.add_track(publisher, 10, opus(1));
    net.add_forward(subscriber, 20, 10, forward(500, 96));
    (net, publisher, subscriber)
}

#[test]
fn every_profile_carries_a_call() {
    for profile in SrtpProfile::ALL {
        let (mut net, publisher, subscriber) = call(profile);
        for number in 0..50 {
            net.rtp(publisher, &audio_packet(1, number));
            net.pass_millis(20);
        }
        let media = &net.peers[subscriber].media;
        assert_eq!(media.len(), 50);
        for (number, packet) in media.iter().enumerate() {
            assert_eq!(packet.payload, vec![number as u8; 80]);
            assert_eq!((packet.header.ssrc, packet.header.payload_type), (500, 96));
            assert_eq!(packet.index, media[0].index + number as u64);
            assert_eq!(
                packet.header.timestamp,
                media[0].header.timestamp.wrapping_add(number as u32 * 960)
            );
        }
        assert!(net.events.iter().any(|event| matches!(
            event,
            Event::TrackStarted {
                track: TrackId(10),
                layer: 0,
                ssrc: Ssrc(1)
            }
        )));
    }
}

#[test]
fn extensions_are_our_own_or_remapped() {
    let (mut net, publisher, subscriber) = call(SrtpProfile::AeadAes128Gcm);
    for number in 0..3 {
        net.rtp(publisher, &audio_packet(1, number));
        net.pass_millis(20);
    }
    for (number, packet) in net.peers[subscriber].media.iter().enumerate() {
        assert_eq!(packet.extension(5), Some(&b"m1"[..]));
        assert_eq!(
            packet.extension(6),
            Some(&(number as u16).to_be_bytes()[..]),
            "dense per transport"
        );
        assert_eq!(packet.extension(7), Some(&[0x85][..]));
        assert_eq!(packet.extension(SEND_TIME).map(<[u8]>::len), Some(3));
        assert_eq!(packet.extensions.len(), 4);
        assert_eq!(
            (packet.extension(MID), packet.extension(AUDIO_LEVEL)),
            (None, None)
        );
    }
}

#[test]
fn loss_and_order_stay_what_they_were() {
    let (mut net, publisher, subscriber) = call(SrtpProfile::AeadAes128Gcm);
    for number in [0, 1, 4, 3, 5] {
        net.rtp(publisher, &audio_packet(1, number));
    }
    net.rtp(publisher, &audio_packet(1, 3));
    let media = &net.peers[subscriber].media;
    let numbers: Vec<u64> = media.iter().map(|packet| packet.index - media[0].index).collect();
    assert_eq!(numbers, [0, 1, 4, 3, 5]);
}

#[test]
fn padding_only_packets_are_closed_up_and_padding_is_stripped() {
    let (mut net, publisher, subscriber) = call(SrtpProfile::AeadAes128Gcm);
    net.rtp(publisher, &audio_packet(1, 0));
    let mut padding = audio_packet(1, 1);
    padding.payload.clear();
    padding.padding = 200;
    net.rtp(publisher, &padding);
    let mut padded = audio_packet(1, 2);
    padded.padding = 20;
    net.rtp(publisher, &padded);
    let media = &net.peers[subscriber].media;
    assert_eq!(media.len(), 2);
    assert_eq!(media[1].index, media[0].index + 1);
    assert_eq!((media[1].payload.len(), media[1].padding), (80, 0));
}

#[test]
fn a_paused_forward_sends_nothing_and_goes_on_without_a_gap() {
    let (mut net, publisher, subscriber) = call(SrtpProfile::AeadAes128Gcm);
    net.rtp(publisher, &audio_packet(1, 0));
    net.command(Command::PauseForward {
        forward: ForwardId(20),
    });
    net.rtp(publisher, &audio_packet(1, 1));
    net.command(Command::ResumeForward {
        forward: ForwardId(20),
    });
    net.rtp(publisher, &audio_packet(1, 2));
    let media = &net.peers[subscriber].media;
    assert_eq!(media.len(), 2);
    assert_eq!(media[1].index, media[0].index + 1);
    assert_eq!(
        media[1].header.timestamp.wrapping_sub(media[0].header.timestamp),
        1920
    );
}

#[test]
fn an_ssrc_used_again_never_uses_an_index_again() {
    let (mut net, publisher, subscriber) = call(SrtpProfile::AeadAes128Gcm);
    for number in 0..5 {
        net.rtp(publisher, &audio_packet(1, number));
    }
    net.command(Command::RemoveForward {
        forward: ForwardId(20),
    });
    net.add_forward(subscriber, 21, 10, forward(500, 96));
    net.rtp(publisher, &audio_packet(1, 5));
    let indices: Vec<u64> = net.peers[subscriber]
        .media
        .iter()
        .map(|packet| packet.index)
        .collect();
    assert_eq!(indices.len(), 6);
    assert!(indices[5] > indices[4]);
}

#[test]
fn another_ssrc_under_the_same_mid_goes_on_in_time() {
    let (mut net, publisher, subscriber) = call(SrtpProfile::AeadAes128Gcm);
    net.rtp(publisher, &audio_packet(1, 0));
    net.pass_millis(1000);
    let mut other = audio_packet(77, 9000);
    other.extensions.push((MID, b"a".to_vec()));
    net.rtp(publisher, &other);
    net.rtp(publisher, &audio_packet(1, 1));
    let media = &net.peers[subscriber].media;
    assert_eq!(media.len(), 2, "the former SSRC is stale");
    assert_eq!(media[1].index, media[0].index + 1);
    assert_eq!(
        media[1].header.timestamp.wrapping_sub(media[0].header.timestamp),
        48_000
    );
}
