//! Reading transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).

use super::{RtcpError, chunk, word};
use crate::bytes::{array, u16_at};

/// Where the status chunks begin in the body of the packet.
const CHUNKS_AT: usize = 16;

/// Feedback on a range of transport-wide sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    /// Who reports.
    pub sender: u32,
    /// One of the streams of the transport.
    pub media: u32,
    /// First sequence number reported on.
    pub base_sequence: u16,
    /// How many numbers are reported on.
    pub status_count: u16,
    /// Time the first delta counts from, in 64 ms, 24 bits signed.
    pub reference_time: i32,
    /// Counts feedback packets.
    pub feedback_count: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// What is said of one sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketStatus {
    /// Transport-wide sequence number.
    pub sequence: u16,
    /// Time since the packet before it that was received (the first: since the reference time) in 0.25 ms;
    /// `None`: not received.
    pub delta: Option<i16>,
}

impl<'a> TransportFeedback<'a> {
    /// Checks that chunks and deltas cover every status.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, RtcpError> {
        let status_count = u16_at(body, 10).ok_or(RtcpError::TooShort)?;
        let [t0, t1, t2, feedback_count] = array(body, 12).ok_or(RtcpError::TooShort)?;
        let rest = body.get(CHUNKS_AT..).unwrap_or_default();
        let (mut left, mut at, mut delta_len) = (status_count, 0, 0);
        while left > 0 {
            let chunk = u16_at(rest, at).ok_or(RtcpError::TooShort)?;
            at += 2;
            let count = chunk::len(chunk).min(left);
            left -= count;
            delta_len += chunk::delta_len(chunk, count).ok_or(RtcpError::Malformed)?;
        }
        let (chunks, rest) = rest.split_at_checked(at).ok_or(RtcpError::TooShort)?;
        Ok(Self {
            sender: word(body, 0)?,
            media: word(body, 4)?,
            base_sequence: u16_at(body, 8).ok_or(RtcpError::TooShort)?,
            status_count,
            // The arithmetic shift extends the sign.
            reference_time: i32::from_be_bytes([t0, t1, t2, 0]) >> 8,
            feedback_count,
            chunks,
            deltas: rest.get(..delta_len).ok_or(RtcpError::TooShort)?,
        })
    }

    /// The status of every number from `base_sequence` on.
    pub fn statuses(&self) -> Statuses<'a> {
        Statuses {
            sequence: self.base_sequence,
            left: self.status_count,
            chunks: self.chunks,
            deltas: self.deltas,
            chunk: 0,
            at: 0,
            len: 0,
        }
    }
}

/// Iterator over the statuses of a feedback packet.
#[derive(Debug, Clone)]
pub struct Statuses<'a> {
    sequence: u16,
    left: u16,
    chunks: &'a [u8],
    deltas: &'a [u8],
    /// The chunk being read, the place in it, and how many symbols it has.
    chunk: u16,
    at: u16,
    len: u16,
}

impl Statuses<'_> {
    fn symbol(&mut self) -> Option<u8> {
        while self.at == self.len {
            let (chunk, rest) = self.chunks.split_first_chunk()?;
            self.chunks = rest;
            self.chunk = u16::from_be_bytes(*chunk);
            (self.at, self.len) = (0, chunk::len(self.chunk));
        }
        let symbol = chunk::symbol(self.chunk, self.at);
        self.at += 1;
        Some(symbol)
    }

    fn delta(&mut self, symbol: u8) -> Option<i16> {
        if symbol == chunk::SMALL {
            let (delta, rest) = self.deltas.split_first()?;
            self.deltas = rest;
            return Some((*delta).into());
        }
        let (delta, rest) = self.deltas.split_first_chunk()?;
        self.deltas = rest;
        Some(i16::from_be_bytes(*delta))
    }
}

impl Iterator for Statuses<'_> {
    type Item = PacketStatus;

    fn next(&mut self) -> Option<PacketStatus> {
        self.left = self.left.checked_sub(1)?;
        let symbol = self.symbol()?;
        let delta = if symbol == chunk::LOST {
            None
        } else {
            Some(self.delta(symbol)?)
        };
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Some(PacketStatus { sequence, delta })
    }
}
