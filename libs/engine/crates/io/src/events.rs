//! The bounded queue of events and answers out of the workers, and the signal that announces them.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::signal::Signal;

/// Whether an event may be lost when nobody takes any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Whoever sent it sends it again (DTLS): taken while fewer than [`REPEATED_CAPACITY`] events wait.
    Repeated,
    /// News: taken while fewer than [`CAPACITY`] events wait.
    News,
    /// The end of something: always taken. There is at most one for each thing that can end, which bounds them.
    Final,
}

/// Events that may wait in all, but for final ones.
pub const CAPACITY: usize = 16_384;

/// Events that may wait for a repeated one to be taken: a flood of DTLS leaves room for everything else.
pub const REPEATED_CAPACITY: usize = 4096;

/// Events, and answers to what was asked, waiting to be taken by the control thread.
#[derive(Debug)]
pub struct EventQueue<E, A> {
    waiting: Mutex<State<E, A>>,
    signal: Signal,
}

#[derive(Debug)]
struct State<E, A> {
    waiting: VecDeque<E>,
    lost: u64,
    /// At most one for each question asked and each worker.
    answers: Vec<A>,
}

impl<E, A> EventQueue<E, A> {
    /// An empty queue. Fails only without descriptors.
    pub fn new() -> io::Result<Self> {
        let state = State {
            waiting: VecDeque::new(),
            lost: 0,
            answers: Vec::new(),
        };
        Ok(Self {
            waiting: Mutex::new(state),
            signal: Signal::new()?,
        })
    }

    /// Queue events (a worker does so once per turn of its loop) and signal. Empties `events`.
    pub fn push_all(&self, events: &mut Vec<(E, Importance)>) {
        if events.is_empty() {
            return;
        }
        let mut state = self.lock();
        for (event, importance) in events.drain(..) {
            let room = match importance {
                Importance::Repeated => state.waiting.len() < REPEATED_CAPACITY,
                Importance::News => state.waiting.len() < CAPACITY,
                Importance::Final => true,
            };
            if room {
                state.waiting.push_back(event);
            } else {
                state.lost += 1;
            }
        }
        drop(state);
        self.signal.set();
    }

    /// Up to `limit` of the oldest events, and how many were lost since the last call.
    pub fn take(&self, limit: usize) -> (Vec<E>, u64) {
        let mut state = self.lock();
        let count = limit.min(state.waiting.len());
        let taken = state.waiting.drain(..count).collect();
        (taken, std::mem::take(&mut state.lost))
    }

    /// Queue the answer to a question and signal.
    pub fn answer(&self, answer: A) {
        self.lock().answers.push(answer);
        self.signal.set();
    }

    /// All answers given since the last call.
    pub fn take_answers(&self) -> Vec<A> {
        std::mem::take(&mut self.lock().answers)
    }

    /// Make the signal unreadable; to be followed by taking all there is.
    pub fn clear_signal(&self) {
        self.signal.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State<E, A>> {
        // No code that can panic runs under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E, A> AsRawFd for EventQueue<E, A> {
    fn as_raw_fd(&self) -> RawFd {
        self.signal.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_dtls_leaves_room_for_news_and_ends() {
        let queue = EventQueue::<usize, ()>::new().expect("eventfd");
        let mut events: Vec<_> = (0..REPEATED_CAPACITY + 5)
            .map(|n| (n, Importance::Repeated))
            .collect();
        queue.push_all(&mut events);
        let mut news: Vec<_> = (0..CAPACITY).map(|n| (n, Importance::News)).collect();
        queue.push_all(&mut news);
        queue.push_all(&mut vec![(7, Importance::Final)]);
        let (first, lost) = queue.take(10);
        assert_eq!((first, lost), ((0..10).collect(), 5 + REPEATED_CAPACITY as u64));
        let (rest, lost) = queue.take(usize::MAX);
        assert_eq!((rest.len(), rest.last(), lost), (CAPACITY + 1 - 10, Some(&7), 0));
    }
}
