//! Numbers that wrap on the wire: RTP sequence numbers (16 bits) and timestamps (32 bits).

/// True when `a` follows `b` on the 16-bit circle (RFC 1982 arithmetic); numbers half a circle apart do not follow.
#[inline]
pub fn follows(a: u16, b: u16) -> bool {
    distance(a, b) > 0
}

/// How far `a` is ahead of `b` on the 16-bit circle, -32768..=32767.
#[inline]
#[expect(
    clippy::cast_possible_wrap,
    reason = "the sign is the direction on the circle"
)]
pub fn distance(a: u16, b: u16) -> i16 {
    a.wrapping_sub(b) as i16
}

/// True when timestamp `a` is later than `b` on the 32-bit circle.
#[inline]
pub fn timestamp_follows(a: u32, b: u32) -> bool {
    timestamp_distance(a, b) > 0
}

/// How far timestamp `a` is ahead of `b` on the 32-bit circle.
#[inline]
#[expect(
    clippy::cast_possible_wrap,
    reason = "the sign is the direction on the circle"
)]
pub fn timestamp_distance(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

/// Extends 16-bit sequence numbers to 64 bits, each to the value nearest to the highest one seen.
///
/// The first number starts in the second cycle (65536 + n), so that packets from before it stay positive.
#[derive(Debug, Clone, Default)]
pub struct SequenceUnwrapper {
    highest: Option<u64>,
}

impl SequenceUnwrapper {
    /// Extends `sequence` and moves the highest number on.
    #[inline]
    pub fn unwrap(&mut self, sequence: u16) -> u64 {
        let extended = self.peek(sequence);
        self.highest = Some(self.highest.map_or(extended, |highest| highest.max(extended)));
        extended
    }

    /// What `unwrap` would return, without remembering the number.
    #[inline]
    pub fn peek(&self, sequence: u16) -> u64 {
        self.highest.map_or((1 << 16) | u64::from(sequence), |highest| {
            highest.wrapping_add_signed(distance(sequence, highest as u16).into())
        })
    }

    /// The highest extended number so far.
    #[inline]
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }
}

/// Extends 32-bit RTP timestamps to 64 bits, each to the value nearest to the highest one seen.
///
/// The first timestamp starts in the second cycle, so that earlier ones stay positive.
#[derive(Debug, Clone, Default)]
pub struct TimestampUnwrapper {
    highest: Option<u64>,
}

impl TimestampUnwrapper {
    /// Extends `timestamp` and moves the highest one on.
    #[inline]
    pub fn unwrap(&mut self, timestamp: u32) -> u64 {
        let extended = self.peek(timestamp);
        self.highest = Some(self.highest.map_or(extended, |highest| highest.max(extended)));
        extended
    }

    /// What `unwrap` would return, without remembering the timestamp.
    #[inline]
    pub fn peek(&self, timestamp: u32) -> u64 {
        self.highest.map_or((1 << 32) | u64::from(timestamp), |highest| {
            highest.wrapping_add_signed(timestamp_distance(timestamp, highest as u32).into())
        })
    }

    /// The highest extended timestamp so far.
    #[inline]
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_across_the_wrap() {
        assert!(follows(1, 0));
        assert!(follows(0, u16::MAX));
        assert!(!follows(u16::MAX, 0));
        assert!(!follows(5, 5));
        assert!(!follows(0x8000, 0) && !follows(0, 0x8000));
        assert!(timestamp_follows(3, u32::MAX - 3));
        assert_eq!(timestamp_distance(3, u32::MAX - 3), 7);
    }

    #[test]
    fn sequence_extends_forwards_and_backwards() {
        let mut unwrapper = SequenceUnwrapper::default();
        assert_eq!(unwrapper.unwrap(2), 65538);
        assert_eq!(unwrapper.unwrap(65535), 65535);
        assert_eq!(unwrapper.highest(), Some(65538));
        let mut expected = 65538;
        for _ in 0..20 {
            expected += 20_000;
            assert_eq!(unwrapper.unwrap(expected as u16), expected);
            assert_eq!(unwrapper.unwrap((expected - 300) as u16), expected - 300);
            assert_eq!(unwrapper.highest(), Some(expected));
        }
    }

    #[test]
    fn timestamp_extends_across_the_wrap() {
        let mut unwrapper = TimestampUnwrapper::default();
        let start = unwrapper.unwrap(u32::MAX - 10);
        assert_eq!(unwrapper.unwrap(20), start + 31);
        assert_eq!(unwrapper.peek(u32::MAX), start + 10);
        assert_eq!(unwrapper.highest(), Some(start + 31));
    }
}
