//! Time as the engine sees it: microseconds of a monotonic clock the caller reads.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment: microseconds since a start the caller chose. The engine never reads a clock itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Now(u64);

impl Now {
    /// The moment `micros` microseconds after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The moment `millis` milliseconds after the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// Microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Time since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The moment as a 64-bit NTP time stamp (RFC 3550 §4), given the one of the start.
    pub const fn to_ntp(self, ntp_at_zero: u64) -> u64 {
        ntp_at_zero.wrapping_add(micros_to_ntp(self.0))
    }
}

/// A span in microseconds as NTP's 32.32 fixed point.
pub(crate) const fn micros_to_ntp(micros: u64) -> u64 {
    let seconds = micros / 1_000_000;
    let fraction = ((micros % 1_000_000) << 32) / 1_000_000;
    (seconds << 32).wrapping_add(fraction)
}

impl Add<Duration> for Now {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub<Duration> for Now {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_of_half_a_second() {
        assert_eq!(Now::from_millis(1500).to_ntp(7 << 32), (8 << 32) + (1 << 31));
    }

    #[test]
    fn never_before_the_start() {
        assert_eq!(Now::from_millis(1) - Duration::from_secs(1), Now::default());
        assert_eq!(Now::default().since(Now::from_millis(1)), Duration::ZERO);
    }
}
