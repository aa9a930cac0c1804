//! Rates: what a stream carried lately, and what it may carry.

use std::time::Duration;

use crate::now::Now;

const WINDOW: Duration = Duration::from_secs(1);

/// Bits per second over the last full second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RateMeter {
    window: Now,
    bytes: u64,
    rate: u64,
}

impl RateMeter {
    #[inline]
    pub(crate) fn add(&mut self, now: Now, bytes: usize) {
        self.roll(now);
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    fn roll(&mut self, now: Now) {
        let span = now.since(self.window);
        if span >= WINDOW {
            let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX).max(1);
            self.rate = self.bytes.saturating_mul(8_000_000) / micros;
            self.bytes = 0;
            self.window = now;
        }
    }

    /// Bits per second; 0 when nothing came for two windows.
    pub(crate) fn rate(&self, now: Now) -> u64 {
        if now.since(self.window) >= 2 * WINDOW {
            0
        } else {
            self.rate
        }
    }
}

/// A token bucket in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    bits_per_second: u64,
    burst: u64,
    /// In bits: bytes would lose the remainder of every filling.
    tokens: u64,
    filled: Now,
}

impl TokenBucket {
    /// A full bucket that takes `burst_bytes` at once.
    pub(crate) fn new(bits_per_second: u64, burst_bytes: u64, now: Now) -> Self {
        let burst = burst_bytes.saturating_mul(8);
        Self {
            bits_per_second,
            burst,
            tokens: burst,
            filled: now,
        }
    }

    pub(crate) fn set_rate(&mut self, bits_per_second: u64) {
        self.bits_per_second = bits_per_second;
    }

    fn fill(&mut self, now: Now) {
        let micros = u64::try_from(now.since(self.filled).as_micros()).unwrap_or(u64::MAX);
        let gained = self.bits_per_second.saturating_mul(micros) / 1_000_000;
        if gained > 0 {
            self.tokens = self.tokens.saturating_add(gained).min(self.burst);
            self.filled = now;
        }
    }

    /// There is room for this many bytes.
    pub(crate) fn has(&mut self, now: Now, bytes: usize) -> bool {
        self.fill(now);
        self.tokens >= (bytes as u64).saturating_mul(8)
    }

    pub(crate) fn charge(&mut self, bytes: usize) {
        self.tokens = self.tokens.saturating_sub((bytes as u64).saturating_mul(8));
    }

    /// Take this many bytes, if there is room.
    pub(crate) fn take(&mut self, now: Now, bytes: usize) -> bool {
        let has = self.has(now, bytes);
        if has {
            self.charge(bytes);
        }
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_of_a_steady_stream() {
        let mut meter = RateMeter::default();
        for tick in 0..300 {
            meter.add(Now::from_millis(tick * 10), 125);
        }
        assert_eq!(meter.rate(Now::from_millis(3000)), 100_000);
        assert_eq!(meter.rate(Now::from_millis(9000)), 0);
    }

    #[test]
    fn a_bucket_holds_its_rate() {
        let mut bucket = TokenBucket::new(8000, 1000, Now::default());
        let taken = (0..10_000)
            .filter(|t| bucket.take(Now::from_millis(*t), 100))
            .count();
        assert!((108..=110).contains(&taken), "{taken}");
    }
}
