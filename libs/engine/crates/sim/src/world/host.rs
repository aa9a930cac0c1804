//! A worker and what waits for it.

use std::collections::VecDeque;
use std::net::SocketAddr;

use rheon_engine_core::{Datagram, Now, SharedMessage, Worker, WorkerId};

use crate::log::Log;
use crate::meter;
use crate::peer::Meaning;

/// A worker of the engine under simulated time.
pub struct WorkerHost {
    /// Its id.
    pub id: WorkerId,
    /// The worker.
    pub worker: Worker,
    /// Its socket.
    pub local: SocketAddr,
    pub(super) inbox: VecDeque<(SocketAddr, Vec<u8>, Meaning)>,
    pub(super) shared: VecDeque<(WorkerId, SharedMessage)>,
    pub(super) wake: Option<u64>,
    pub(super) stalled_until: u64,
}

impl WorkerHost {
    pub(super) fn new(id: WorkerId, worker: Worker, local: SocketAddr) -> Self {
        Self {
            id,
            worker,
            local,
            inbox: VecDeque::new(),
            shared: VecDeque::new(),
            wake: None,
            stalled_until: 0,
        }
    }

    pub(super) fn receive(&mut self, remote: SocketAddr, bytes: Vec<u8>, meaning: Meaning) {
        self.inbox.push_back((remote, bytes, meaning));
    }

    /// Gives the worker up to `count` datagrams.
    pub(super) fn batch(&mut self, now: u64, count: usize, log: &mut Log) {
        for _ in 0..count {
            let Some((remote, mut bytes, meaning)) = self.inbox.pop_front() else {
                return;
            };
            match meaning {
                Meaning::None => {}
                Meaning::Packet { stream, sequence } => log.arrived(now, stream, sequence),
                Meaning::Report(streams) => streams.into_iter().for_each(|stream| log.reported(now, stream)),
            }
            let datagram = Datagram {
                local: self.local,
                remote,
                bytes: &mut bytes,
            };
            meter::engine(|| self.worker.input(Now::from_micros(now), datagram));
        }
    }

    /// The sockets are drained.
    pub(super) fn batch_end(&mut self, now: Now) {
        meter::engine(|| self.worker.batch_end(now));
    }

    /// Gives the worker what others sent it.
    pub(super) fn take_shared(&mut self, now: Now) {
        while let Some((from, message)) = self.shared.pop_front() {
            meter::engine(|| self.worker.shared(now, from, message));
        }
    }

    /// Lets the worker do what is due.
    pub(super) fn timeout(&mut self, now: Now) {
        if self.worker.next_timeout().is_some_and(|due| due <= now) {
            meter::engine(|| self.worker.timeout(now));
        }
    }
}
