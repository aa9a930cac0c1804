//! Writing RTCP.

use super::chunk::{self, Encoder};
use super::extended::{BLOCK_DLRR, BLOCK_RRTR};
use super::feedback::NackItem;
use super::{
    BYE, DlrrEntry, EXTENDED_REPORT, FMT_APPLICATION, FMT_FIR, FMT_NACK, FMT_PLI, FMT_TRANSPORT_CC, FirEntry,
    HEADER_LEN, PAYLOAD_SPECIFIC_FEEDBACK, RECEIVER_REPORT, REMB_NAME, ReportBlock, SDES_CNAME,
    SENDER_REPORT, SOURCE_DESCRIPTION, SenderInfo, TRANSPORT_LAYER_FEEDBACK,
};
use crate::bytes::put;

/// Most records one packet can count.
const MAX_COUNT: usize = 31;
/// Most entries a feedback or DLRR packet is given: far more than fits a datagram, far less than its length field.
const MAX_ENTRIES: usize = 1024;
/// REMB's mantissa has this many bits.
const MANTISSA_BITS: u32 = 18;

/// Appends RTCP packets to a buffer; several make a compound packet.
///
/// Lists are cut where the format ends: at 31 counted records, at 1024 feedback entries, at 65535 statuses.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Bytes in the buffer so far.
    #[inline]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// True when the buffer is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Writes one packet: `body` appends what follows the header and returns the count.
    fn packet(&mut self, packet_type: u8, body: impl FnOnce(&mut Vec<u8>) -> u8) {
        let start = self.out.len();
        self.out.extend_from_slice(&[0x80, packet_type, 0, 0]);
        let count = body(self.out);
        while !(self.out.len() - start).is_multiple_of(4) {
            self.out.push(0);
        }
        let [.., l0, l1] = ((self.out.len() - start) / 4 - 1).to_be_bytes();
        put(self.out, start, &[0x80 | (count & 0x1f), packet_type, l0, l1]);
    }

    /// Appends a sender report.
    pub fn sender_report(
        &mut self,
        ssrc: u32,
        info: SenderInfo,
        reports: impl IntoIterator<Item = ReportBlock>,
    ) {
        self.packet(SENDER_REPORT, |out| {
            out.extend_from_slice(&ssrc.to_be_bytes());
            out.extend_from_slice(&info.ntp.to_be_bytes());
            words(out, [info.rtp_timestamp, info.packets, info.octets]);
            report_blocks(out, reports)
        });
    }

    /// Appends a receiver report.
    pub fn receiver_report(&mut self, ssrc: u32, reports: impl IntoIterator<Item = ReportBlock>) {
        self.packet(RECEIVER_REPORT, |out| {
            words(out, [ssrc]);
            report_blocks(out, reports)
        });
    }

    /// Appends a source description with the canonical name alone. A name is cut at 255 bytes.
    pub fn source_description(&mut self, ssrc: u32, cname: &str) {
        self.packet(SOURCE_DESCRIPTION, |out| {
            let mut name = cname;
            while name.len() > 255 {
                name = name
                    .char_indices()
                    .next_back()
                    .map_or("", |(at, _)| name.split_at(at).0);
            }
            words(out, [ssrc]);
            out.extend_from_slice(&[SDES_CNAME, name.len() as u8]);
            out.extend_from_slice(name.as_bytes());
            // At least one null byte ends the chunk; the packet's own alignment adds the rest.
            out.push(0);
            1
        });
    }

    /// Appends a BYE.
    pub fn bye(&mut self, sources: impl IntoIterator<Item = u32>) {
        self.packet(BYE, |out| {
            let mut count = 0;
            for ssrc in sources.into_iter().take(MAX_COUNT) {
                words(out, [ssrc]);
                count += 1;
            }
            count
        });
    }

    /// Appends a generic NACK. Ascending numbers pack best; an empty list writes nothing.
    pub fn nack(&mut self, sender: u32, media: u32, sequences: impl IntoIterator<Item = u16>) {
        let mut sequences = sequences.into_iter();
        let Some(first) = sequences.next() else { return };
        self.packet(TRANSPORT_LAYER_FEEDBACK, |out| {
            words(out, [sender, media]);
            let mut item = NackItem { first, following: 0 };
            let mut items = 1;
            for sequence in sequences {
                match sequence.wrapping_sub(item.first) {
                    0 => {}
                    ahead @ 1..=16 => item.following |= 1 << (ahead - 1),
                    _ if items == MAX_ENTRIES => break,
                    _ => {
                        words(out, [u32::from(item.first) << 16 | u32::from(item.following)]);
                        item = NackItem {
                            first: sequence,
                            following: 0,
                        };
                        items += 1;
                    }
                }
            }
            words(out, [u32::from(item.first) << 16 | u32::from(item.following)]);
            FMT_NACK
        });
    }

    /// Appends a picture loss indication.
    pub fn pli(&mut self, sender: u32, media: u32) {
        self.packet(PAYLOAD_SPECIFIC_FEEDBACK, |out| {
            words(out, [sender, media]);
            FMT_PLI
        });
    }

    /// Appends a full intra request. The media source of the feedback header is unused and zero (RFC 5104 §4.3.1.2).
    pub fn fir(&mut self, sender: u32, entries: impl IntoIterator<Item = FirEntry>) {
        self.packet(PAYLOAD_SPECIFIC_FEEDBACK, |out| {
            words(out, [sender, 0]);
            for entry in entries.into_iter().take(MAX_ENTRIES) {
                words(out, [entry.ssrc, u32::from(entry.sequence) << 24]);
            }
            FMT_FIR
        });
    }

    /// Appends a maximum bitrate estimate; the bitrate is rounded down to 18 significant bits.
    pub fn remb(&mut self, sender: u32, bitrate: u64, sources: &[u32]) {
        self.packet(PAYLOAD_SPECIFIC_FEEDBACK, |out| {
            let exponent = (64 - bitrate.leading_zeros()).saturating_sub(MANTISSA_BITS);
            let mantissa = (bitrate >> exponent) as u32;
            let sources = sources.iter().copied().take(255);
            words(out, [sender, 0, u32::from_be_bytes(REMB_NAME)]);
            words(
                out,
                [(sources.len() as u32) << 24 | exponent << MANTISSA_BITS | mantissa],
            );
            words(out, sources);
            FMT_APPLICATION
        });
    }

    /// Appends transport-wide feedback.
    ///
    /// `reference_time` is in 64 ms, its low 24 bits are written. `statuses` begins with `base_sequence`: `None` for
    /// a packet not received, or the time since the one before (the first: since the reference time) in 0.25 ms.
    pub fn transport_feedback<S>(
        &mut self,
        sender: u32,
        media: u32,
        base_sequence: u16,
        reference_time: i32,
        feedback_count: u8,
        statuses: S,
    ) where
        S: IntoIterator<Item = Option<i16>>,
        S::IntoIter: Clone,
    {
        let statuses = statuses.into_iter().take(u16::MAX.into());
        self.packet(TRANSPORT_LAYER_FEEDBACK, |out| {
            words(out, [sender, media]);
            let count_at = out.len() + 2;
            let [_, t0, t1, t2] = reference_time.to_be_bytes();
            out.extend_from_slice(&base_sequence.to_be_bytes());
            out.extend_from_slice(&[0, 0, t0, t1, t2, feedback_count]);
            let mut encoder = Encoder::default();
            let mut count = 0u16;
            for delta in statuses.clone() {
                count += 1;
                let symbol = match delta {
                    None => chunk::LOST,
                    Some(0..=255) => chunk::SMALL,
                    Some(_) => chunk::LARGE,
                };
                if let Some(chunk) = encoder.push(symbol) {
                    out.extend_from_slice(&chunk.to_be_bytes());
                }
            }
            while let Some(chunk) = encoder.finish() {
                out.extend_from_slice(&chunk.to_be_bytes());
            }
            put(out, count_at, &count.to_be_bytes());
            for delta in statuses.flatten() {
                match u8::try_from(delta) {
                    Ok(small) => out.push(small),
                    Err(_) => out.extend_from_slice(&delta.to_be_bytes()),
                }
            }
            FMT_TRANSPORT_CC
        });
    }

    /// Appends an extended report with a receiver reference time (NTP, 32.32 fixed point).
    pub fn extended_report_rrtr(&mut self, ssrc: u32, ntp: u64) {
        self.packet(EXTENDED_REPORT, |out| {
            words(out, [ssrc]);
            out.extend_from_slice(&[BLOCK_RRTR, 0, 0, 2]);
            out.extend_from_slice(&ntp.to_be_bytes());
            0
        });
    }

    /// Appends an extended report that answers receiver reference times.
    pub fn extended_report_dlrr(&mut self, ssrc: u32, entries: impl IntoIterator<Item = DlrrEntry>) {
        self.packet(EXTENDED_REPORT, |out| {
            words(out, [ssrc]);
            let block = out.len();
            out.extend_from_slice(&[BLOCK_DLRR, 0, 0, 0]);
            for entry in entries.into_iter().take(MAX_ENTRIES) {
                words(
                    out,
                    [entry.ssrc, entry.last_receiver_report, entry.delay_since_last],
                );
            }
            let [.., l0, l1] = ((out.len() - block - HEADER_LEN) / 4).to_be_bytes();
            put(out, block, &[BLOCK_DLRR, 0, l0, l1]);
            0
        });
    }
}

fn words(out: &mut Vec<u8>, values: impl IntoIterator<Item = u32>) {
    for value in values {
        out.extend_from_slice(&value.to_be_bytes());
    }
}

fn report_blocks(out: &mut Vec<u8>, reports: impl IntoIterator<Item = ReportBlock>) -> u8 {
    let mut count = 0;
    for report in reports.into_iter().take(MAX_COUNT) {
        report.write(out);
        count += 1;
    }
    count
}
