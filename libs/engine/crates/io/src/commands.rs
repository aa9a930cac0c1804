//! The bounded queue of commands into a worker.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Commands that may wait; beyond, [`Refused::Busy`].
pub const CAPACITY: usize = 1024;

/// Why a command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Too many are waiting: the same call may succeed a little later.
    Busy,
    /// The worker has been stopped.
    Closed,
}

/// Commands waiting for a worker.
///
/// Overflow: the caller is refused and told so. Commands that release something are always taken, so that nobody ever has
/// to retry a clean-up; they are bounded by what exists to be released.
#[derive(Debug)]
pub struct CommandQueue<C>(Mutex<State<C>>);

#[derive(Debug)]
struct State<C> {
    waiting: VecDeque<C>,
    closed: bool,
}

impl<C> CommandQueue<C> {
    pub fn new() -> Self {
        Self(Mutex::new(State {
            waiting: VecDeque::new(),
            closed: false,
        }))
    }

    /// Queue a command. `release`: it frees something and is taken even when the queue is full.
    pub fn push(&self, command: C, release: bool) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if !release && state.waiting.len() >= CAPACITY {
            return Err(Refused::Busy);
        }
        state.waiting.push_back(command);
        Ok(())
    }

    /// Take everything that waits, in order, leaving `spare` (emptied) in its place.
    pub fn take(&self, spare: &mut VecDeque<C>) {
        spare.clear();
        std::mem::swap(&mut self.lock().waiting, spare);
    }

    /// Refuse whatever comes from now on; what waits is still taken.
    pub fn close(&self) {
        self.lock().closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_all_but_releases() {
        let queue = CommandQueue::new();
        for number in 0..CAPACITY {
            assert_eq!(queue.push(number, false), Ok(()));
        }
        assert_eq!(queue.push(0, false), Err(Refused::Busy));
        assert_eq!(queue.push(CAPACITY, true), Ok(()));
        let mut taken = VecDeque::new();
        queue.take(&mut taken);
        assert!(taken.iter().copied().eq(0..=CAPACITY));
        assert_eq!(queue.push(0, false), Ok(()));
        queue.close();
        assert_eq!(queue.push(0, true), Err(Refused::Closed));
    }
}
