//! Simulcast: choosing among layers that come and go, and changing from one to another.

use rheon_engine_core::{Command, Encoding, ForwardId, ForwardStats, Ssrc, TrackParameters};
use rheon_engine_wire::rtcp::SenderInfo;
use rheon_engine_wire::vp8::Descriptor;

use crate::support::{Net, Outgoing, forward, video_packet, vp8};

const RID: u8 = 10;
const REPAIRED_RID: u8 = 11;

/// Three layers under SSRCs 1, 3 and 5, RTX under 2, 4 and 6.
struct Call {
    net: Net,
    publisher: usize,
    subscriber: usize,
    frame: u64,
    live: [bool; 3],
    key: [bool; 3],
}

fn track(by_rid: bool) -> TrackParameters {
    let encodings = (0..3).map(|layer| Encoding {
        ssrc: (!by_rid).then_some(Ssrc(1 + 2 * layer)),
        rtx_ssrc: (!by_rid).then_some(Ssrc(2 + 2 * layer)),
        rid: by_rid.then(|| format!("r{layer}")),
    });
    let mut track = TrackParameters {
        encodings: encodings.collect(),
        ..vp8(1)
    };
    track.extensions.rid = Some(RID);
    track.extensions.repaired_rid = Some(REPAIRED_RID);
    track
}

impl Call {
    fn new() -> Self {
        let mut net = Net::new();
        let publisher = net.peer(1);
        let subscriber = net.peer(2);
        net.add_track(publisher, 10, track(false));
        net.add_forward(subscriber, 20, 10, forward(500, 96));
        Self {
            net,
            publisher,
            subscriber,
            frame: 0,
            live: [true; 3],
            key: [true; 3],
        }
    }

    /// A packet of two of a frame. Layers count sequence numbers and time from other values.
    fn packet(&self, layer: u64, part: u64) -> Outgoing {
        let frame = self.frame;
        let key = self.key[layer as usize];
        let index = 1000 * (layer + 1) + 2 * frame + part;
        let mut packet = video_packet(1 + 2 * layer as u32, index, frame, (part, 2), key, 0);
        packet.timestamp = packet.timestamp.wrapping_add(0x7000_0000 * layer as u32);
        packet.payload[20] = layer as u8;
        packet
    }

    fn run(&mut self, frames: u64) {
        for _ in 0..frames {
            for layer in 0..3 {
                if self.live[layer as usize] {
                    for part in 0..2 {
                        let packet = self.packet(layer, part);
                        self.net.rtp(self.publisher, &packet);
                    }
                    self.key[layer as usize] = false;
                }
            }
            self.frame += 1;
            self.net.pass_millis(33);
            self.net.pass(std::time::Duration::from_micros(333));
        }
    }

    fn limit(&mut self, spatial: u8) {
        let forward = ForwardId(20);
        self.net.command(Command::SetLayers {
            forward,
            spatial,
            temporal: 7,
        });
    }

    fn stats(&self) -> ForwardStats {
        self.net.worker.stats(self.net.now).forwards[0].clone()
    }

    fn requests(&self, ssrc: u32) -> usize {
        let texts = self.net.rtcp_texts(self.publisher);
        let media = format!("media: {ssrc} ");
        texts
            .iter()
            .filter(|text| text.starts_with("Ok(Pli") && text.contains(&media))
            .count()
    }

    /// Layers of the packets sent, and whether the stream is one that any receiver takes.
    fn sent(&self) -> Vec<u8> {
        let media: Vec<_> = self.net.peers[self.subscriber]
            .media
            .iter()
            .filter(|packet| packet.header.ssrc == 500)
            .collect();
        for pair in media.windows(2) {
            let step = pair[1].index - pair[0].index;
            assert_eq!(
                step,
                if pair[0].header.marker {
                    1
                } else {
                    step.clamp(1, 2)
                }
            );
            let ticks = pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp);
            assert!(
                ticks < 200_000,
                "time went from {:?} to {:?}",
                pair[0].header,
                pair[1].header
            );
            let ids = [0, 1].map(|at| Descriptor::parse(&pair[at].payload).unwrap());
            let pictures = ids[1]
                .picture_id
                .unwrap()
                .wrapping_sub(ids[0].picture_id.unwrap())
                & 0x7fff;
            assert_eq!(u32::from(pictures), u32::from(ticks > 0));
            let changed = pair[0].payload[20] != pair[1].payload[20];
            assert!(!changed || ids[1].key_frame);
        }
        media.iter().map(|packet| packet.payload[20]).collect()
    }
}

#[test]
fn the_highest_layer_is_reached_from_the_first_key_frames_without_asking() {
    let mut call = Call::new();
    call.run(5);
    assert_eq!(call.sent().last(), Some(&2));
    assert_eq!(call.net.count_rtcp(call.publisher, "Pli"), 0);
    assert_eq!(
        (call.stats().spatial, call.stats().layer_reason),
        (2, "preferred")
    );
}

#[test]
fn a_change_waits_for_a_key_frame_of_the_wished_layer_alone() {
    let mut call = Call::new();
    call.run(60);
    call.limit(0);
    assert_eq!((call.requests(1), call.requests(3), call.requests(5)), (1, 0, 0));
    call.run(4);
    assert_eq!(
        (call.stats().spatial, call.stats().layer_reason),
        (2, "waiting-key-frame")
    );
    assert_eq!(call.sent().last(), Some(&2));
    call.key[0] = true;
    call.run(10);
    assert_eq!(
        (call.stats().spatial, call.stats().layer_reason),
        (0, "preferred")
    );
    assert_eq!(call.sent().last(), Some(&0));
    // Wished again and given up again: nobody waits, nobody is asked.
    call.run(30);
    call.limit(1);
    call.limit(0);
    call.run(60);
    assert_eq!((call.requests(1), call.requests(3), call.requests(5)), (1, 1, 0));
}

#[test]
fn a_fresh_key_frame_of_the_ring_is_switched_to_at_once() {
    let mut call = Call::new();
    call.limit(0);
    call.run(60);
    call.key[2] = true;
    call.run(8);
    let before = call.net.peers[call.subscriber].media.len();
    call.limit(2);
    call.net.pass_millis(6);
    assert_eq!(call.net.count_rtcp(call.publisher, "Pli"), 0);
    let sent = call.sent();
    assert_eq!(sent[before..], [2; 16]);
    call.run(120);
    assert_eq!(call.stats().spatial, 2);
    // Frames of the ring came close together; time is the publisher's again.
    let media = &call.net.peers[call.subscriber].media;
    let ticks = media[media.len() - 1]
        .header
        .timestamp
        .wrapping_sub(media[1].header.timestamp);
    let frames = call.frame - 1;
    assert!(
        ticks.abs_diff(3000 * frames as u32) <= 9,
        "{ticks} in {frames} frames"
    );
}

#[test]
fn a_layer_that_vanishes_is_left_and_taken_again_when_it_is_back() {
    let mut call = Call::new();
    call.run(60);
    call.live[2] = false;
    call.run(18);
    assert_eq!((call.requests(3), call.requests(5)), (1, 0));
    call.key[1] = true;
    call.run(30);
    assert_eq!(
        (call.stats().spatial, call.stats().layer_reason),
        (1, "not-received")
    );
    call.live[2] = true;
    call.key[2] = true;
    call.run(2);
    assert_eq!(
        (call.stats().spatial, call.stats().layer_reason),
        (2, "preferred")
    );
    assert_eq!((call.requests(3), call.requests(5)), (1, 0));
    assert_eq!(call.sent().last(), Some(&2));
}

#[test]
fn sender_reports_align_the_layers() {
    let mut call = Call::new();
    call.limit(0);
    call.run(60);
    let ntp = 0x1234_0000_0000_0000_u64;
    let timestamp = call.packet(0, 0).timestamp;
    for (ssrc, timestamp, ntp) in [
        (1, timestamp, ntp),
        // Half a second later, by which this layer's clock is a second further: it is sampled half a second late.
        (
            5,
            call.packet(2, 0).timestamp.wrapping_add(90_000),
            ntp + (1 << 31),
        ),
    ] {
        call.net.rtcp(call.publisher, |writer| {
            let info = SenderInfo {
                ntp,
                rtp_timestamp: timestamp,
                packets: 1,
                octets: 1,
            };
            writer.sender_report(ssrc, info, []);
        });
    }
    call.run(1);
    call.limit(2);
    call.key[2] = true;
    let before = call.net.peers[call.subscriber].media.len();
    call.run(60);
    let media = &call.net.peers[call.subscriber].media;
    let end = media[media.len() - 1].header.timestamp;
    // The first frame brought the former layer too.
    let frames = (media.len() - before) as u32 / 2 - 1;
    let ticks = end.wrapping_sub(media[before - 1].header.timestamp);
    assert_eq!(ticks, (3000 * frames).wrapping_sub(45_000));
    call.sent();
}

#[test]
fn packets_ahead_of_their_key_frames_first_are_kept() {
    let mut call = Call::new();
    call.limit(0);
    call.run(60);
    call.limit(2);
    call.key[2] = true;
    let before = call.net.peers[call.subscriber].media.len();
    let (first, second) = (call.packet(2, 0), call.packet(2, 1));
    call.net.rtp(call.publisher, &second);
    call.net.rtp(call.publisher, &first);
    call.net.pass_millis(6);
    assert_eq!(call.sent()[before..], [2, 2]);
}

#[test]
fn retransmissions_after_a_change_carry_what_was_sent() {
    let mut call = Call::new();
    call.limit(0);
    call.run(10);
    let lost = call.net.peers[call.subscriber].media.last().unwrap().clone();
    call.limit(2);
    call.key[2] = true;
    call.run(3);
    call.net.rtcp(call.subscriber, |writer| {
        writer.nack(1, 500, [lost.header.sequence]);
    });
    let again = call.net.peers[call.subscriber].media.last().unwrap();
    assert_eq!(again.header.ssrc, 501);
    assert_eq!(again.header.timestamp, lost.header.timestamp);
    assert_eq!(again.payload[2..], lost.payload);
}

#[test]
fn layers_are_told_by_rid_and_stay_known_when_it_is_no_longer_sent() {
    let mut net = Net::new();
    let publisher = net.peer(1);
    let subscriber = net.peer(2);
    net.add_track(publisher, 10, track(true));
    net.add_forward(subscriber, 20, 10, forward(500, 96));
    for frame in 0..5 {
        for layer in 0..3u32 {
            let mut packet = video_packet(70 + layer, 100 + frame, frame, (0, 1), frame == 0, 0);
            if frame == 0 {
                packet.extensions.push((RID, format!("r{layer}").into_bytes()));
            }
            packet.payload[20] = layer as u8;
            // The highest layer loses a packet, which comes back by RTX that tells the layer by its repaired rid.
            if (layer, frame) == (2, 2) {
                continue;
            }
            net.rtp(publisher, &packet);
        }
        net.pass_millis(33);
    }
    let mut repair = video_packet(99, 7, 2, (0, 1), false, 0);
    repair.payload_type = 97;
    repair.payload[20] = 2;
    repair.payload.splice(0..0, 102u16.to_be_bytes());
    repair.extensions = vec![(1, b"v".to_vec()), (REPAIRED_RID, b"r2".to_vec())];
    net.rtp(publisher, &repair);
    let stats = net.worker.stats(net.now);
    let of: Vec<_> = stats
        .layers
        .iter()
        .map(|it| (it.layer, it.packets, it.packets_recovered))
        .collect();
    assert_eq!(of, [(0, 5, 0), (1, 5, 0), (2, 5, 1)]);
    assert_eq!(net.peers[subscriber].media.last().unwrap().payload[20], 2);
}
