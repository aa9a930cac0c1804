use super::*;
use crate::testing::{Random, hex};

fn write(body: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    body(&mut Writer::new(&mut out));
    assert_eq!(out.len() % 4, 0);
    out
}

fn only(compound: &[u8]) -> Packet<'_> {
    let mut all = packets(compound);
    let packet = all.next().expect("a packet").expect("well-formed");
    assert!(all.next().is_none());
    packet
}

fn block(random: &mut Random) -> ReportBlock {
    ReportBlock {
        ssrc: random.next() as u32,
        fraction_lost: random.next() as u8,
        cumulative_lost: i32::from_be_bytes(array(&random.bytes(4), 0).expect("4 bytes")) >> 8,
        highest_sequence: random.next() as u32,
        jitter: random.next() as u32,
        last_sender_report: random.next() as u32,
        delay_since_last: random.next() as u32,
    }
}

const INFO: SenderInfo = SenderInfo {
    ntp: 0x0123_4567_89ab_cdef,
    rtp_timestamp: 0xaabb_ccdd,
    packets: 17,
    octets: 1900,
};

#[test]
fn sender_report_on_the_wire() {
    let report = ReportBlock {
        ssrc: 0xbc5e_9a40,
        fraction_lost: 3,
        cumulative_lost: -2,
        highest_sequence: 0x0001_0009,
        jitter: 7,
        last_sender_report: 8,
        delay_since_last: 9,
    };
    let out = write(|writer| writer.sender_report(1, INFO, [report]));
    let expected = "81c8000c 00000001 01234567 89abcdef aabbccdd 00000011 0000076c
                    bc5e9a40 03fffffe 00010009 00000007 00000008 00000009";
    assert_eq!(out, hex(expected));
}

#[test]
fn reports_round_trip() {
    let mut random = Random(1);
    for count in 0..=31 {
        let blocks: Vec<_> = (0..count).map(|_| block(&mut random)).collect();
        let out = write(|writer| writer.receiver_report(5, blocks.iter().copied()));
        let Packet::ReceiverReport { ssrc: 5, reports } = only(&out) else {
            panic!("not the report")
        };
        assert_eq!(reports.len(), count);
        assert!(reports.eq(blocks.iter().copied()));
        let out = write(|writer| writer.sender_report(6, INFO, blocks.iter().copied()));
        let Packet::SenderReport {
            ssrc: 6,
            info: INFO,
            reports,
        } = only(&out)
        else {
            panic!("not the report")
        };
        assert!(reports.eq(blocks));
    }
    let many = write(|writer| writer.receiver_report(5, vec![block(&mut random); 40]));
    assert!(matches!(only(&many), Packet::ReceiverReport { reports, .. } if reports.len() == 31));
}

#[test]
fn cumulative_loss_is_clamped() {
    for (lost, expected) in [(i32::MAX, 0x7f_ffff), (i32::MIN, -0x80_0000), (-1, -1)] {
        let report = ReportBlock {
            cumulative_lost: lost,
            ..block(&mut Random(2))
        };
        let out = write(|writer| writer.receiver_report(5, [report]));
        let Packet::ReceiverReport { mut reports, .. } = only(&out) else {
            panic!("not the report")
        };
        assert_eq!(
            reports.next().map(|report| report.cumulative_lost),
            Some(expected)
        );
    }
}

#[test]
fn source_descriptions_round_trip() {
    for len in 0..=300 {
        let name = "é".repeat(len / 2) + if len % 2 == 1 { "a" } else { "" };
        let out = write(|writer| writer.source_description(77, &name));
        let Packet::SourceDescription(items) = only(&out) else {
            panic!("not the description")
        };
        let items: Vec<_> = items.collect();
        let [
            SdesItem {
                ssrc: 77,
                item_type: SDES_CNAME,
                text,
            },
        ] = items[..]
        else {
            panic!("not one item")
        };
        assert!(name.as_bytes().starts_with(text));
        assert!(std::str::from_utf8(text).is_ok());
        assert_eq!(text.len(), if len <= 255 { len } else { 254 });
    }
}

#[test]
fn several_chunks_and_items_are_read() {
    // Two chunks: one full to the boundary (so that a whole word of nulls follows), one with two items.
    let out = hex("82ca0007 00000001 01026162 00000000 00000002 01016306 02646500 00000000");
    let Packet::SourceDescription(items) = only(&out) else {
        panic!("not the description")
    };
    let items: Vec<_> = items.map(|item| (item.ssrc, item.item_type, item.text)).collect();
    assert_eq!(items, [(1, 1, &b"ab"[..]), (2, 1, b"c"), (2, 6, b"de")]);
}

#[test]
fn bye_round_trips() {
    let out = write(|writer| writer.bye([4, 5]));
    assert_eq!(out, hex("82cb0002 00000004 00000005"));
    let Packet::Bye { sources } = only(&out) else {
        panic!("not the BYE")
    };
    assert_eq!(sources.collect::<Vec<_>>(), [4, 5]);
    // A reason for leaving may follow.
    assert!(
        matches!(only(&hex("81cb0002 00000004 03627965")), Packet::Bye { sources } if sources.len() == 1)
    );
}

#[test]
fn nack_round_trips() {
    let mut random = Random(3);
    for _ in 0..2000 {
        let mut sequence = random.next() as u16;
        let mut lost = Vec::new();
        for _ in 0..=random.below(60) {
            lost.push(sequence);
            let spread = [2, 5, 40][random.below(3)];
            sequence = sequence.wrapping_add(1 + random.below(spread) as u16);
        }
        let out = write(|writer| writer.nack(1, 2, lost.iter().copied()));
        let Packet::Nack {
            sender: 1,
            media: 2,
            items,
        } = only(&out)
        else {
            panic!("not the NACK")
        };
        assert_eq!(items.collect::<Vec<_>>(), lost);
    }
    let full = write(|writer| writer.nack(1, 2, 65_530..=65_535));
    assert_eq!(full, hex("81cd0003 00000001 00000002 fffa001f"));
    let spread = write(|writer| writer.nack(1, 2, [10, 26, 10, 27]));
    assert_eq!(spread, hex("81cd0004 00000001 00000002 000a8000 001b0000"));
    assert!(write(|writer| writer.nack(1, 2, [])).is_empty());
    let bounded = write(|writer| writer.nack(1, 2, (0..3000).map(|i: u16| i * 20)));
    assert_eq!(bounded.len(), 12 + 4 * 1024);
}

#[test]
fn key_frame_requests_round_trip() {
    let out = write(|writer| writer.pli(1, 2));
    assert_eq!(out, hex("81ce0002 00000001 00000002"));
    assert_eq!(only(&out), Packet::Pli { sender: 1, media: 2 });
    let entries = [
        FirEntry {
            ssrc: 7,
            sequence: 200,
        },
        FirEntry { ssrc: 8, sequence: 1 },
    ];
    let out = write(|writer| writer.fir(1, entries));
    assert_eq!(
        out,
        hex("84ce0006 00000001 00000000 00000007 c8000000 00000008 01000000")
    );
    let Packet::Fir {
        sender: 1,
        entries: read,
    } = only(&out)
    else {
        panic!("not the FIR")
    };
    assert!(read.eq(entries));
}

#[test]
fn remb_round_trips() {
    for bitrate in [0, 1, 0x3_ffff, 0x4_0000, 2_500_000, u64::MAX] {
        let out = write(|writer| writer.remb(1, bitrate, &[5, 6, 7]));
        let Packet::Remb {
            sender: 1,
            bitrate: read,
            sources,
        } = only(&out)
        else {
            panic!("not the REMB")
        };
        assert_eq!(sources.collect::<Vec<_>>(), [5, 6, 7]);
        assert!(
            read <= bitrate && bitrate - read <= bitrate >> 17,
            "{bitrate} became {read}"
        );
    }
    // Exponent 63 with a mantissa above 1 is more than 64 bits hold.
    let huge = hex("8fce0005 00000001 00000000 52454d42 01ffffff 00000005");
    assert!(matches!(
        only(&huge),
        Packet::Remb {
            bitrate: u64::MAX,
            ..
        }
    ));
    assert_eq!(
        packets(&hex("8fce0005 00000001 00000000 52454d42 02ffffff 00000005")).next(),
        Some(Err(RtcpError::TooShort))
    );
}

#[test]
fn extended_reports_round_trip() {
    let out = write(|writer| writer.extended_report_rrtr(9, INFO.ntp));
    assert_eq!(out, hex("80cf0004 00000009 04000002 01234567 89abcdef"));
    let Packet::ExtendedReport { ssrc: 9, blocks } = only(&out) else {
        panic!("not the report")
    };
    assert_eq!(
        blocks.collect::<Vec<_>>(),
        [XrBlock::ReferenceTime { ntp: INFO.ntp }]
    );
    let entries = [1, 2].map(|ssrc| DlrrEntry {
        ssrc,
        last_receiver_report: 3,
        delay_since_last: 4,
    });
    let out = write(|writer| writer.extended_report_dlrr(9, entries));
    let Packet::ExtendedReport { ssrc: 9, mut blocks } = only(&out) else {
        panic!("not the report")
    };
    let Some(XrBlock::Dlrr(read)) = blocks.next() else {
        panic!("not the block")
    };
    assert!(read.eq(entries));
    // An unknown block is stepped over; one that leaves the packet ends the list.
    let mixed = hex("80cf0006 00000009 01000001 00000000 04000002 01234567 89abcdef");
    let Packet::ExtendedReport { blocks, .. } = only(&mixed) else {
        panic!("not the report")
    };
    let expected = [
        XrBlock::Other { block_type: 1 },
        XrBlock::ReferenceTime { ntp: INFO.ntp },
    ];
    assert_eq!(blocks.collect::<Vec<_>>(), expected);
    let cut = hex("80cf0002 00000009 04000002");
    let Packet::ExtendedReport { blocks, .. } = only(&cut) else {
        panic!("not the report")
    };
    assert_eq!(blocks.count(), 0);
}

fn feedback(base: u16, statuses: &[Option<i16>]) -> Vec<u8> {
    write(|writer| writer.transport_feedback(1, 2, base, -3, 200, statuses.iter().copied()))
}

fn check_feedback(base: u16, statuses: &[Option<i16>]) -> usize {
    let out = feedback(base, statuses);
    let Packet::TransportFeedback(read) = only(&out) else {
        panic!("not the feedback")
    };
    assert_eq!((read.sender, read.media, read.base_sequence), (1, 2, base));
    assert_eq!((read.reference_time, read.feedback_count), (-3, 200));
    assert_eq!(usize::from(read.status_count), statuses.len());
    let mut sequence = base;
    let mut all = read.statuses();
    for delta in statuses {
        assert_eq!(
            all.next(),
            Some(PacketStatus {
                sequence,
                delta: *delta
            })
        );
        sequence = sequence.wrapping_add(1);
    }
    assert_eq!(all.next(), None);
    out.len()
}

#[test]
fn transport_feedback_chunks_on_the_wire() {
    let head = |words: &str| format!("8fcd{words} 00000001 00000002");
    // A run of small deltas.
    let run = feedback(5, &[Some(4); 3]);
    assert_eq!(
        run,
        hex(&(head("0006") + "0005 0003 fffffd c8 2003 040404 000000"))
    );
    // A one-bit vector, cut at the end.
    let bits = feedback(
        5,
        &[Some(1), None, None, Some(2), None, None, None, Some(3), None],
    );
    assert_eq!(
        bits,
        hex(&(head("0006") + "0005 0009 fffffd c8 a440 010203 000000"))
    );
    // A two-bit vector: symbols 1 0 2, the large delta negative.
    let pairs = feedback(5, &[Some(255), None, Some(-2)]);
    assert_eq!(
        pairs,
        hex(&(head("0006") + "0005 0003 fffffd c8 d200 fffffe 000000"))
    );
    // A long run of lost packets between two received ones.
    let mut gap = vec![None; 9000];
    gap[0] = Some(1);
    gap[8999] = Some(256);
    check_feedback(65_000, &gap);
}

#[test]
fn transport_feedback_round_trips() {
    let mut random = Random(4);
    for _ in 0..3000 {
        let limit = [1, 20, 200, 2000][random.below(4)];
        let len = random.below(limit) + random.below(2);
        let (lost, large, stay) = (random.below(5), random.below(5), random.below(20) + 1);
        let mut symbol = 0;
        let statuses: Vec<_> = (0..len)
            .map(|_| {
                if random.below(stay) == 0 {
                    symbol = if random.below(5) < lost {
                        0
                    } else {
                        1 + usize::from(random.below(5) < large)
                    };
                }
                match symbol {
                    0 => None,
                    1 => Some(i16::from(random.next() as u8)),
                    _ => Some(i16::from_be_bytes(array(&random.bytes(2), 0).expect("2 bytes"))),
                }
            })
            .collect();
        let deltas: usize = statuses
            .iter()
            .flatten()
            .map(|delta| if (0..256).contains(delta) { 1 } else { 2 })
            .sum();
        let size = check_feedback(random.next() as u16, &statuses);
        // Never worse than two-bit vectors all through.
        assert!(size <= 20 + len.div_ceil(7) * 2 + deltas + 3);
    }
    check_feedback(0, &vec![Some(-1); 65_535]);
    check_feedback(0, &[]);
}

#[test]
fn transport_feedback_is_checked() {
    let head = "0005 0003 fffffd c8";
    let parse = |tail: &str| {
        let mut out = hex(&("8fcd0005 00000001 00000002".to_owned() + head + tail));
        out.resize(24, 0);
        packets(&out).next().map(|packet| packet.is_ok())
    };
    assert_eq!(parse("2003 0101"), Some(false), "a delta is missing");
    assert_eq!(
        parse("2002 8000"),
        Some(false),
        "two chunks leave no room for two deltas"
    );
    assert_eq!(parse("6003 0000"), Some(false), "the reserved symbol");
    assert_eq!(parse("0000 0003"), Some(true), "an empty run");
    assert_eq!(parse("0000 0002"), Some(false), "statuses are missing");
}

#[test]
fn framing_errors_end_the_iteration() {
    let errors = |bytes: &[u8]| packets(bytes).map(Result::err).collect::<Vec<_>>();
    assert_eq!(errors(&[]), []);
    assert_eq!(errors(&[0x80, 200, 0]), [Some(RtcpError::TooShort)]);
    assert_eq!(errors(&hex("80c90002 00000001")), [Some(RtcpError::TooShort)]);
    assert_eq!(errors(&hex("40c90001 00000001")), [Some(RtcpError::Version)]);
    let two = hex("80c90001 00000001 81c90001 00000001 81ce0002 00000001 00000002");
    assert_eq!(errors(&two), [None, Some(RtcpError::TooShort), None]);
}

#[test]
fn padding_is_stripped() {
    let padded = hex("a1ce0003 00000001 00000002 00000004");
    assert_eq!(only(&padded), Packet::Pli { sender: 1, media: 2 });
    for count in ["00", "0d", "ff"] {
        let bad = hex(&format!("a1ce0003 00000001 00000002 000000{count}"));
        assert_eq!(packets(&bad).next(), Some(Err(RtcpError::Padding)));
    }
    assert_eq!(packets(&hex("a0c90000")).next(), Some(Err(RtcpError::Padding)));
}

#[test]
fn other_packets_are_named() {
    assert_eq!(
        only(&hex("85cc0000")),
        Packet::Other {
            packet_type: 204,
            count: 5
        }
    );
    assert_eq!(
        only(&hex("8fce0003 00000001 00000000 41424344")),
        Packet::Other {
            packet_type: 206,
            count: 15
        }
    );
}

/// Walks everything a packet gives.
fn walk(bytes: &[u8]) -> usize {
    packets(bytes)
        .flatten()
        .map(|packet| match packet {
            Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports, .. } => reports.count(),
            Packet::SourceDescription(items) => items.map(|item| item.text.len()).sum(),
            Packet::Bye { sources } | Packet::Remb { sources, .. } => sources.count(),
            Packet::Nack { items, .. } => items.count(),
            Packet::Fir { entries, .. } => entries.count(),
            Packet::TransportFeedback(feedback) => {
                let count = feedback.statuses().count();
                assert_eq!(count, usize::from(feedback.status_count));
                count
            }
            Packet::ExtendedReport { blocks, .. } => blocks
                .map(|block| {
                    if let XrBlock::Dlrr(entries) = block {
                        entries.count()
                    } else {
                        1
                    }
                })
                .sum(),
            Packet::Pli { .. } | Packet::Other { .. } => 1,
        })
        .sum()
}

#[test]
fn mutated_packets_never_panic() {
    let mut random = Random(5);
    let seed = write(|writer| {
        writer.sender_report(1, INFO, [block(&mut Random(6)); 2]);
        writer.source_description(1, "name@host");
        writer.nack(1, 2, [1, 5, 9, 40]);
        writer.transport_feedback(
            1,
            2,
            3,
            4,
            5,
            [
                Some(1),
                None,
                Some(-5),
                Some(300),
                None,
                None,
                None,
                None,
                Some(2),
            ],
        );
        writer.fir(1, [FirEntry { ssrc: 2, sequence: 3 }]);
        writer.remb(1, 1_000_000, &[2]);
        writer.extended_report_rrtr(1, 2);
        writer.extended_report_dlrr(
            1,
            [DlrrEntry {
                ssrc: 1,
                last_receiver_report: 2,
                delay_since_last: 3,
            }],
        );
        writer.bye([1]);
    });
    let starts: Vec<usize> = {
        let mut at = 0;
        std::iter::from_fn(|| {
            let start = at;
            at += 4 + 4 * usize::from(u16::from_be_bytes(array(&seed, at + 2)?));
            Some(start)
        })
        .collect()
    };
    assert_eq!(starts.len(), 9);
    for _ in 0..200_000 {
        let mut bytes = seed[starts[random.below(9)]..].to_vec();
        random.mutate(&mut bytes);
        walk(&bytes);
    }
    for _ in 0..100_000 {
        let len = random.below(64);
        let mut bytes = random.bytes(len);
        if let [first, packet_type, l0, l1, ..] = &mut bytes[..] {
            (*first, *packet_type) = (0x80 | *first & 0x3f, 200 + *packet_type % 8);
            (*l0, *l1) = (0, *l1 % 16);
        }
        walk(&bytes);
    }
}

/// Feedback as browsers send it: padded, the padding counted in the last byte.
#[test]
fn transport_feedback_of_browsers() {
    let run = hex("afcd0005 fa17fa17 43032fa0 00990001 3de80217 20019401");
    let Packet::TransportFeedback(feedback) = only(&run) else {
        panic!("not the feedback")
    };
    assert_eq!((feedback.sender, feedback.media), (0xfa17_fa17, 0x4303_2fa0));
    assert_eq!(
        (feedback.reference_time, feedback.feedback_count),
        (4_057_090, 23)
    );
    let statuses: Vec<_> = feedback.statuses().collect();
    assert_eq!(
        statuses,
        [PacketStatus {
            sequence: 153,
            delta: Some(148)
        }]
    );
    let vector = hex("afcd0006 fa17fa17 193dd8bb 01740002 45b15a40 d800f0ff d0000003");
    let Packet::TransportFeedback(feedback) = only(&vector) else {
        panic!("not the feedback")
    };
    assert_eq!(
        (feedback.reference_time, feedback.feedback_count),
        (4_567_386, 64)
    );
    let statuses: Vec<_> = feedback
        .statuses()
        .map(|status| (status.sequence, status.delta))
        .collect();
    assert_eq!(statuses, [(372, Some(240)), (373, Some(-48))]);
}
