//! Which packets of a publisher's streams are missing, and when to ask for them again (RFC 4585 §6.2.1).
//!
//! One list per transport, so that its bound is one number and requests go out batched. A missing packet is asked for
//! shortly after the gap showed (reordering fills most gaps by itself), then not before the answer must have come.

use std::collections::VecDeque;
use std::time::Duration;

use crate::caps::MAX_NACK_LIST;
use crate::now::Now;

/// Time a gap may fill by itself.
const REORDERING: Duration = Duration::from_millis(5);
/// Requests per packet.
const MAX_TRIES: u8 = 10;
/// Nobody waits longer for a packet.
const MAX_AGE: Duration = Duration::from_secs(1);
/// Least time between two requests, however fast the answers.
const MIN_RETRY: Duration = Duration::from_millis(20);
/// A larger gap is no loss to repair: the ring could not take the packets.
const MAX_GAP: u64 = 500;

#[derive(Clone, Copy, Debug)]
struct Missing {
    ssrc: u32,
    index: u64,
    since: Now,
    due: Now,
    tries: u8,
}

#[derive(Debug, Default)]
pub(crate) struct NackList {
    /// In the order the gaps showed.
    missing: VecDeque<Missing>,
    /// Nothing is due before; `None`: the list is empty.
    next: Option<Now>,
}

impl NackList {
    /// Packets between `newest` and `index` of a stream are missing. Returns how many were given up for room.
    pub(crate) fn gap(&mut self, ssrc: u32, newest: u64, index: u64, now: Now) -> u64 {
        if index.saturating_sub(newest) > MAX_GAP {
            return 0;
        }
        let due = now + REORDERING;
        let mut given_up = 0;
        for index in newest.saturating_add(1)..index {
            if self.missing.len() >= MAX_NACK_LIST {
                self.missing.pop_front();
                given_up += 1;
            }
            self.missing.push_back(Missing {
                ssrc,
                index,
                since: now,
                due,
                tries: 0,
            });
        }
        if !self.missing.is_empty() {
            self.next = Some(self.next.map_or(due, |next| next.min(due)));
        }
        given_up
    }

    /// A packet that was missing arrived. True if it was still waited for.
    pub(crate) fn arrived(&mut self, ssrc: u32, index: u64) -> bool {
        let found = self
            .missing
            .iter()
            .position(|missing| missing.index == index && missing.ssrc == ssrc);
        if let Some(position) = found {
            self.missing.remove(position);
        }
        if self.missing.is_empty() {
            self.next = None;
        }
        found.is_some()
    }

    pub(crate) fn forget(&mut self, ssrc: u32) {
        self.missing.retain(|missing| missing.ssrc != ssrc);
    }

    pub(crate) fn due(&self) -> Option<Now> {
        self.next
    }

    /// Numbers to ask for now, as (SSRC, index) sorted, into `out`. `answer_time`: how long an answer may take.
    pub(crate) fn collect(&mut self, now: Now, answer_time: Duration, out: &mut Vec<(u32, u64)>) {
        out.clear();
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        let retry = answer_time.max(MIN_RETRY);
        self.missing
            .retain(|missing| missing.tries < MAX_TRIES && now.since(missing.since) < MAX_AGE);
        for missing in self.missing.iter_mut().filter(|missing| missing.due <= now) {
            missing.tries += 1;
            missing.due = now + retry;
            out.push((missing.ssrc, missing.index));
        }
        self.next = self.missing.iter().map(|missing| missing.due).min();
        out.sort_unstable();
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.missing.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(80);

    fn requests(list: &mut NackList, millis: u64) -> Vec<u64> {
        let mut out = Vec::new();
        list.collect(Now::from_millis(millis), RTT, &mut out);
        out.into_iter().map(|(_, index)| index).collect()
    }

    #[test]
    fn asks_after_reordering_had_its_chance_and_once_per_round_trip() {
        let mut list = NackList::default();
        list.gap(1, 10, 13, Now::default());
        assert_eq!(requests(&mut list, 4), [0; 0]);
        assert!(list.arrived(1, 12));
        assert!(!list.arrived(1, 12));
        assert_eq!(requests(&mut list, 5), [11]);
        assert!((6..85).all(|t| requests(&mut list, t).is_empty()));
        assert_eq!(requests(&mut list, 85), [11]);
    }

    #[test]
    fn gives_up() {
        let mut list = NackList::default();
        list.gap(1, 10, 12, Now::default());
        let asked: usize = (0..5000).map(|t| requests(&mut list, t).len()).sum();
        assert_eq!(asked, MAX_TRIES as usize);
        assert_eq!((list.len(), list.due()), (0, None));
    }

    #[test]
    fn is_bounded() {
        let mut list = NackList::default();
        let given_up: u64 = (0..10)
            .map(|n| list.gap(1, n * 1000, n * 1000 + 400, Now::default()))
            .sum();
        assert_eq!(list.len(), MAX_NACK_LIST);
        assert_eq!(given_up, 3990 - MAX_NACK_LIST as u64);
        assert_eq!(list.gap(1, 0, 1 << 40, Now::default()), 0);
    }
}
