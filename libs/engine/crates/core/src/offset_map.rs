//! Running numbers of a stream some members of which are left out: what each input number becomes.
//!
//! Intervals over unwrapped input numbers, each with the difference to its output. A number left out stays left out,
//! and one that arrives late takes the place it would have had. Used for sequence numbers and picture ids.

use std::collections::VecDeque;

/// Intervals remembered; older input numbers map to nothing. Every second frame of a ring of single-packet frames.
const INTERVALS: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Interval {
    /// First input number; it ends where the next one starts.
    start: u64,
    /// Input minus output; `None`: left out.
    offset: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct OffsetMap {
    intervals: VecDeque<Interval>,
    /// Highest input number mapped or left out.
    newest: Option<u64>,
}

impl OffsetMap {
    /// Forget everything: `input` becomes `output`, what is before it nothing.
    pub(crate) fn start(&mut self, input: u64, output: u64) {
        self.intervals.clear();
        self.intervals.push_back(Interval {
            start: input,
            offset: Some(input.wrapping_sub(output)),
        });
        self.newest = input.checked_sub(1);
    }

    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// What the number becomes; `None`: left out, before the start, or forgotten.
    pub(crate) fn map(&mut self, input: u64) -> Option<u64> {
        if self.newest.is_none_or(|newest| input > newest) {
            self.newest = Some(input);
        }
        self.peek(input)
    }

    /// As `map`, without counting the number as seen.
    pub(crate) fn peek(&self, input: u64) -> Option<u64> {
        let interval = self
            .intervals
            .iter()
            .rev()
            .find(|interval| interval.start <= input)?;
        interval.offset.map(|offset| input.wrapping_sub(offset))
    }

    /// Count a number as seen that is not sent and keeps its place, empty.
    pub(crate) fn pass_over(&mut self, input: u64) {
        self.newest = self.newest.max(Some(input));
    }

    /// Leave a number out, so that the next one takes its place. A number below one already seen keeps its place, empty.
    pub(crate) fn leave_out(&mut self, input: u64) {
        if self.newest.is_some_and(|newest| input <= newest) {
            return;
        }
        self.newest = Some(input);
        let first = self.intervals.len() == 1;
        let Some(last) = self.intervals.back_mut() else {
            return;
        };
        let Some(offset) = last.offset else { return };
        let following = Interval {
            start: input.wrapping_add(1),
            offset: Some(offset.wrapping_add(1)),
        };
        if last.start == input && !first {
            // The number before was left out as well: that interval grows.
            *last = following;
            return;
        }
        if last.start == input {
            last.offset = None;
        } else {
            self.intervals.push_back(Interval {
                start: input,
                offset: None,
            });
        }
        self.intervals.push_back(following);
        while self.intervals.len() > INTERVALS {
            self.intervals.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_left_out_close_up() {
        let mut map = OffsetMap::default();
        map.start(100, 5);
        assert_eq!(map.map(99), None);
        assert_eq!(map.map(100), Some(5));
        map.leave_out(101);
        map.leave_out(102);
        assert_eq!(map.map(103), Some(6));
        assert_eq!(map.map(101), None);
        assert_eq!(map.map(102), None);
        assert_eq!(map.intervals.len(), 3);
    }

    #[test]
    fn a_late_number_keeps_its_place() {
        let mut map = OffsetMap::default();
        map.start(10, 0);
        assert_eq!(map.map(10), Some(0));
        map.leave_out(13);
        assert_eq!(map.map(14), Some(3));
        assert_eq!(map.map(11), Some(1));
        map.leave_out(12);
        assert_eq!(map.map(15), Some(4));
    }

    #[test]
    fn leaving_out_the_first_number() {
        let mut map = OffsetMap::default();
        map.start(10, 7);
        map.leave_out(10);
        map.leave_out(11);
        assert_eq!(map.map(12), Some(7));
        assert_eq!(map.map(10), None);
    }

    #[test]
    fn never_two_inputs_on_one_output_and_always_bounded() {
        let mut map = OffsetMap::default();
        map.start(0, 1000);
        let mut last = None;
        for number in 0..10_000u64 {
            if number % 3 == 1 {
                map.leave_out(number);
            } else {
                let output = map.map(number);
                assert!(output > last);
                last = output;
            }
            assert!(map.intervals.len() <= INTERVALS);
        }
    }
}
