//! RTCP: compound packets (RFC 3550 §6), feedback (RFC 4585, RFC 5104), extended reports (RFC 3611), REMB and
//! transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).

mod chunk;
mod description;
mod extended;
mod feedback;
mod record;
mod report;
mod transport_feedback;
mod writer;

use std::fmt;

use crate::bytes::{array, u32_at, u64_at};

pub use description::{SDES_CNAME, SdesItem, SourceDescription};
pub use extended::{DlrrEntry, XrBlock, XrBlocks};
pub use feedback::{FirEntry, NackItems};
pub use record::Records;
pub use report::{ReportBlock, SenderInfo};
pub use transport_feedback::{PacketStatus, Statuses, TransportFeedback};
pub use writer::Writer;

/// Packet types.
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const TRANSPORT_LAYER_FEEDBACK: u8 = 205;
const PAYLOAD_SPECIFIC_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;

/// Feedback message types (the count field of a feedback packet).
const FMT_NACK: u8 = 1;
const FMT_TRANSPORT_CC: u8 = 15;
const FMT_PLI: u8 = 1;
const FMT_FIR: u8 = 4;
const FMT_APPLICATION: u8 = 15;

const HEADER_LEN: usize = 4;
const REMB_NAME: [u8; 4] = *b"REMB";

/// Why bytes are not RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtcpError {
    /// A packet is longer than what is left, or shorter than its type needs.
    TooShort,
    /// Version is not 2.
    Version,
    /// The padding count is zero or larger than the packet.
    Padding,
    /// The fields contradict each other.
    Malformed,
}

impl fmt::Display for RtcpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "RTCP packet too short",
            Self::Version => "RTCP version is not 2",
            Self::Padding => "bad RTCP padding count",
            Self::Malformed => "malformed RTCP packet",
        })
    }
}

impl std::error::Error for RtcpError {}

/// One RTCP packet. What is of variable length borrows the compound packet and is read by iterating.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// SR (RFC 3550 §6.4.1).
    SenderReport {
        /// Sender.
        ssrc: u32,
        /// Clock and counters of the sender.
        info: SenderInfo,
        /// Reception reports.
        reports: Records<'a, ReportBlock>,
    },
    /// RR (RFC 3550 §6.4.2).
    ReceiverReport {
        /// Reporter.
        ssrc: u32,
        /// Reception reports.
        reports: Records<'a, ReportBlock>,
    },
    /// SDES (RFC 3550 §6.5).
    SourceDescription(SourceDescription<'a>),
    /// BYE (RFC 3550 §6.6).
    Bye {
        /// Sources that leave.
        sources: Records<'a, u32>,
    },
    /// Generic NACK (RFC 4585 §6.2.1).
    Nack {
        /// Who asks.
        sender: u32,
        /// Whose packets are missing.
        media: u32,
        /// The missing sequence numbers.
        items: NackItems<'a>,
    },
    /// Picture loss indication (RFC 4585 §6.3.1).
    Pli {
        /// Who asks.
        sender: u32,
        /// Of whom a key frame is wanted.
        media: u32,
    },
    /// Full intra request (RFC 5104 §4.3.1).
    Fir {
        /// Who asks.
        sender: u32,
        /// Of whom a key frame is wanted, with the number of the request.
        entries: Records<'a, FirEntry>,
    },
    /// Transport-wide congestion control feedback.
    TransportFeedback(TransportFeedback<'a>),
    /// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03).
    Remb {
        /// Reporter.
        sender: u32,
        /// Bits per second, saturated at 64 bits.
        bitrate: u64,
        /// The streams that share the bitrate.
        sources: Records<'a, u32>,
    },
    /// XR (RFC 3611).
    ExtendedReport {
        /// Reporter.
        ssrc: u32,
        /// Report blocks.
        blocks: XrBlocks<'a>,
    },
    /// Any other packet type or feedback message.
    Other {
        /// Packet type.
        packet_type: u8,
        /// The five bits that hold a count or a feedback message type.
        count: u8,
    },
}

impl<'a> Packet<'a> {
    /// `body` is what follows the four header bytes, without padding.
    fn parse(packet_type: u8, count: u8, body: &'a [u8]) -> Result<Self, RtcpError> {
        match (packet_type, count) {
            (SENDER_REPORT, _) => Ok(Self::SenderReport {
                ssrc: word(body, 0)?,
                info: SenderInfo {
                    ntp: u64_at(body, 4).ok_or(RtcpError::TooShort)?,
                    rtp_timestamp: word(body, 12)?,
                    packets: word(body, 16)?,
                    octets: word(body, 20)?,
                },
                reports: Records::counted(body, 24, count)?,
            }),
            (RECEIVER_REPORT, _) => Ok(Self::ReceiverReport {
                ssrc: word(body, 0)?,
                reports: Records::counted(body, 4, count)?,
            }),
            (SOURCE_DESCRIPTION, _) => Ok(Self::SourceDescription(SourceDescription::new(count, body))),
            (BYE, _) => Ok(Self::Bye {
                sources: Records::counted(body, 0, count)?,
            }),
            (TRANSPORT_LAYER_FEEDBACK, FMT_NACK) => Ok(Self::Nack {
                sender: word(body, 0)?,
                media: word(body, 4)?,
                items: NackItems::new(Records::rest(body, 8)?),
            }),
            (TRANSPORT_LAYER_FEEDBACK, FMT_TRANSPORT_CC) => {
                TransportFeedback::parse(body).map(Self::TransportFeedback)
            }
            (PAYLOAD_SPECIFIC_FEEDBACK, FMT_PLI) => Ok(Self::Pli {
                sender: word(body, 0)?,
                media: word(body, 4)?,
            }),
            (PAYLOAD_SPECIFIC_FEEDBACK, FMT_FIR) => Ok(Self::Fir {
                sender: word(body, 0)?,
                entries: Records::rest(body, 8)?,
            }),
            (PAYLOAD_SPECIFIC_FEEDBACK, FMT_APPLICATION) if array(body, 8) == Some(REMB_NAME) => {
                let [sources, high, low @ ..] = array::<4>(body, 12).ok_or(RtcpError::TooShort)?;
                let mantissa = u64::from(high & 0x03) << 16 | u64::from(u16::from_be_bytes(low));
                let exponent = u32::from(high >> 2);
                let bitrate = if exponent > mantissa.leading_zeros() {
                    u64::MAX
                } else {
                    mantissa << exponent
                };
                Ok(Self::Remb {
                    sender: word(body, 0)?,
                    bitrate,
                    sources: Records::counted(body, 16, sources)?,
                })
            }
            (EXTENDED_REPORT, _) => Ok(Self::ExtendedReport {
                ssrc: word(body, 0)?,
                blocks: XrBlocks::new(body.get(4..).unwrap_or_default()),
            }),
            _ => Ok(Self::Other { packet_type, count }),
        }
    }
}

fn word(body: &[u8], at: usize) -> Result<u32, RtcpError> {
    u32_at(body, at).ok_or(RtcpError::TooShort)
}

/// The packets of a compound packet; reduced-size ones (RFC 5506) are taken as well.
pub fn packets(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound }
}

/// Iterator over a compound packet. A packet that is malformed inside yields an error and is stepped over; one
/// whose frame is broken (version, length) yields an error and ends the iteration.
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let frame = std::mem::take(&mut self.rest);
        let Some([first, packet_type, l0, l1]) = array(frame, 0) else {
            return Some(Err(RtcpError::TooShort));
        };
        if first >> 6 != 2 {
            return Some(Err(RtcpError::Version));
        }
        let len = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        let Some((packet, rest)) = frame.split_at_checked(len) else {
            return Some(Err(RtcpError::TooShort));
        };
        self.rest = rest;
        let mut body = packet.get(HEADER_LEN..).unwrap_or_default();
        if first & 0x20 != 0 {
            let padding = body.last().copied().map_or(0, usize::from);
            match body.len().checked_sub(padding).and_then(|len| body.get(..len)) {
                Some(unpadded) if padding > 0 => body = unpadded,
                _ => return Some(Err(RtcpError::Padding)),
            }
        }
        Some(Packet::parse(packet_type, first & 0x1f, body))
    }
}

#[cfg(test)]
mod tests;
