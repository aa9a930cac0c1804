//! STUN, RTP, RTCP and SRTP.

use rheon_engine_wire::rtcp::{self, Packet, XrBlock};
use rheon_engine_wire::rtp::{AudioLevel, HeaderWriter, RtpHeader, parse_transport_sequence};
use rheon_engine_wire::srtp::{Profile, ReceiveContext, ReceiveStream, RtcpReplay, SendContext};
use rheon_engine_wire::stun::{BindingRequest, BindingResponse, IntegrityKey};

use super::Sum;

/// Password of the corpus's checks.
const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

/// The datagram as it is, and with its length and FINGERPRINT made right, without which no change gets far.
pub(super) fn stun(datagram: &[u8]) -> u64 {
    let mut sum = Sum::default();
    message(datagram, &mut sum);
    let body = if let [body @ .., 0x80, 0x28, 0, 4, _, _, _, _] = datagram {
        body
    } else {
        datagram
    };
    let mut right = body.to_vec();
    if let Some(len) = right.get_mut(2..4) {
        len.copy_from_slice(&((body.len().saturating_sub(20) + 8) as u16).to_be_bytes());
    }
    let fingerprint = crc32fast::hash(&right) ^ 0x5354_554e;
    right.extend([0x80, 0x28, 0, 4]);
    right.extend(fingerprint.to_be_bytes());
    message(&right, &mut sum);
    sum.0
}

fn message(datagram: &[u8], sum: &mut Sum) {
    let key = IntegrityKey::new(PASSWORD);
    match BindingRequest::parse(datagram) {
        Ok(request) => {
            sum.add(50)
                .flag(request.authenticate(&key))
                .add(request.unknown_attributes().count() as u64)
                .flag(request.use_candidate)
                .flag(request.nomination.is_some())
                .flag(request.priority.is_some())
                .flag(request.controlling.is_some())
                .flag(request.controlled.is_some());
        }
        Err(error) => drop(sum.add(error as u64)),
    }
    match BindingResponse::parse(datagram) {
        Ok(response) => {
            sum.add(60)
                .flag(response.authenticate(&key))
                .flag(response.outcome.is_ok());
        }
        Err(error) => drop(sum.add(error as u64)),
    }
}

pub(super) fn rtp(packet: &[u8]) -> u64 {
    let header = match RtpHeader::parse(packet) {
        Ok(header) => header,
        Err(error) => return error as u64,
    };
    let csrcs = header.csrcs(packet).count();
    assert_eq!(csrcs, usize::from(header.csrc_count));
    let extensions: Vec<_> = header.extensions(packet).collect();
    let payload = header.payload(packet);
    if let Ok(range) = &payload {
        assert!(packet.get(range.clone()).is_some(), "payload outside the packet");
    }
    // Written again, the header says the same, without the contributing sources.
    let writer = HeaderWriter {
        payload_type: header.payload_type,
        marker: header.marker,
        padding: false,
        sequence: header.sequence,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
    };
    let mut out = vec![0; 4 * super::DATAGRAM];
    let len = writer.write(&mut out, extensions.iter().copied()).expect("fits");
    out.truncate(len);
    let again = RtpHeader::parse(&out).expect("what was written parses");
    assert!(
        again.extensions(&out).eq(extensions.iter().copied()),
        "other extensions"
    );
    assert_eq!(
        (
            again.sequence,
            again.timestamp,
            again.ssrc,
            again.payload_type,
            again.marker
        ),
        (
            header.sequence,
            header.timestamp,
            header.ssrc,
            header.payload_type,
            header.marker
        )
    );
    let mut sum = Sum(7);
    sum.add(csrcs as u64)
        .add(extensions.len() as u64)
        .add(payload.map_or(99, |range| range.len() as u64));
    sum.0
}

/// The input is an extension block behind one byte that chooses its form.
pub(super) fn extensions(input: &[u8]) -> u64 {
    let Some((form, block)) = input.split_first() else {
        return 0;
    };
    let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    packet.extend(match form % 4 {
        0 | 1 => [0xbe, 0xde],
        2 => [0x10, form >> 4],
        _ => [*form, *form],
    });
    packet.extend((block.len().div_ceil(4) as u16).to_be_bytes());
    packet.extend(block);
    packet.resize(packet.len().next_multiple_of(4), 0);
    let header = RtpHeader::parse(&packet).expect("a whole header");
    let (mut count, mut bytes, mut longest) = (0, 0, 0);
    for (id, value) in header.extensions(&packet) {
        assert_ne!(id, 0, "padding as an element");
        count += 1;
        bytes += value.len() + 1;
        longest = longest.max(value.len());
        assert!(AudioLevel::parse(value).is_none_or(|level| level.level < 128));
        assert_eq!(parse_transport_sequence(value).is_some(), value.len() > 1);
    }
    assert!(
        bytes <= block.len() + 4,
        "more elements than the block has room for"
    );
    let mut sum = Sum((form % 4).into());
    sum.add(count).add(bytes as u64).add(longest as u64);
    sum.0
}

pub(super) fn rtcp(compound: &[u8]) -> u64 {
    // Which kinds and errors there were, and how much at most, whatever the order.
    let (mut kinds, mut errors, mut most) = (0u64, 0u64, 0);
    for packet in rtcp::packets(compound) {
        match packet {
            Ok(packet) => {
                let (kind, count) = walk(&packet);
                kinds |= 1 << kind;
                most = most.max(count);
            }
            Err(error) => errors |= 1 << error as u64,
        }
    }
    let mut sum = Sum(kinds << 4 | errors);
    sum.add(most as u64);
    sum.0
}

/// Reads everything a packet has; returns its kind and how much there was.
fn walk(packet: &Packet<'_>) -> (u32, usize) {
    match packet {
        Packet::SenderReport { reports, .. } => (1, reports.clone().count()),
        Packet::ReceiverReport { reports, .. } => (2, reports.clone().count()),
        Packet::SourceDescription(description) => (3, description.clone().map(|item| item.text.len()).sum()),
        Packet::Bye { sources } => (4, sources.clone().count()),
        Packet::Nack { items, .. } => (5, items.clone().count()),
        Packet::Pli { .. } => (6, 0),
        Packet::Fir { entries, .. } => (7, entries.clone().count()),
        Packet::TransportFeedback(feedback) => {
            let count = feedback.statuses().count();
            assert!(count <= usize::from(feedback.status_count), "too many statuses");
            (8, count)
        }
        Packet::Remb { sources, .. } => (9, sources.clone().count()),
        Packet::ExtendedReport { blocks, .. } => (10, blocks.clone().map(|block| extended(&block)).sum()),
        Packet::Other { .. } => (11, 0),
    }
}

fn extended(block: &XrBlock<'_>) -> usize {
    match block {
        XrBlock::Dlrr(entries) => entries.clone().count(),
        _ => 1,
    }
}

/// The input is the feedback control information of one message behind sender and media SSRC.
pub(super) fn transport_cc(body: &[u8]) -> u64 {
    let mut packet = vec![0x8f, 205];
    packet.extend((body.len().div_ceil(4) as u16).to_be_bytes());
    packet.extend(body);
    packet.resize(packet.len().next_multiple_of(4), 0);
    let mut sum = Sum::default();
    for packet in rtcp::packets(&packet) {
        match packet {
            Ok(Packet::TransportFeedback(feedback)) => {
                let (mut received, mut missing) = (0, 0);
                for (number, status) in feedback.statuses().enumerate() {
                    let expected = feedback.base_sequence.wrapping_add(number as u16);
                    assert_eq!(status.sequence, expected, "numbers out of order");
                    match status.delta {
                        Some(_) => received += 1,
                        None => missing += 1,
                    }
                }
                assert!(received + missing <= u64::from(feedback.status_count));
                sum.add(20).add(received).add(missing);
            }
            Ok(_) => drop(sum.add(30)),
            Err(error) => drop(sum.add(error as u64)),
        }
    }
    sum.0
}

/// The first byte chooses the profile and what happens; the rest is a datagram, protected or not.
pub(super) fn srtp(input: &[u8]) -> u64 {
    let Some((choice, datagram)) = input.split_first() else {
        return 0;
    };
    let profile = Profile::ALL[usize::from(choice & 0x0f) % Profile::ALL.len()];
    let master = vec![7; profile.key_len() + profile.salt_len()];
    let mut send = SendContext::new(profile, &master).expect("right length");
    let receive = ReceiveContext::new(profile, &master).expect("right length");
    let mut bytes = datagram.to_vec();
    let mut sum = Sum(u64::from(choice >> 4));
    match choice >> 4 & 0x03 {
        0 => {
            // As a stranger sends it.
            if let Ok(header) = RtpHeader::parse(&bytes) {
                let opened = receive.unprotect_rtp(&mut bytes, &header, &mut ReceiveStream::default());
                sum.flag(opened.is_ok());
            }
        }
        1 => {
            let opened = receive.unprotect_rtcp(&mut bytes, &mut RtcpReplay::default());
            sum.flag(opened.is_ok());
        }
        2 => {
            // As a peer with keys sends it.
            let Ok(header) = RtpHeader::parse(&bytes) else {
                return sum.0;
            };
            let index = u64::from(header.sequence);
            bytes.resize(datagram.len() + profile.rtp_overhead(), 0);
            send.protect_rtp(&mut bytes, header.len, index).expect("protects");
            let mut stream = ReceiveStream::default();
            let mut copy = bytes.clone();
            let opened = receive.unprotect_rtp(&mut copy, &header, &mut stream);
            assert_eq!(opened, Ok((datagram.len(), index)), "does not open");
            assert_eq!(
                copy.get(..datagram.len()),
                Some(datagram),
                "opens to something else"
            );
            assert!(
                receive
                    .unprotect_rtp(&mut bytes.clone(), &header, &mut stream)
                    .is_err(),
                "replayed"
            );
            // Anything changed behind the header is noticed.
            let at = header.len + usize::from(*choice) % (bytes.len() - header.len);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 0x40;
            }
            let forged = receive.unprotect_rtp(&mut bytes, &header, &mut ReceiveStream::default());
            assert!(forged.is_err(), "forged");
            sum.add(header.len as u64);
        }
        _ => {
            if send.protect_rtcp(&mut bytes).is_ok() {
                let mut window = RtcpReplay::default();
                let opened = receive.unprotect_rtcp(&mut bytes.clone(), &mut window);
                assert_eq!(opened, Ok(datagram.len()), "does not open");
                assert!(
                    receive.unprotect_rtcp(&mut bytes, &mut window).is_err(),
                    "replayed"
                );
                sum.flag(true);
            }
        }
    }
    sum.0
}
