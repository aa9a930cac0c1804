//! Bounded queues between workers: one producer, one consumer, no lock.

use std::collections::VecDeque;
use std::sync::Arc;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::signal::Signal;

/// Messages that may wait between two workers: 20 ms of 100 000 packets a second.
pub const CAPACITY: usize = 2048;

/// The sending end of a queue to one worker.
///
/// Overflow: messages that may be lost (media, repeated feedback) are dropped and counted; the others wait on this side, in
/// order, and are bounded by what exists on both.
pub struct Outgoing<M> {
    ring: Producer<M>,
    waiting: VecDeque<M>,
    signal: Arc<Signal>,
    written: bool,
}

/// The receiving end of a queue from one worker.
pub struct Incoming<M>(Consumer<M>);

/// A queue to the worker that waits on `signal`.
pub fn link<M>(signal: Arc<Signal>) -> (Outgoing<M>, Incoming<M>) {
    let (producer, consumer) = RingBuffer::new(CAPACITY);
    let outgoing = Outgoing {
        ring: producer,
        waiting: VecDeque::new(),
        signal,
        written: false,
    };
    (outgoing, Incoming(consumer))
}

impl<M> Outgoing<M> {
    /// Queue a message; false if it was dropped.
    pub fn push(&mut self, message: M, may_be_lost: bool) -> bool {
        self.retry();
        if !self.waiting.is_empty() {
            if !may_be_lost {
                self.waiting.push_back(message);
            }
            return !may_be_lost;
        }
        match self.ring.push(message) {
            Ok(()) => self.written = true,
            Err(_) if may_be_lost => return false,
            Err(rtrb::PushError::Full(message)) => self.waiting.push_back(message),
        }
        true
    }

    /// Wake the receiver if anything was queued since the last call; whether messages still wait on this side.
    pub fn finish(&mut self) -> bool {
        self.retry();
        if std::mem::take(&mut self.written) {
            self.signal.set();
        }
        !self.waiting.is_empty()
    }

    fn retry(&mut self) {
        while let Some(message) = self.waiting.pop_front() {
            match self.ring.push(message) {
                Ok(()) => self.written = true,
                Err(rtrb::PushError::Full(message)) => {
                    self.waiting.push_front(message);
                    return;
                }
            }
        }
    }
}

impl<M> Incoming<M> {
    /// The oldest message.
    pub fn pop(&mut self) -> Option<M> {
        self.0.pop().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_link_drops_media_and_keeps_the_order_of_the_rest() {
        let (mut outgoing, mut incoming) = link(Arc::new(Signal::new().expect("eventfd")));
        for number in 0..CAPACITY {
            assert!(outgoing.push(number, true));
        }
        assert!(!outgoing.push(1_000_001, true), "full: media is dropped");
        assert!(outgoing.push(2_000_000, false), "full: control waits");
        assert!(outgoing.finish());
        assert_eq!(incoming.pop(), Some(0));
        assert_eq!(incoming.pop(), Some(1));
        assert!(
            outgoing.push(2_000_001, true),
            "there is room again, behind what waited"
        );
        assert!(!outgoing.finish());
        let rest: Vec<_> = std::iter::from_fn(|| incoming.pop()).collect();
        assert_eq!(rest.len(), CAPACITY);
        assert_eq!(rest[CAPACITY - 2..], [2_000_000, 2_000_001]);
    }
}
