//! Transport-wide congestion control, receiving side: when which packet arrived, told to the publisher every 100 ms
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01). Browsers keep to the lowest rate without it.

use std::collections::VecDeque;
use std::time::Duration;

use rheon_engine_wire::sequence::SequenceUnwrapper;

use crate::now::Now;

/// Time between two feedback packets while media arrives.
pub(crate) const FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);
/// Numbers one feedback packet covers, and the recorder remembers at most.
const WINDOW: u64 = 1000;

#[derive(Debug, Default)]
pub(crate) struct Recorder {
    unwrapper: SequenceUnwrapper,
    /// First number not reported yet.
    base: Option<u64>,
    /// Arrivals from `base` on.
    arrivals: VecDeque<Option<Now>>,
    pub(crate) feedback_count: u8,
}

impl Recorder {
    /// A packet with this number arrived.
    pub(crate) fn arrived(&mut self, sequence: u16, now: Now) {
        let number = self.unwrapper.unwrap(sequence);
        let base = *self.base.get_or_insert(number);
        // Reported as lost already: the draft has no way to take that back but another report, which nobody expects.
        let Some(ahead) = number.checked_sub(base) else {
            return;
        };
        if ahead >= WINDOW {
            self.arrivals.clear();
            self.base = Some(number);
            self.arrivals.push_back(Some(now));
            return;
        }
        let ahead = ahead as usize;
        if self.arrivals.len() <= ahead {
            self.arrivals.resize(ahead + 1, None);
        }
        if let Some(slot) = self.arrivals.get_mut(ahead) {
            slot.get_or_insert(now);
        }
    }

    /// Something to report.
    pub(crate) fn pending(&self) -> bool {
        !self.arrivals.is_empty()
    }

    /// What to report: first number and the arrivals from it on; `reported` moves on.
    pub(crate) fn report(&self) -> Option<(u16, &VecDeque<Option<Now>>)> {
        self.base
            .filter(|_| self.pending())
            .map(|base| (base as u16, &self.arrivals))
    }

    /// The first `count` numbers were reported.
    pub(crate) fn reported(&mut self, count: usize) {
        let count = count.min(self.arrivals.len());
        self.arrivals.drain(..count);
        self.base = self.base.map(|base| base.saturating_add(count as u64));
        self.feedback_count = self.feedback_count.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_every_number_once_across_the_wrap() {
        let mut recorder = Recorder::default();
        let mut reported = Vec::new();
        for number in (65_000..67_000u32).filter(|number| number % 10 != 3) {
            recorder.arrived(number as u16, Now::from_millis(u64::from(number)));
            if number % 50 == 0 {
                let (base, arrivals) = recorder.report().expect("pending");
                reported.extend(
                    (0..arrivals.len()).map(|n| (base.wrapping_add(n as u16), arrivals[n].is_some())),
                );
                let count = arrivals.len();
                recorder.reported(count);
            }
        }
        assert!(
            reported
                .windows(2)
                .all(|pair| pair[1].0 == pair[0].0.wrapping_add(1))
        );
        assert!(reported.iter().all(|(number, arrived)| {
            let number = if *number < 60_000 {
                u32::from(*number) + 65_536
            } else {
                u32::from(*number)
            };
            *arrived == (number % 10 != 3)
        }));
    }

    #[test]
    fn a_jump_starts_over() {
        let mut recorder = Recorder::default();
        recorder.arrived(1, Now::default());
        recorder.arrived(20_000, Now::default());
        assert_eq!(
            recorder.report().map(|(base, arrivals)| (base, arrivals.len())),
            Some((20_000, 1))
        );
    }
}
