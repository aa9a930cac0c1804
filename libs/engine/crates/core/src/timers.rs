//! When something is due. A heap with one live entry per transport and per source: idle ones cost nothing until then.
//!
//! Entries are never searched for. Whoever arms a timer keeps its moment; an entry that comes up with another moment
//! than its owner's is stale and is thrown away.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::ids::{TrackId, TransportId};
use crate::now::Now;

/// Whose timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerOwner {
    Transport(TransportId),
    Source(TrackId),
}

/// The moment an owner's live heap entry stands at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Armed(Option<Now>);

#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Now, TimerOwner)>>,
}

impl Timers {
    /// Make sure the owner comes up at `at` or before. An earlier entry stays and re-arms when it comes up.
    pub(crate) fn arm(&mut self, at: Now, owner: TimerOwner, armed: &mut Armed) {
        if armed.0.is_some_and(|earlier| earlier <= at) {
            return;
        }
        armed.0 = Some(at);
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
    /// True if the entry that came up at `at` is the live one, which it then no longer is.
    pub(crate) fn fired(&mut self, at: Now) -> bool {
        let live = self.0 == Some(at);
        if live {
            self.0 = None;
        }
        live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_deadline_replaces_a_later_one() {
        let mut timers = Timers::default();
        let mut armed = Armed::default();
        let owner = TimerOwner::Source(TrackId(1));
        timers.arm(Now::from_millis(9), owner, &mut armed);
        timers.arm(Now::from_millis(20), owner, &mut armed);
        timers.arm(Now::from_millis(5), owner, &mut armed);
        assert_eq!(timers.next(), Some(Now::from_millis(5)));
        let (at, _) = timers.pop_due(Now::from_millis(30)).expect("due");
        assert!(armed.fired(at));
        let (at, _) = timers.pop_due(Now::from_millis(30)).expect("stale");
        assert!(!armed.fired(at));
        assert!(timers.pop_due(Now::from_millis(30)).is_none());
    }
}
