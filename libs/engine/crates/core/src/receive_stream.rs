//! What a receiver knows about one RTP stream: counts, loss, jitter, receiver report blocks (RFC 3550 §6.4, A.3, A.8).

use crate::meter::RateMeter;
use crate::now::Now;

/// The last sender report, for the delay a receiver report tells.
#[derive(Clone, Copy, Debug)]
struct LastReport {
    /// Middle 32 bits of its NTP time stamp.
    middle: u32,
    arrival: Now,
}

/// Values of one report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) fraction_lost: u8,
    pub(crate) cumulative_lost: i32,
    pub(crate) highest_sequence: u32,
    pub(crate) jitter: u32,
    pub(crate) last_sr: u32,
    pub(crate) delay_since_last_sr: u32,
}

#[derive(Debug, Default)]
pub(crate) struct ReceiveStatistics {
    base: Option<u64>,
    highest: u64,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) rate: RateMeter,
    pub(crate) recovered: u64,
    pub(crate) nacks_sent: u64,
    expected_before: u64,
    received_before: u64,
    /// Interarrival jitter in clock ticks, times 16.
    jitter: u64,
    transit: Option<u32>,
    last_report: Option<LastReport>,
    pub(crate) last_packet: Now,
}

impl ReceiveStatistics {
    /// A packet of the stream arrived, in time or by retransmission.
    pub(crate) fn packet(
        &mut self,
        index: u64,
        timestamp: u32,
        bytes: usize,
        clock_rate: u32,
        now: Now,
        recovered: bool,
    ) {
        if self.base.is_none() {
            self.base = Some(index);
            self.highest = index;
        }
        self.highest = self.highest.max(index);
        self.packets += 1;
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.rate.add(now, bytes);
        self.last_packet = now;
        if recovered {
            // Retransmissions say nothing about the path's jitter.
            self.recovered += 1;
            return;
        }
        let ticks = u128::from(now.as_micros()) * u128::from(clock_rate) / 1_000_000;
        let transit = (ticks as u32).wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = u64::from(transit.wrapping_sub(before).cast_signed().unsigned_abs());
            // A step of the sender's clock is no jitter.
            let difference = difference.min(u64::from(clock_rate));
            self.jitter = self
                .jitter
                .saturating_add(difference)
                .saturating_sub((self.jitter + 8) >> 4);
        }
    }

    pub(crate) fn sender_report(&mut self, ntp: u64, now: Now) {
        self.last_report = Some(LastReport {
            middle: (ntp >> 16) as u32,
            arrival: now,
        });
    }

    /// Highest index so far.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.base.map(|_| self.highest)
    }

    fn expected(&self) -> u64 {
        self.base.map_or(0, |base| self.highest.saturating_sub(base) + 1)
    }

    pub(crate) fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.packets)
    }

    pub(crate) fn jitter_us(&self, clock_rate: u32) -> u64 {
        (self.jitter >> 4)
            .saturating_mul(1_000_000)
            .checked_div(u64::from(clock_rate))
            .unwrap_or(0)
    }

    /// The report block for the time since the one before. `floor`: report at least this loss.
    pub(crate) fn block(&mut self, now: Now, floor: u8) -> Block {
        let expected = self.expected();
        let expected_interval = expected.saturating_sub(self.expected_before);
        let received_interval = self.packets.saturating_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.packets;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction = (lost_interval * 256)
            .checked_div(expected_interval)
            .unwrap_or(0)
            .min(255) as u8;
        let cumulative =
            i64::try_from(expected).unwrap_or(i64::MAX) - i64::try_from(self.packets).unwrap_or(i64::MAX);
        let delay = self.last_report.map_or(0, |report| {
            let micros = u64::try_from(now.since(report.arrival).as_micros()).unwrap_or(u64::MAX);
            u32::try_from(u128::from(micros) * 65_536 / 1_000_000).unwrap_or(u32::MAX)
        });
        Block {
            fraction_lost: fraction.max(floor),
            cumulative_lost: cumulative.clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: self.highest as u32,
            jitter: (self.jitter >> 4) as u32,
            last_sr: self.last_report.map_or(0, |report| report.middle),
            delay_since_last_sr: delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_of_the_interval_and_in_all() {
        let mut stream = ReceiveStatistics::default();
        for index in (100..200u64).filter(|index| index % 4 != 0) {
            stream.packet(index + 1, 0, 10, 90_000, Now::default(), false);
        }
        let block = stream.block(Now::default(), 0);
        assert_eq!(block.cumulative_lost, 24);
        assert_eq!(block.fraction_lost, (24 * 256 / 99) as u8);
        assert_eq!(block.highest_sequence, 200);
        assert_eq!(stream.block(Now::default(), 7).fraction_lost, 7);
    }

    #[test]
    fn a_steady_stream_has_no_jitter_and_a_shaken_one_has() {
        let mut steady = ReceiveStatistics::default();
        let mut shaken = ReceiveStatistics::default();
        for index in 0..500u64 {
            let timestamp = (index * 960) as u32;
            let at = Now::from_millis(index * 20);
            steady.packet(index, timestamp, 10, 48_000, at, false);
            let shake = std::time::Duration::from_millis(10 * (index % 2));
            shaken.packet(index, timestamp, 10, 48_000, at + shake, false);
        }
        assert_eq!(steady.jitter_us(48_000), 0);
        assert!(
            (9_000..=10_100).contains(&shaken.jitter_us(48_000)),
            "{}",
            shaken.jitter_us(48_000)
        );
    }

    #[test]
    fn delay_since_the_last_sender_report() {
        let mut stream = ReceiveStatistics::default();
        stream.packet(1, 0, 10, 90_000, Now::default(), false);
        stream.sender_report(0x1234_5678_9abc_def0, Now::from_millis(1000));
        let block = stream.block(Now::from_millis(1500), 0);
        assert_eq!((block.last_sr, block.delay_since_last_sr), (0x5678_9abc, 32_768));
    }
}
