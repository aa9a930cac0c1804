//! Muted tracks: nothing leaves, nobody is asked for anything, and video goes on at a key frame.

use rheon_engine_core::{Command, TrackId};

use super::video::{call, frame};
use crate::support::{Net, audio_packet, forward, opus};

fn mute(net: &mut Net, muted: bool) {
    let track = TrackId(10);
    net.command(Command::MuteTrack { track, muted });
}

#[test]
fn video_stops_at_once_and_goes_on_at_a_key_frame() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    frame(&mut net, publisher, 100, 0, true);
    assert_eq!(net.peers[subscriber].media.len(), 4);
    mute(&mut net, true);
    for number in 1..40 {
        // Packets lost meanwhile are not asked for.
        frame(&mut net, publisher, 100 + 8 * number, number, number == 5);
        net.pass_millis(33);
    }
    let joiner = net.peer(3);
    net.add_forward(joiner, 30, 10, forward(600, 96));
    net.pass_millis(2000);
    assert_eq!(net.peers[subscriber].media.len(), 4);
    assert!(net.peers[joiner].media.is_empty());
    assert_eq!(net.count_rtcp(publisher, "Nack"), 0);
    assert_eq!(net.count_rtcp(publisher, "Pli"), 0);

    mute(&mut net, false);
    assert_eq!(net.count_rtcp(publisher, "Pli"), 1);
    frame(&mut net, publisher, 1000, 100, false);
    assert_eq!(net.peers[subscriber].media.len(), 4);
    frame(&mut net, publisher, 1004, 101, true);
    let media = &net.peers[subscriber].media;
    assert_eq!(media.len(), 8);
    assert!(media.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
    assert!(media[4].header.timestamp.wrapping_sub(media[3].header.timestamp) < 1 << 31);
    assert_eq!(net.peers[joiner].media.len(), 4);
}

#[test]
fn audio_stops_and_goes_on() {
    let mut net = Net::new();
    let publisher = net.peer(1);
    let subscriber = net.peer(2);
    net.add_track(publisher, 10, opus(1));
    net.add_forward(subscriber, 20, 10, forward(500, 111));
    for number in 0..30 {
        if number % 10 == 0 {
            mute(&mut net, number == 10);
        }
        net.rtp(publisher, &audio_packet(1, number));
        net.pass_millis(20);
    }
    let media = &net.peers[subscriber].media;
    assert_eq!(media.len(), 20);
    assert!(media.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
    let pause = media[10].header.timestamp.wrapping_sub(media[9].header.timestamp);
    assert_eq!(pause, 11 * 960);
}
