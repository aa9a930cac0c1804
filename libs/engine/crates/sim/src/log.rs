//! What really happened: frames published, packets that reached the engine, clocks of the publishers.

use std::collections::{BTreeMap, HashMap};

use rheon_engine_wire::vp8::Descriptor;

use crate::truth::Tag;

/// A published frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTruth {
    /// Tag of its first packet.
    pub first: Tag,
    /// When its first packet was sent.
    pub at: u64,
}

/// The linear relation of a publisher's NTP clock and the RTP timestamps of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// NTP time (32.32) at which the RTP timestamp was `timestamp`.
    pub ntp: u64,
    /// RTP timestamp at `ntp`.
    pub timestamp: u32,
    /// Ticks per second.
    pub rate: u32,
}

impl Clock {
    /// The RTP timestamp at an NTP time.
    pub fn timestamp_at(&self, ntp: u64) -> u32 {
        let elapsed = i128::from(ntp) - i128::from(self.ntp);
        let ticks = (elapsed * i128::from(self.rate)) >> 32;
        self.timestamp.wrapping_add(ticks.rem_euclid(1 << 32) as u32)
    }
}

#[derive(Debug, Clone, Copy)]
struct Arrival {
    at: u64,
    /// A later packet of the stream was there before.
    late: bool,
}

/// The log of one simulated call. Streams are numbered over the whole call.
#[derive(Debug, Default)]
pub struct Log {
    frames: BTreeMap<(u16, u32), FrameTruth>,
    arrivals: HashMap<(u16, u32), Arrival>,
    highest: HashMap<u16, u32>,
    clocks: HashMap<u16, Clock>,
    reports: HashMap<u16, u64>,
}

impl Log {
    /// A publisher sends the first packet of a frame.
    pub fn published(&mut self, at: u64, first: Tag) {
        self.frames
            .insert((first.stream, first.frame), FrameTruth { first, at });
    }

    /// The clock of a new stream.
    pub fn clock(&mut self, stream: u16, clock: Clock) {
        self.clocks.insert(stream, clock);
    }

    /// A packet reached the engine, as itself or as its retransmission.
    pub fn arrived(&mut self, at: u64, stream: u16, sequence: u32) {
        let highest = self.highest.entry(stream).or_insert(sequence);
        let late = sequence < *highest;
        *highest = sequence.max(*highest);
        self.arrivals
            .entry((stream, sequence))
            .or_insert(Arrival { at, late });
    }

    /// A packet with this payload was dropped inside the engine: as good as never arrived.
    pub fn lost(&mut self, payload: &[u8]) {
        let video = Descriptor::parse(payload)
            .ok()
            .and_then(|read| payload.get(read.len..));
        let tag = Tag::read(payload).or_else(|| Tag::read(video?));
        if let Some(tag) = tag {
            self.arrivals.remove(&(tag.stream, tag.sequence));
        }
    }

    /// A sender report of a stream reached the engine: of one it does not know yet it tells nothing.
    pub fn reported(&mut self, at: u64, stream: u16) {
        if self.highest.contains_key(&stream) {
            self.reports.entry(stream).or_insert(at);
        }
    }

    /// The clock of a stream.
    pub fn clock_of(&self, stream: u16) -> Option<Clock> {
        self.clocks.get(&stream).copied()
    }

    /// The clock of a stream once the engine can know it.
    pub fn reported_clock(&self, stream: u16, at: u64) -> Option<Clock> {
        self.reports.get(&stream).filter(|first| **first <= at)?;
        self.clocks.get(&stream).copied()
    }

    /// How many packets strictly between two of one stream had not reached the engine by `at`.
    pub fn missing_between(&self, stream: u16, after: u32, before: u32, at: u64) -> u64 {
        let absent = |s: &u32| {
            self.arrivals
                .get(&(stream, *s))
                .is_none_or(|arrival| arrival.at > at)
        };
        (after.saturating_add(1)..before).filter(absent).count() as u64
    }

    /// When a packet first reached the engine.
    pub fn arrival(&self, stream: u16, sequence: u32) -> Option<u64> {
        self.arrivals.get(&(stream, sequence)).map(|arrival| arrival.at)
    }

    /// How many packets strictly between two of one stream came never or after a later one, so that the engine had to
    /// leave their places open.
    pub fn open_between(&self, stream: u16, after: u32, before: u32) -> u64 {
        let open = |s: &u32| {
            self.arrivals
                .get(&(stream, *s))
                .is_none_or(|arrival| arrival.late)
        };
        (after.saturating_add(1)..before).filter(open).count() as u64
    }

    /// How many media packets strictly between two of one stream (given as frame and number) were there in time, so
    /// that nothing keeps the engine from forwarding them.
    pub fn present_between(&self, stream: u16, after: (u32, u32), before: (u32, u32)) -> u64 {
        let frames = self
            .frames
            .range((stream, after.0)..=(stream, before.0.max(after.0)));
        let numbers = frames.flat_map(|(_, frame)| {
            let first = frame.first.sequence;
            first..first + u32::from(frame.first.count)
        });
        let between = numbers.filter(|number| *number > after.1 && *number < before.1);
        let present = |number: &u32| {
            self.arrivals
                .get(&(stream, *number))
                .is_some_and(|arrival| !arrival.late)
        };
        between.filter(present).count() as u64
    }

    /// How many frames strictly between two of one stream have such open places.
    pub fn open_frames_between(&self, stream: u16, after: u32, before: u32) -> u64 {
        let frames = self
            .frames
            .range((stream, after.saturating_add(1))..(stream, before.max(after + 1)));
        let open = frames.filter(|(_, frame)| {
            let first = frame.first.sequence;
            self.open_between(
                stream,
                first.wrapping_sub(1),
                first + u32::from(frame.first.count),
            ) > 0
        });
        open.count() as u64
    }

    /// How many streams were declared.
    pub fn stream_count(&self) -> usize {
        self.clocks.len()
    }

    /// The published frames of a stream, in order.
    pub fn frames(&self, stream: u16) -> impl Iterator<Item = &FrameTruth> {
        self.frames
            .range((stream, 0)..=(stream, u32::MAX))
            .map(|(_, frame)| frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_late_packets_leave_open_places() {
        let mut log = Log::default();
        for frame in 0..4 {
            log.published(
                0,
                Tag {
                    stream: 1,
                    frame,
                    sequence: 100 + frame * 3,
                    count: 3,
                    ..Tag::default()
                },
            );
        }
        for sequence in (100..112).filter(|s| *s != 104 && *s != 109) {
            log.arrived(50, 1, sequence);
        }
        assert_eq!(log.missing_between(1, 102, 106, 60), 1);
        assert_eq!(log.missing_between(1, 102, 106, 40), 3);
        log.arrived(70, 1, 104);
        log.arrived(90, 1, 104);
        assert_eq!(log.missing_between(1, 102, 106, 70), 0);
        assert_eq!(log.open_between(1, 102, 106), 1);
        assert_eq!(
            (log.open_frames_between(1, 0, 3), log.open_frames_between(1, 1, 3)),
            (1, 0)
        );
    }

    #[test]
    fn a_clock_runs_both_ways_and_wraps() {
        let clock = Clock {
            ntp: 10 << 32,
            timestamp: u32::MAX,
            rate: 90_000,
        };
        assert_eq!(clock.timestamp_at(11 << 32), 89_999);
        assert_eq!(clock.timestamp_at(9 << 32), u32::MAX - 90_000);
    }
}
