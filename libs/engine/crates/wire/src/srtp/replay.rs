//! Packet index estimation and replay windows (RFC 3711 §3.3.1, §3.3.2).

use super::{MAX_RTCP_INDEX, MAX_RTP_INDEX, SrtpError};
use crate::sequence::distance;

/// Packets older than this behind the newest are refused.
const WINDOW: u64 = 128;

/// The newest index and one bit for each of the 128 indices that end there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Window {
    highest: Option<u64>,
    /// Bit n: index `highest - n` was seen.
    seen: u128,
}

impl Window {
    #[inline]
    fn check(&self, index: u64) -> Result<(), SrtpError> {
        let Some(highest) = self.highest else {
            return Ok(());
        };
        match highest.checked_sub(index) {
            None => Ok(()),
            Some(age) if age < WINDOW && self.seen & (1 << age) == 0 => Ok(()),
            Some(_) => Err(SrtpError::Replay),
        }
    }

    /// Remembers an index that passed `check`.
    #[inline]
    fn insert(&mut self, index: u64) {
        let ahead = match self.highest {
            None => WINDOW,
            Some(highest) if index > highest => index - highest,
            Some(highest) => {
                let age = highest - index;
                self.seen |= 1u128.checked_shl(age as u32).unwrap_or(0);
                return;
            }
        };
        self.seen = if ahead < WINDOW { self.seen << ahead } else { 0 } | 1;
        self.highest = Some(index);
    }
}

/// What a receiver keeps per SSRC: the rollover counter estimate and the replay window.
///
/// A fresh stream starts at rollover counter zero. Keep a stream for a new SSRC only once a packet of it was
/// unprotected, so that forged SSRCs leave nothing behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReceiveStream {
    window: Window,
}

impl ReceiveStream {
    /// The highest index that authenticated: rollover counter << 16 | sequence number.
    #[inline]
    pub const fn highest_index(&self) -> Option<u64> {
        self.window.highest
    }

    /// The index this sequence number most likely has (§3.3.1), if it is not a replay.
    #[inline]
    pub(super) fn estimate(&self, sequence: u16) -> Result<u64, SrtpError> {
        let Some(highest) = self.window.highest else {
            return Ok(sequence.into());
        };
        // The nearest value: what the RFC's three cases on s_l and 2^15 amount to. Nothing lies before the first
        // cycle, so a number that would is ahead in it; beyond the last cycle the key is used up (§9.2).
        let index = highest
            .checked_add_signed(distance(sequence, highest as u16).into())
            .unwrap_or(sequence.into());
        if index > MAX_RTP_INDEX {
            return Err(SrtpError::Index);
        }
        self.window.check(index)?;
        Ok(index)
    }

    #[inline]
    pub(super) fn accept(&mut self, index: u64) {
        self.window.insert(index);
    }
}

/// Replay window of SRTCP. The index is explicit, and one window serves one sender's SSRC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RtcpReplay {
    window: Window,
}

impl RtcpReplay {
    #[inline]
    pub(super) fn check(&self, index: u32) -> Result<(), SrtpError> {
        self.window.check((index & MAX_RTCP_INDEX).into())
    }

    #[inline]
    pub(super) fn accept(&mut self, index: u32) {
        self.window.insert((index & MAX_RTCP_INDEX).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(stream: &mut ReceiveStream, sequence: u16) -> Result<u64, SrtpError> {
        let index = stream.estimate(sequence)?;
        stream.accept(index);
        Ok(index)
    }

    #[test]
    fn window_refuses_duplicates_and_old_packets() {
        let mut stream = ReceiveStream::default();
        assert_eq!(take(&mut stream, 1000), Ok(1000));
        assert_eq!(take(&mut stream, 1000), Err(SrtpError::Replay));
        assert_eq!(take(&mut stream, 873), Ok(873));
        assert_eq!(take(&mut stream, 873), Err(SrtpError::Replay));
        assert_eq!(take(&mut stream, 872), Err(SrtpError::Replay));
        assert_eq!(take(&mut stream, 1001), Ok(1001));
        assert_eq!(take(&mut stream, 1000), Err(SrtpError::Replay));
        assert_eq!(take(&mut stream, 1128), Ok(1128));
        assert_eq!(take(&mut stream, 1001), Err(SrtpError::Replay));
        assert_eq!(take(&mut stream, 1002), Ok(1002));
        // A jump of a whole window or more forgets everything before it.
        for jump in [1256, 1256 + 129, 10_000] {
            assert_eq!(take(&mut stream, jump), Ok(jump.into()));
            assert_eq!(take(&mut stream, jump), Err(SrtpError::Replay));
            assert_eq!(take(&mut stream, jump - 127), Ok(u64::from(jump) - 127));
            assert_eq!(take(&mut stream, jump - 128), Err(SrtpError::Replay));
        }
    }

    #[test]
    fn window_agrees_with_a_set() {
        let mut seed = 7u64;
        let mut window = Window::default();
        let mut seen = std::collections::HashSet::new();
        let mut highest = 0;
        for _ in 0..200_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let index = (highest + (seed >> 33) % 260).saturating_sub(if seed >> 63 == 1 { 0 } else { 150 });
            let expected = seen.is_empty() || (index + WINDOW > highest && !seen.contains(&index));
            assert_eq!(
                window.check(index).is_ok(),
                expected,
                "index {index}, highest {highest}"
            );
            if expected {
                window.insert(index);
                seen.insert(index);
                highest = highest.max(index);
            }
        }
    }

    #[test]
    fn rollover_counter_follows_the_sequence_number() {
        let mut stream = ReceiveStream::default();
        let mut index = 65_000u64;
        for _ in 0..100_000 {
            index += 11;
            let reordered = index - 5;
            assert_eq!(
                take(&mut stream, index as u16).ok(),
                (index < 65_536 || stream.highest_index().is_some()).then_some(index)
            );
            assert_eq!(take(&mut stream, reordered as u16), Ok(reordered));
        }
    }

    #[test]
    fn nothing_lies_before_index_zero_or_beyond_48_bits() {
        let mut stream = ReceiveStream::default();
        assert_eq!(take(&mut stream, 3), Ok(3));
        assert_eq!(stream.estimate(65_535), Ok(65_535));
        stream.accept(MAX_RTP_INDEX - 1);
        assert_eq!(stream.estimate(0), Err(SrtpError::Index));
        assert_eq!(take(&mut stream, 65_535), Ok(MAX_RTP_INDEX));
    }
}
