//! The round trip to one peer, smoothed as RFC 6298 §2 does, and how long an answer may take.

use std::time::Duration;

/// Round trip assumed until one was measured.
const DEFAULT: Duration = Duration::from_millis(100);
/// Longest round trip believed.
const MAX: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RoundTrip {
    smoothed: Option<Duration>,
    /// How far measurements are from `smoothed`, smoothed itself.
    variation: Duration,
}

impl RoundTrip {
    /// Smoothed measurements; `None` before the first.
    pub(crate) fn measured(&self) -> Option<Duration> {
        self.smoothed
    }

    /// Round trip to reckon with.
    pub(crate) fn typical(&self) -> Duration {
        self.smoothed.unwrap_or(DEFAULT)
    }

    /// Nearly every answer has come by then; half of them take longer than a typical round trip. Twice the variation is
    /// added, not four times as in RFC 6298: to ask too early costs a packet, too late a frame.
    pub(crate) fn answer_time(&self) -> Duration {
        self.typical() + self.variation * 2
    }

    pub(crate) fn measure(&mut self, measured: Duration) {
        let measured = measured.min(MAX);
        match &mut self.smoothed {
            None => {
                self.smoothed = Some(measured);
                self.variation = measured / 2;
            }
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(measured)) / 4;
                *smoothed = (*smoothed * 7 + measured) / 8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(measurements: impl IntoIterator<Item = u64>) -> RoundTrip {
        let mut round_trip = RoundTrip::default();
        for millis in measurements {
            round_trip.measure(Duration::from_millis(millis));
        }
        round_trip
    }

    #[test]
    fn default_until_measured() {
        assert_eq!(after([]).measured(), None);
        assert_eq!(after([]).answer_time(), DEFAULT);
        assert_eq!(after([40]).measured(), Some(Duration::from_millis(40)));
        assert_eq!(after([40]).answer_time(), Duration::from_millis(80));
        assert_eq!(after([60_000]).measured(), Some(MAX));
    }

    #[test]
    fn answers_of_a_steady_path_are_waited_for_no_longer_than_they_take() {
        let answer_time = after([40; 30]).answer_time();
        assert!(answer_time < Duration::from_millis(41), "{answer_time:?}");
    }

    #[test]
    fn answers_of_an_unsteady_path_are_waited_for() {
        let round_trip = after([40, 80].into_iter().cycle().take(100));
        assert!(round_trip.typical() < Duration::from_millis(70));
        assert!(round_trip.answer_time() > Duration::from_millis(80));
    }
}
