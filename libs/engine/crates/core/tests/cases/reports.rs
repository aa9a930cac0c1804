//! RTCP in both directions.

use rheon_engine_core::{Command, TrackId};
use rheon_engine_wire::rtcp::{Packet, ReportBlock, SenderInfo, XrBlock, packets};

use super::video::call;
use crate::support::{Net, Outgoing, audio_packet, forward, opus, video_packet};

fn sender_report(net: &mut Net, peer: usize, ssrc: u32, ntp: u64, rtp_timestamp: u32) {
    net.rtcp(peer, |writer| {
        writer.sender_report(
            ssrc,
            SenderInfo {
                ntp,
                rtp_timestamp,
                packets: 1,
                octets: 1,
            },
            [],
        );
    });
}

fn sender_reports(net: &Net, peer: usize) -> Vec<(u32, SenderInfo)> {
    let compounds = net.peers[peer].rtcp.iter();
    let reports = compounds
        .flat_map(|compound| packets(compound))
        .filter_map(|packet| match packet {
            Ok(Packet::SenderReport { ssrc, info, .. }) => Some((ssrc, info)),
            _ => None,
        });
    reports.collect()
}

#[test]
fn a_sender_report_keeps_the_publishers_clock_and_comes_with_the_first_packet() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    let joiner = net.peer(3);
    net.rtp(publisher, &video_packet(1, 100, 10, (0, 1), true, 0));
    sender_report(&mut net, publisher, 1, 7 << 32, 30_000);
    net.pass_millis(250);
    net.add_forward(joiner, 30, 10, forward(700, 96));
    net.pass_millis(10);
    let media = &net.peers[joiner].media;
    assert_eq!(media.len(), 1);
    let reports = sender_reports(&net, joiner);
    let [(ssrc, info)] = reports[..] else {
        panic!("{reports:?}")
    };
    assert_eq!(
        (ssrc, info.ntp >> 30, info.packets),
        (700, (7 << 2) + 1, 1),
        "7 s and a quarter"
    );
    // The packet was sampled at 30 000, the report is a quarter of a second later.
    assert_eq!(info.rtp_timestamp.wrapping_sub(media[0].header.timestamp), 22_500);
    assert!(net.count_rtcp(joiner, "SourceDescription") == 1);
    net.rtp(publisher, &video_packet(1, 101, 11, (0, 1), false, 0));
    net.pass_millis(2000);
    assert!(!sender_reports(&net, subscriber).is_empty());
}

#[test]
fn round_trips_come_from_reception_reports() {
    let (mut net, publisher, subscriber) = call(forward(500, 96));
    sender_report(&mut net, publisher, 1, 7 << 32, 0);
    net.rtp(publisher, &video_packet(1, 100, 0, (0, 1), true, 0));
    sender_report(&mut net, publisher, 1, 7 << 32, 0);
    net.rtp(publisher, &video_packet(1, 101, 1, (0, 1), false, 0));
    let (ssrc, info) = sender_reports(&net, subscriber)[0];
    net.pass_millis(80);
    let report = ReportBlock {
        ssrc,
        fraction_lost: 3,
        cumulative_lost: 5,
        highest_sequence: 0,
        jitter: 0,
        last_sender_report: (info.ntp >> 16) as u32,
        delay_since_last: 65_536 / 50,
    };
    net.rtcp(subscriber, |writer| writer.receiver_report(9, [report]));
    let stats = net.worker.stats(net.now);
    let rtt = stats
        .transports
        .iter()
        .map(|transport| transport.round_trip_time_us)
        .max();
    assert!((59_900..60_100).contains(&rtt.unwrap()), "{rtt:?}");
    assert_eq!(stats.forwards[0].packets_lost, 5);
}

#[test]
fn receiver_reports_tell_the_worst_audio_loss_below() {
    let mut net = Net::new();
    let publisher = net.peer(1);
    net.add_track(publisher, 10, opus(1));
    for (peer, fraction_lost) in [(2, 12), (3, 90), (4, 0)] {
        let subscriber = net.peer(peer);
        net.add_forward(subscriber, peer, 10, forward(500, 96));
        let report = ReportBlock {
            ssrc: 500,
            fraction_lost,
            cumulative_lost: 0,
            highest_sequence: 0,
            jitter: 0,
            last_sender_report: 0,
            delay_since_last: 0,
        };
        net.rtcp(subscriber, |writer| writer.receiver_report(9, [report]));
    }
    for number in 0..50 {
        net.rtp(publisher, &audio_packet(1, number));
        net.pass_millis(20);
    }
    let compounds = net.peers[publisher]
        .rtcp
        .iter()
        .flat_map(|compound| packets(compound));
    let blocks: Vec<ReportBlock> = compounds
        .filter_map(|packet| match packet {
            Ok(Packet::ReceiverReport { reports, .. }) => reports.into_iter().next(),
            _ => None,
        })
        .collect();
    assert!(!blocks.is_empty());
    assert!(
        blocks
            .iter()
            .all(|block| block.fraction_lost == 90 && block.ssrc == 1 && block.cumulative_lost == 0)
    );
}

#[test]
fn reference_times_are_answered_and_ours_measures_the_round_trip() {
    let mut net = Net::new();
    let publisher = net.peer(1);
    net.add_track(publisher, 10, opus(1));
    net.rtp(publisher, &audio_packet(1, 0));
    net.rtcp(publisher, |writer| {
        writer.extended_report_rrtr(1, 0x1111_2222_3333_4444);
    });
    net.pass_millis(700);
    let blocks: Vec<_> = net.peers[publisher]
        .rtcp
        .iter()
        .flat_map(|compound| packets(compound))
        .filter_map(|packet| match packet {
            Ok(Packet::ExtendedReport { ssrc, blocks }) => Some((ssrc, blocks.collect::<Vec<_>>())),
            _ => None,
        })
        .collect();
    let reference = blocks.iter().find_map(|(ssrc, blocks)| match blocks[..] {
        [XrBlock::ReferenceTime { ntp }] => Some((*ssrc, ntp)),
        _ => None,
    });
    let answer = blocks.iter().find_map(|(_, blocks)| match &blocks[..] {
        [XrBlock::Dlrr(entries)] => entries.clone().next(),
        _ => None,
    });
    let answer = answer.unwrap();
    assert_eq!((answer.ssrc, answer.last_receiver_report), (1, 0x2222_3333));
    assert!(
        (32_000..33_000).contains(&answer.delay_since_last),
        "half a second: {}",
        answer.delay_since_last
    );

    let (ssrc, ntp) = reference.unwrap();
    let entry = rheon_engine_wire::rtcp::DlrrEntry {
        ssrc,
        last_receiver_report: (ntp >> 16) as u32,
        delay_since_last: 65_536 / 10,
    };
    net.rtcp(publisher, |writer| writer.extended_report_dlrr(1, [entry]));
    let rtt = net.worker.stats(net.now).transports[0].round_trip_time_us;
    assert!(
        (99_000..101_000).contains(&rtt),
        "sent 200 ms ago, held for 100: {rtt}"
    );
}

#[test]
fn transport_wide_feedback_covers_every_number_once() {
    let mut net = Net::new();
    let publisher = net.peer(1);
    net.add_track(publisher, 10, opus(1));
    let numbers: Vec<u64> = (65_400..65_800).filter(|number| number % 7 != 3).collect();
    let mut at = 65_400;
    for number in &numbers {
        net.pass_millis((number - at) * 5);
        at = *number;
        net.rtp(
            publisher,
            &Outgoing {
                index: *number - 60_000,
                ..audio_packet(1, *number)
            },
        );
    }
    net.pass_millis(200);
    let mut next = None;
    let mut received = 0;
    for compound in &net.peers[publisher].rtcp {
        for packet in packets(compound) {
            let Ok(Packet::TransportFeedback(feedback)) = packet else {
                continue;
            };
            for status in feedback.statuses() {
                assert!(next.is_none_or(|next| next == status.sequence));
                next = Some(status.sequence.wrapping_add(1));
                received += usize::from(status.delta.is_some());
            }
        }
    }
    assert_eq!(received, numbers.len());
}

#[test]
fn bye_on_unpublish_and_close() {
    let (mut net, _, subscriber) = call(forward(500, 96));
    net.command(Command::RemoveTrack { track: TrackId(10) });
    assert_eq!(net.count_rtcp(subscriber, "Bye"), 1);
    assert_eq!(net.worker.stats(net.now).tables.forwards, 0);
}
