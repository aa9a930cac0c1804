//! The RTP time of one forward's outgoing stream: the publisher's, shifted by a constant, and joined where another of its
//! streams takes over.

use std::time::Duration;

use crate::now::Now;
use crate::source::{Layer, SenderClock};

/// Sender reports that tell a time further than this from what arrival tells are not believed.
const BELIEVED: Duration = Duration::from_secs(2);
/// Time runs this much more slowly where a stream that takes over starts with frames older than what was sent.
const SQUEEZE: u32 = 64;
/// Ticks after which a squeeze is long over (three minutes of a video clock).
const FORGOTTEN: u32 = 1 << 24;

/// One of a publisher's streams: a layer, and which break of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) layer: u8,
    pub(crate) epoch: u32,
}

impl Origin {
    fn clock(self, layers: &[Layer]) -> Option<SenderClock> {
        let clock = layers.get(usize::from(self.layer))?.clock?;
        (clock.epoch == self.epoch).then_some(clock)
    }
}

/// Frames from before the join, sent close together behind what was sent already.
#[derive(Clone, Copy, Debug)]
struct Squeeze {
    /// First RTP time of the stream.
    from: u32,
    /// What it is sent as.
    to: u32,
    /// Ticks of the stream for which it lasts.
    width: u32,
}

/// The moment of one frame: its RTP time and its arrival.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) timestamp: u32,
    pub(crate) arrival: Now,
}

#[derive(Debug)]
pub(crate) struct Timeline {
    offset: u32,
    origin: Origin,
    squeeze: Option<Squeeze>,
}

impl Timeline {
    pub(crate) fn new(offset: u32) -> Self {
        Self {
            offset,
            origin: Origin::default(),
            squeeze: None,
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// The first stream starts.
    pub(crate) fn start(&mut self, origin: Origin) {
        self.origin = origin;
    }

    /// Another stream takes over behind `last`, the newest frame sent: at the time the sender reports of both tell, else at
    /// the time its first frame arrived, and always later.
    pub(crate) fn join(
        &mut self,
        origin: Origin,
        first: Moment,
        last: Moment,
        layers: &[Layer],
        clock_rate: u32,
    ) {
        let by_arrival = last
            .timestamp
            .wrapping_add(signed_ticks(last.arrival, first.arrival, clock_rate))
            .wrapping_sub(first.timestamp);
        let by_reports = self.by_reports(origin, layers, clock_rate).filter(|offset| {
            let apart = offset.wrapping_sub(by_arrival).cast_signed().unsigned_abs();
            apart <= ticks(BELIEVED, clock_rate)
        });
        self.offset = by_reports.unwrap_or(by_arrival);
        self.origin = origin;
        let to = last.timestamp.wrapping_add(1);
        let behind = to.wrapping_sub(first.timestamp.wrapping_add(self.offset));
        self.squeeze = (behind.cast_signed() > 0).then(|| Squeeze {
            from: first.timestamp,
            to,
            width: (u64::from(behind) * u64::from(SQUEEZE) / u64::from(SQUEEZE - 1)) as u32 + 1,
        });
    }

    fn by_reports(&self, origin: Origin, layers: &[Layer], clock_rate: u32) -> Option<u32> {
        let (before, after) = (self.origin.clock(layers)?, origin.clock(layers)?);
        let apart = i128::from(after.ntp.wrapping_sub(before.ntp).cast_signed());
        let apart = (apart * i128::from(clock_rate)) >> 32;
        let apart = apart.rem_euclid(1 << 32).cast_unsigned() as u32;
        let offset = before.rtp.wrapping_sub(after.rtp).wrapping_add(apart);
        Some(offset.wrapping_add(self.offset))
    }

    /// The outgoing time of a frame of the present stream.
    pub(crate) fn frame(&mut self, timestamp: u32) -> u32 {
        if let Some(squeeze) = self.squeeze {
            let since = timestamp.wrapping_sub(squeeze.from);
            if since < squeeze.width {
                return squeeze.to.wrapping_add(since / SQUEEZE);
            }
            if (FORGOTTEN..1 << 31).contains(&since) {
                self.squeeze = None;
            }
        }
        self.shifted(timestamp)
    }

    /// The outgoing time of a moment of the present stream: what sender reports tell.
    pub(crate) fn shifted(&self, timestamp: u32) -> u32 {
        timestamp.wrapping_add(self.offset)
    }
}

/// A span in RTP ticks, wrapping.
pub(crate) fn ticks(span: Duration, clock_rate: u32) -> u32 {
    (span.as_micros() * u128::from(clock_rate) / 1_000_000) as u32
}

/// Ticks from one time to another, which may be before it.
fn signed_ticks(from: Now, to: Now, clock_rate: u32) -> u32 {
    if to >= from {
        ticks(to.since(from), clock_rate)
    } else {
        ticks(from.since(to), clock_rate).wrapping_neg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 90_000;

    fn layers(clocks: [Option<SenderClock>; 2]) -> Vec<Layer> {
        let layer = |clock| {
            let mut layer = Layer::default();
            layer.clock = clock;
            layer
        };
        clocks.into_iter().map(layer).collect()
    }

    fn clock(ntp: u64) -> SenderClock {
        SenderClock {
            ntp,
            rtp: 0,
            arrival: Now::default(),
            epoch: 0,
        }
    }

    fn moment(timestamp: u32, millis: u64) -> Moment {
        Moment {
            timestamp,
            arrival: Now::from_millis(millis),
        }
    }

    const SECOND: Origin = Origin { layer: 1, epoch: 0 };

    fn joined(clocks: [Option<SenderClock>; 2], first: Moment, last: Moment) -> Timeline {
        let mut timeline = Timeline::new(500);
        timeline.start(Origin::default());
        timeline.join(SECOND, first, last, &layers(clocks), RATE);
        timeline
    }

    #[test]
    fn arrival_tells_until_reports_do() {
        let mut timeline = joined([None, None], moment(7, 1033), moment(1000, 1000));
        assert_eq!(timeline.frame(7), 1000 + 2970);
        // The second stream's 0 was a second after the first one's 0: its 7 is 90_007 there.
        let reports = [Some(clock(5 << 32)), Some(clock(6 << 32))];
        let mut timeline = joined(reports, moment(7, 2000), moment(89_000, 1000));
        assert_eq!(timeline.frame(7), 90_007 + 500);
    }

    #[test]
    fn reports_that_cannot_be_are_not_believed() {
        let reports = [Some(clock(5 << 32)), Some(clock(600 << 32))];
        let mut timeline = joined(reports, moment(7, 1033), moment(1000, 1000));
        assert_eq!(timeline.frame(7), 1000 + 2970);
    }

    #[test]
    fn frames_of_the_past_follow_closely_and_time_catches_up_with_the_truth() {
        let reports = [Some(clock(0)), Some(clock(0))];
        for behind in [0, 1, 100, 3000, 45_000, 100_000] {
            let last = moment(500 + 200_000, 2000);
            let start = 200_000 - behind;
            let mut timeline = joined(reports, moment(start, 2000), last);
            let mut before = last.timestamp;
            for frame in 0..400 {
                let timestamp = start + frame * 750;
                let sent = timeline.frame(timestamp);
                assert!(sent.wrapping_sub(before) < 1 << 31 && sent != before);
                before = sent;
                if timestamp > 200_000 + behind / 32 + 2 {
                    assert_eq!(sent, timestamp + 500);
                }
            }
        }
    }
}
