//! The key-frame gate of one layer: however many subscribers ask, the publisher is asked rarely, and until it delivers.

use std::time::Duration;

use crate::now::Now;

/// Least time between two requests to the publisher.
pub(crate) const REQUEST_INTERVAL: Duration = Duration::from_millis(500);
/// A request not answered is repeated ever more slowly, up to this: a muted camera answers none.
const SLOWEST_REPEAT: Duration = Duration::from_secs(4);
/// Requests one subscriber may make ...
const SUBSCRIBER_REQUESTS: usize = 3;
/// ... in this time.
const SUBSCRIBER_WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct KeyFrameGate {
    /// Somebody waits for a key frame.
    wanted: bool,
    last_sent: Option<Now>,
    /// Requests since the last key frame.
    unanswered: u32,
    pub(crate) requests_sent: u64,
}

impl KeyFrameGate {
    /// Somebody needs a key frame, but there is nobody to ask yet.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// Somebody needs a key frame. True: ask the publisher now.
    pub(crate) fn request(&mut self, now: Now, rtt: Duration) -> bool {
        self.wanted = true;
        self.timeout(now, rtt)
    }

    /// When the next request may go out, if one is wanted.
    pub(crate) fn due(&self, rtt: Duration) -> Option<Now> {
        if !self.wanted {
            return None;
        }
        let Some(last) = self.last_sent else {
            return Some(Now::default());
        };
        let doublings = self.unanswered.saturating_sub(1).min(3);
        let interval = REQUEST_INTERVAL
            .saturating_mul(1 << doublings)
            .min(SLOWEST_REPEAT)
            .max(rtt);
        Some(last + interval)
    }

    /// True: ask the publisher (again) now.
    pub(crate) fn timeout(&mut self, now: Now, rtt: Duration) -> bool {
        let due = self.due(rtt).is_some_and(|due| due <= now);
        if due {
            self.last_sent = Some(now);
            self.unanswered = self.unanswered.saturating_add(1);
            self.requests_sent = self.requests_sent.saturating_add(1);
        }
        due
    }

    /// A key frame arrived.
    pub(crate) fn answered(&mut self) {
        self.wanted = false;
        self.unanswered = 0;
    }

    /// Nobody waits any more.
    pub(crate) fn forget(&mut self) {
        self.answered();
    }
}

/// How often one subscriber may ask.
#[derive(Debug, Default)]
pub(crate) struct RequestLimit {
    recent: [Option<Now>; SUBSCRIBER_REQUESTS],
}

impl RequestLimit {
    /// True: the request counts; false: too many lately.
    pub(crate) fn allow(&mut self, now: Now) -> bool {
        let free = self
            .recent
            .iter_mut()
            .find(|slot| slot.is_none_or(|at| now.since(at) >= SUBSCRIBER_WINDOW));
        match free {
            Some(slot) => {
                *slot = Some(now);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(50);

    fn at(millis: u64) -> Now {
        Now::from_millis(millis)
    }

    #[test]
    fn many_requests_become_one() {
        let mut gate = KeyFrameGate::default();
        assert!(gate.request(at(1000), RTT));
        assert!((1001..1499).all(|t| !gate.request(at(t), RTT)));
        assert_eq!(gate.due(RTT), Some(at(1500)));
        gate.answered();
        assert_eq!(gate.due(RTT), None);
        assert!(!gate.timeout(at(1500), RTT));
    }

    #[test]
    fn repeats_until_answered_ever_more_slowly() {
        let mut gate = KeyFrameGate::default();
        gate.request(at(0), RTT);
        let sent: Vec<u64> = (1..20_000).filter(|t| gate.timeout(at(*t), RTT)).collect();
        assert_eq!(sent, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500]);
    }

    #[test]
    fn an_answered_request_does_not_shorten_the_interval() {
        let mut gate = KeyFrameGate::default();
        assert!(gate.request(at(0), RTT));
        gate.answered();
        assert!(!gate.request(at(100), RTT));
        assert_eq!(gate.due(RTT), Some(at(500)));
        assert!(gate.timeout(at(500), RTT));
    }

    #[test]
    fn a_subscriber_has_three_in_ten_seconds() {
        let mut limit = RequestLimit::default();
        let allowed = (0..20_000).step_by(100).filter(|t| limit.allow(at(*t))).count();
        assert_eq!(allowed, 6);
    }
}
