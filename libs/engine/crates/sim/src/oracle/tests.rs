//! The oracle accepts a faultless forward and catches every planted fault.

#![allow(clippy::needless_for_each, clippy::semicolon_if_nothing_returned)]

use rheon_engine_wire::rtcp::SenderInfo;

use super::*;
use crate::log::Clock;
use crate::truth::Tag;

const STREAM: u16 = 4;

fn expected(video: bool) -> Expected {
    Expected {
        forward: 1,
        video,
        opaque: false,
        clock_rate: 90_000,
        ssrc: 10,
        payload_type: 96,
        rtx: Some((11, 97)),
        mid: "v".into(),
        mid_id: Some(9),
    }
}

/// 30 frames of three packets each, every one of which reached the engine at its time of departure.
fn faultless() -> (Vec<Record>, Log) {
    let mut log = Log::default();
    let clock = Clock {
        ntp: 100 << 32,
        timestamp: 5_000,
        rate: 90_000,
    };
    log.clock(STREAM, clock);
    // Its first packet comes ahead of its first report.
    log.arrived(0, STREAM, 0);
    log.reported(0, STREAM);
    let records: Vec<_> = (0..90_u32)
        .map(|i| {
            let frame = i / 3;
            let tag = Tag {
                stream: STREAM,
                frame,
                packet: (i % 3) as u8,
                count: 3,
                key: frame == 0,
                base: frame,
                sequence: 65_500 + i,
                timestamp: 5_000 + frame * 3_000,
                ..Tag::default()
            };
            let at = u64::from(frame) * 33_333 + u64::from(i % 3);
            if tag.packet == 0 {
                log.published(at, tag);
            }
            log.arrived(at, STREAM, tag.sequence);
            let ids = Ids {
                picture: Some((32_760 + frame as u16) & 0x7FFF),
                tl0: Some(250_u8.wrapping_add(frame as u8)),
                tid: Some(0),
            };
            let timestamp = tag.timestamp.wrapping_add(u32::MAX - 10_000);
            Record {
                at,
                sequence: 32_000 + u64::from(i),
                timestamp,
                marker: tag.is_last(),
                tag,
                ids,
            }
        })
        .collect();
    (records, log)
}

fn forward(records: &[Record]) -> Forward {
    let mut forward = Forward::new(expected(true), true);
    records.iter().for_each(|record| forward.main(*record));
    forward
}

#[track_caller]
fn caught(records: &[Record], log: &Log, rule: Rule) {
    let faults = forward(records).judge(log);
    assert!(
        faults.iter().any(|fault| fault.rule == rule),
        "{rule:?} not in {faults:?}"
    );
}

/// Faults that planting one change in an otherwise faultless forward gives.
#[track_caller]
fn planted(rule: Rule, plant: impl FnOnce(&mut Vec<Record>)) {
    let (mut records, log) = faultless();
    plant(&mut records);
    caught(&records, &log, rule);
}

#[test]
fn a_faultless_forward_has_no_faults() {
    let (records, log) = faultless();
    assert_eq!(forward(&records).judge(&log), []);
}

#[test]
fn order_of_departure_is_free_as_long_as_numbers_fit() {
    let (mut records, log) = faultless();
    records[30..40].reverse();
    assert_eq!(forward(&records).judge(&log), []);
}

#[test]
fn one_number_twice() {
    planted(Rule::SequenceUsedTwice, |r| r[40].sequence = r[39].sequence);
}

#[test]
fn a_start_in_the_upper_half() {
    planted(Rule::SequenceStart, |r| {
        r.iter_mut().for_each(|r| r.sequence += 30_000)
    });
}

#[test]
fn time_going_back() {
    planted(Rule::TimeWentBack, |r| r[40].timestamp -= 9_000);
}

#[test]
fn a_timestamp_of_two_frames() {
    planted(Rule::TimestampReused, |r| {
        (39..42).for_each(|i| r[i].timestamp = r[38].timestamp)
    });
}

#[test]
fn a_frame_of_two_timestamps() {
    planted(Rule::TimestampReused, |r| r[41].timestamp += 1);
}

#[test]
fn a_stretched_timeline() {
    planted(Rule::TimestampDrift, |r| {
        r[42..].iter_mut().for_each(|r| r.timestamp += 90)
    });
}

#[test]
fn packets_of_a_frame_swapped() {
    planted(Rule::PacketOrder, |r| {
        let tag = r[40].tag;
        r[40].tag = r[39].tag;
        r[39].tag = tag;
    });
}

#[test]
fn a_cut_frame_without_gap() {
    planted(Rule::CutWithoutGap, |r| {
        r.remove(41);
        r[41..].iter_mut().for_each(|r| r.sequence -= 1);
    });
}

#[test]
fn a_cut_frame_with_a_gap_is_right() {
    let (mut records, log) = faultless();
    records.remove(41);
    let faults = forward(&records).judge(&log);
    assert!(
        faults.iter().all(|fault| fault.rule == Rule::Swallowed),
        "{faults:?}"
    );
}

#[test]
fn a_lost_frame_hidden() {
    let (mut records, _) = faultless();
    let mut log = Log::default();
    for (i, record) in records.iter().enumerate() {
        if record.tag.packet == 0 {
            log.published(record.at, record.tag);
        }
        if !(39..42).contains(&i) {
            log.arrived(record.at, STREAM, record.tag.sequence);
        }
    }
    records.drain(39..42);
    assert_eq!(forward(&records).judge(&log), []);
    records[39..].iter_mut().for_each(|r| r.sequence -= 3);
    caught(&records, &log, Rule::HiddenLoss);
}

#[test]
fn a_frame_that_arrived_and_was_not_forwarded() {
    planted(Rule::Swallowed, |r| drop(r.drain(39..42)));
    planted(Rule::Swallowed, |r| {
        r.drain(39..42);
        r[39..].iter_mut().for_each(|r| r.sequence -= 3);
    });
}

#[test]
fn a_gap_without_a_loss() {
    planted(Rule::PhantomGap, |r| {
        r[42..].iter_mut().for_each(|r| r.sequence += 1)
    });
}

#[test]
fn picture_ids_that_jump_stand_or_split_a_frame() {
    planted(Rule::PictureId, |r| {
        r[42..]
            .iter_mut()
            .for_each(|r| r.ids.picture = r.ids.picture.map(|id| (id + 1) & 0x7FFF))
    });
    planted(Rule::PictureId, |r| {
        (42..45).for_each(|i| r[i].ids.picture = r[41].ids.picture)
    });
    planted(Rule::PictureId, |r| r[40].ids.picture = Some(9));
    planted(Rule::PictureId, |r| {
        (42..45).for_each(|i| r[i].ids.picture = None)
    });
}

#[test]
fn tl0_that_stands_jumps_or_goes_back() {
    for step in [255, 1, 100] {
        planted(Rule::Tl0, |r| {
            r[42..]
                .iter_mut()
                .for_each(|r| r.ids.tl0 = r.ids.tl0.map(|tl0| tl0.wrapping_add(step)))
        });
    }
}

#[test]
fn markers_missing_and_added() {
    planted(Rule::Marker, |r| r[41].marker = false);
    planted(Rule::Marker, |r| r[40].marker = true);
}

#[test]
fn a_start_without_key_frame() {
    planted(Rule::StartsOnKeyFrame, |r| drop(r.drain(..3)));
    planted(Rule::StartsOnKeyFrame, |r| drop(r.drain(..1)));
}

#[test]
fn media_while_paused_and_a_resume_without_key_frame() {
    let (records, log) = faultless();
    for (until, rule) in [(60, Rule::PausedForward), (51, Rule::StartsOnKeyFrame)] {
        let mut forward = forward(&records[..51]);
        forward.boundary(records[50].at, BoundaryKind::Paused);
        records[51..until].iter().for_each(|r| forward.main(*r));
        forward.boundary(records[60].at, BoundaryKind::Resumed);
        records[60..].iter().for_each(|r| forward.main(*r));
        assert!(forward.judge(&log).iter().any(|fault| fault.rule == rule));
    }
}

#[test]
fn a_layer_above_the_limit() {
    let (mut records, log) = faultless();
    records[60].tag.tid = 2;
    assert!(forward(&records).judge(&log).is_empty());
    let mut forward = forward(&records[..60]);
    forward.boundary(records[59].at, BoundaryKind::Temporal(1));
    records[60..].iter().for_each(|record| forward.main(*record));
    assert!(
        forward
            .judge(&log)
            .iter()
            .any(|fault| fault.rule == Rule::LayerTooHigh)
    );
}

#[test]
fn retransmissions_are_what_was_sent() {
    let (records, log) = faultless();
    let sent = records[20];
    let number = sent.sequence as u16;
    let mut good = forward(&records);
    (0..3).for_each(|i| good.rtx(7 + i, number, sent));
    assert_eq!(good.judge(&log), []);
    let faults = |plant: &dyn Fn(&mut Forward)| {
        let mut forward = forward(&records);
        plant(&mut forward);
        forward
            .judge(&log)
            .into_iter()
            .map(|fault| fault.rule)
            .collect::<Vec<_>>()
    };
    assert_eq!(faults(&|f| f.rtx(7, number + 200, sent)), [Rule::RtxUnsent]);
    assert_eq!(
        faults(&|f| f.rtx(7, number, Record { timestamp: 1, ..sent })),
        [Rule::RtxUnsent]
    );
    assert_eq!(
        faults(&|f| f.rtx(
            7,
            number,
            Record {
                ids: Ids::default(),
                ..sent
            }
        )),
        [Rule::RtxUnsent]
    );
    assert_eq!(
        faults(&|f| [7, 9].into_iter().for_each(|i| f.rtx(i, number, sent))),
        [Rule::RtxSequence]
    );
    assert_eq!(
        faults(&|f| (7..11).for_each(|i| f.rtx(i, number, sent))),
        [Rule::RtxTooOften]
    );
}

#[test]
fn sender_reports_lie_on_the_forwarded_timeline() {
    let (records, log) = faultless();
    let info = SenderInfo {
        ntp: 101 << 32,
        rtp_timestamp: 95_000_u32.wrapping_add(u32::MAX - 10_000),
        packets: 90,
        octets: 0,
    };
    let faults = |reports: &[SenderInfo]| {
        let mut forward = forward(&records);
        reports
            .iter()
            .for_each(|info| forward.sender_report(5_000_000, *info));
        forward.judge(&log).len()
    };
    assert_eq!(faults(&[info]), 0);
    assert_eq!(
        faults(&[SenderInfo {
            rtp_timestamp: info.rtp_timestamp.wrapping_add(9_000),
            ..info
        }]),
        1
    );
    assert_eq!(faults(&[SenderInfo { packets: 500, ..info }]), 1);
    let earlier = SenderInfo {
        ntp: 100 << 32,
        rtp_timestamp: info.rtp_timestamp.wrapping_sub(90_000),
        ..info
    };
    assert_eq!((faults(&[earlier, info]), faults(&[info, earlier])), (0, 1));
}

#[test]
fn an_index_protects_one_packet() {
    let mut nonces = Nonces::default();
    assert_eq!(nonces.protect(false, 1, 7, b"a"), None);
    assert_eq!(nonces.protect(false, 1, 7, b"a"), None);
    assert_eq!(nonces.protect(true, 1, 7, b"b"), None);
    assert_eq!(nonces.protect(false, 2, 7, b"b"), None);
    assert_eq!(
        nonces.protect(false, 1, 7, b"b").map(|fault| fault.rule),
        Some(Rule::NonceReused)
    );
}

#[test]
fn transport_wide_numbers_are_dense() {
    let mut wide = TransportCc::default();
    assert!(
        [65_534, 65_535, 0, 1]
            .into_iter()
            .all(|number| wide.sent(number).is_none())
    );
    assert!(wide.sent(3).is_some());
    assert!(wide.sent(3).is_some());
}

#[test]
fn runs_are_what_the_kernel_takes() {
    assert_eq!(segments(&[0; 250], 100).map(|s| s.len()), Ok(3));
    assert_eq!(segments(&[0; 100], 100).map(|s| s.len()), Ok(1));
    for (length, segment) in [(0, 1), (10, 0), (10, 11), (65 * 10, 10), (65_520, 1_400)] {
        assert!(segments(&vec![0; length], segment).is_err(), "{length} {segment}");
    }
}

#[test]
fn requests_to_publishers_are_spaced() {
    let mut upstream = Upstream::new(30_000);
    assert!(upstream.key_frame(0, 1).is_none() && upstream.key_frame(1, 2).is_none());
    assert!(upstream.key_frame(500_000, 1).is_none() && upstream.key_frame(999_999, 1).is_some());
    assert!(upstream.nack(0, 1, 5).is_none() && upstream.nack(1, 1, 6).is_none());
    assert!(upstream.nack(30_000, 1, 5).is_none() && upstream.nack(40_000, 1, 5).is_some());
}
