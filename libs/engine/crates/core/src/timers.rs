//! When something is due. A heap with a few entries per transport and per source: idle ones cost nothing until then.
//!
//! Entries are never searched for. Whoever arms a timer keeps its moments (`Armed`); an entry that comes up with a
//! moment its owner does not know is stale and is thrown away.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::ids::{TrackId, TransportId};
use crate::now::Now;

/// Whose timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerOwner {
    Transport(TransportId),
    Source(TrackId),
    /// A reader that attached before the track was there.
    EarlyReader(TrackId),
}

/// Moments of one owner in the heap that are remembered.
const QUEUED: usize = 4;

/// The moments an owner's live heap entries stand at, the latest first: what is due in seconds waits below what is
/// due in milliseconds, and is not queued again when that was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Armed {
    queued: [Now; QUEUED],
    len: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Now, TimerOwner)>>,
}

impl Timers {
    /// Make sure the owner comes up at `at` or before. An earlier entry stays and re-arms when it comes up.
    pub(crate) fn arm(&mut self, at: Now, owner: TimerOwner, armed: &mut Armed) {
        if armed.next().is_some_and(|earlier| earlier <= at) {
            return;
        }
        armed.push(at);
        self.heap.push(Reverse((at, owner)));
    }

    /// Queue a moment nobody keeps: its owner has to look whether it still matters.
    pub(crate) fn once(&mut self, at: Now, owner: TimerOwner) {
        self.heap.push(Reverse((at, owner)));
    }

    pub(crate) fn next(&self) -> Option<Now> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// The next entry that is due; its owner checks it with `Armed::fired`.
    pub(crate) fn pop_due(&mut self, now: Now) -> Option<(Now, TimerOwner)> {
        self.next().filter(|at| *at <= now)?;
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

impl Armed {
    fn next(&self) -> Option<Now> {
        self.queued.get(self.len.checked_sub(1)?).copied()
    }

    /// Queue a moment before all others. With no room left the next one is forgotten, and its entry goes stale.
    fn push(&mut self, at: Now) {
        self.len = self.len.saturating_add(1).min(QUEUED);
        if let Some(slot) = self.len.checked_sub(1).and_then(|last| self.queued.get_mut(last)) {
            *slot = at;
        }
    }

    /// True if the entry that came up at `at` is a live one, which it then no longer is.
    pub(crate) fn fired(&mut self, at: Now) -> bool {
        let live = self.next() == Some(at);
        if live {
            self.len = self.len.saturating_sub(1);
        }
        live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_deadline_comes_first_and_the_later_one_stays() {
        let mut timers = Timers::default();
        let mut armed = Armed::default();
        let owner = TimerOwner::Source(TrackId(1));
        for millis in [9, 20, 5] {
            timers.arm(Now::from_millis(millis), owner, &mut armed);
        }
        for millis in [5, 9] {
            let (at, _) = timers.pop_due(Now::from_millis(30)).expect("due");
            assert_eq!(at, Now::from_millis(millis));
            assert!(armed.fired(at));
        }
        assert!(timers.pop_due(Now::from_millis(30)).is_none());
    }

    #[test]
    fn a_busy_owner_does_not_fill_the_heap() {
        let mut timers = Timers::default();
        let mut armed = Armed::default();
        let owner = TimerOwner::Source(TrackId(1));
        for millis in 0..10_000 {
            let now = Now::from_millis(millis);
            for ahead in [30_000, 1000, 100, 20, 5] {
                timers.arm(now + std::time::Duration::from_millis(ahead), owner, &mut armed);
            }
            while let Some((at, _)) = timers.pop_due(now) {
                armed.fired(at);
            }
            assert!(timers.heap.len() < 100, "{}", timers.heap.len());
        }
    }
}
