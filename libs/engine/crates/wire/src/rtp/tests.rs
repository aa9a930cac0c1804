use super::*;
use crate::bytes::put;
use crate::testing::Random;

fn writer() -> HeaderWriter {
    HeaderWriter {
        payload_type: 111,
        marker: true,
        padding: false,
        sequence: 0xfffe,
        timestamp: 0x0102_0304,
        ssrc: 0xdead_beef,
    }
}

fn round_trip(extensions: &[(u8, &[u8])]) -> (Vec<u8>, RtpHeader) {
    let mut out = vec![0xaa; 600];
    let len = writer()
        .write(&mut out, extensions.iter().copied())
        .expect("fits");
    assert_eq!(HeaderWriter::len(extensions.iter().copied()), Ok(len));
    out.truncate(len);
    out.extend_from_slice(b"payload");
    let header = RtpHeader::parse(&out).expect("parses");
    assert_eq!(header.len, len);
    let read: Vec<_> = header.extensions(&out).collect();
    assert_eq!(read, extensions);
    (out, header)
}

#[test]
fn plain_header_round_trips() {
    let (packet, header) = round_trip(&[]);
    assert_eq!(packet.get(..2), Some(&[0x80, 0xef][..]));
    assert_eq!(
        (header.payload_type, header.marker, header.padding),
        (111, true, false)
    );
    assert_eq!(
        (header.sequence, header.timestamp, header.ssrc),
        (0xfffe, 0x0102_0304, 0xdead_beef)
    );
    assert_eq!(header.payload(&packet), Ok(12..19));
}

#[test]
fn one_byte_form_is_used_when_everything_fits() {
    let (packet, _) = round_trip(&[(1, &[7]), (14, &[9; 16]), (3, b"mid")]);
    assert_eq!(packet.get(12..16), Some(&[0xbe, 0xde, 0, 6][..]));
}

#[test]
fn two_byte_form_is_used_when_needed() {
    for extensions in [
        &[(15, &[1u8][..]), (1, &[2])][..],
        &[(1, &[0; 17])],
        &[(4, &[])],
        &[(255, &[3; 255])],
    ] {
        let (packet, _) = round_trip(extensions);
        assert_eq!(packet.get(12..14), Some(&[0x10, 0x00][..]));
    }
}

#[test]
fn impossible_extensions_are_refused() {
    let mut out = [0; 600];
    assert_eq!(
        writer().write(&mut out, [(0, &[1u8][..])]),
        Err(RtpError::Extension)
    );
    assert_eq!(
        writer().write(&mut out, [(1, &[1u8; 256][..])]),
        Err(RtpError::Extension)
    );
    assert_eq!(
        writer().write(&mut out[..19], [(1, &[1u8][..])]),
        Err(RtpError::NoRoom)
    );
    assert_eq!(writer().write(&mut out[..11], []), Err(RtpError::NoRoom));
}

#[test]
fn reads_padding_between_elements_and_stops_at_id_15() {
    // RFC 8285 §4.2: a zero byte is padding, id 15 ends the block.
    let block = [
        0x00, 0x10, 0xaa, 0x00, 0x00, 0x21, 0xbb, 0xcc, 0xf0, 0x30, 0xdd, 0x00,
    ];
    let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 3];
    packet.extend_from_slice(&block);
    let header = RtpHeader::parse(&packet).expect("parses");
    let read: Vec<_> = header.extensions(&packet).collect();
    assert_eq!(read, [(1, &[0xaa][..]), (2, &[0xbb, 0xcc][..])]);
}

#[test]
fn stops_at_an_element_that_leaves_the_block() {
    let mut packet = vec![
        0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x10, 0xaa, 0x25, 0xbb,
    ];
    packet.extend_from_slice(&[0xcc; 20]);
    let header = RtpHeader::parse(&packet).expect("parses");
    assert_eq!(header.extensions(&packet).collect::<Vec<_>>(), [(1, &[0xaa][..])]);
    assert_eq!(header.payload(&packet), Ok(20..40));
}

#[test]
fn unknown_extension_profile_is_skipped() {
    let packet = [
        0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x12, 0x34, 0, 1, 0x10, 0xaa, 0, 0, 0x55,
    ];
    let header = RtpHeader::parse(&packet).expect("parses");
    assert_eq!(header.extensions(&packet).count(), 0);
    assert_eq!(header.payload(&packet), Ok(20..21));
}

#[test]
fn csrcs_count_into_the_header() {
    let mut packet = vec![0x82, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    packet.extend_from_slice(&[0, 0, 0, 9, 0, 0, 0, 8]);
    let header = RtpHeader::parse(&packet).expect("parses");
    assert_eq!(header.len, 20);
    assert_eq!(header.csrcs(&packet).collect::<Vec<_>>(), [9, 8]);
    assert_eq!(
        RtpHeader::parse(packet.get(..19).unwrap_or_default()),
        Err(RtpError::TooShort)
    );
}

#[test]
fn padding_is_stripped_and_checked() {
    let mut packet = vec![0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 0, 0, 3];
    let header = RtpHeader::parse(&packet).expect("parses");
    assert_eq!(header.payload(&packet), Ok(12..14));
    for (count, expected) in [
        (5, Ok(12..12)),
        (6, Err(RtpError::Padding)),
        (0, Err(RtpError::Padding)),
    ] {
        put(&mut packet, 16, &[count]);
        assert_eq!(header.payload(&packet), expected);
    }
    assert_eq!(header.payload(&packet[..12]), Err(RtpError::Padding));
}

#[test]
fn refuses_what_is_not_rtp() {
    assert_eq!(RtpHeader::parse(&[]), Err(RtpError::TooShort));
    assert_eq!(RtpHeader::parse(&[0x80; 11]), Err(RtpError::TooShort));
    assert_eq!(RtpHeader::parse(&[0x40; 12]), Err(RtpError::Version));
    assert_eq!(RtpHeader::parse(&[0x90; 15]), Err(RtpError::TooShort));
    assert_eq!(RtpHeader::parse(&[0x90; 16]), Err(RtpError::TooShort));
}

#[test]
fn extension_values() {
    assert_eq!(
        AudioLevel::parse(&[0x9e]),
        Some(AudioLevel {
            voice: true,
            level: 30
        })
    );
    assert_eq!(AudioLevel::parse(&[]), None);
    assert_eq!(parse_transport_sequence(&[0x12, 0x34]), Some(0x1234));
    assert_eq!(parse_transport_sequence(&[0x12]), None);
    assert_eq!(abs_send_time(0), [0, 0, 0]);
    assert_eq!(abs_send_time(1_000_000), [0x04, 0, 0]);
    assert_eq!(abs_send_time(64_500_000), [0x02, 0, 0]);
    assert_eq!(abs_send_time(u64::MAX), abs_send_time(u64::MAX % 64_000_000));
}

#[test]
fn mutated_packets_never_panic() {
    let mut random = Random(1);
    let seeds: [Vec<u8>; 3] = [
        round_trip(&[]).0,
        round_trip(&[(1, &[7]), (14, &[9; 16]), (3, b"mid")]).0,
        round_trip(&[(1, &[7]), (200, &[9; 30]), (3, &[])]).0,
    ];
    let (mut parsed, mut extensions) = (0, 0);
    for _ in 0..300_000 {
        let mut bytes = seeds[random.below(3)].clone();
        random.mutate(&mut bytes);
        let Ok(header) = RtpHeader::parse(&bytes) else {
            continue;
        };
        parsed += 1;
        extensions += header.extensions(&bytes).count();
        assert!(header.csrcs(&bytes).count() == usize::from(header.csrc_count));
        if let Ok(payload) = header.payload(&bytes) {
            assert!(bytes.get(payload).is_some());
        }
        // A header beside other bytes than its own is a caller's mistake, and harmless.
        let cut = bytes.get(..random.below(bytes.len())).unwrap_or_default();
        extensions += header.extensions(cut).count() + header.csrcs(cut).count();
        if let Ok(payload) = header.payload(cut) {
            assert!(cut.get(payload).is_some());
        }
    }
    assert!(parsed > 100_000 && extensions > 100_000);
}
