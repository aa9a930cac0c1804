//! One worker: the engine's state machine, driven by bytes and time.

use std::net::SocketAddr;

use crate::caps;
use crate::command::Command;
use crate::counters::Counters;
use crate::egress::Egress;
use crate::event::Event;
use crate::ids::WorkerId;
use crate::now::Now;
use crate::shared::SharedMessage;
use crate::stats::{Stats, TableSizes};

/// What a worker is made from.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Its index.
    pub id: WorkerId,
    /// Its UDP port, for statistics.
    pub port: u16,
    /// Keys of hash tables and random starts come from it. Must be unpredictable in production, fixed in tests.
    pub seed: [u8; 32],
    /// 64-bit NTP time at `Now` zero.
    pub ntp_at_zero: u64,
}

/// A datagram from a socket.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Local address it was sent to (the interface's own, never a wildcard), with the socket's port.
    pub local: SocketAddr,
    /// Where it came from.
    pub remote: SocketAddr,
    /// Its bytes; decrypted in place.
    pub bytes: &'a mut [u8],
}

/// One worker: its transports, tracks, forwards, timers and what is to be sent.
#[derive(Debug)]
pub struct Worker {
    config: WorkerConfig,
    counters: Counters,
    egress: Egress,
}

impl Worker {
    /// A worker without transports.
    pub fn new(config: WorkerConfig, now: Now) -> Self {
        let _ = now;
        Self {
            config,
            counters: Counters::default(),
            egress: Egress::new(caps::MAX_EGRESS_BYTES),
        }
    }

    /// Carry out a command.
    pub fn command(&mut self, now: Now, command: Command) {
        let _ = (now, command);
    }

    /// Take one datagram.
    pub fn input(&mut self, now: Now, datagram: Datagram<'_>) {
        let _ = now;
        self.counters.packets_received += 1;
        self.counters.bytes_received += datagram.bytes.len() as u64;
    }

    /// The sockets are drained: everything that is not held on purpose goes into the egress arena.
    pub fn batch_end(&mut self, now: Now) {
        let _ = now;
    }

    /// When `timeout` has to be called at the latest; `None`: nothing is due ever.
    pub fn next_timeout(&self) -> Option<Now> {
        None
    }

    /// Do what is due. Calling it early is harmless.
    pub fn timeout(&mut self, now: Now) {
        let _ = now;
    }

    /// What is to be sent. Whoever sends it clears it.
    pub fn egress(&mut self) -> &mut Egress {
        &mut self.egress
    }

    /// The oldest event, until there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// Take a message from another worker.
    pub fn shared(&mut self, now: Now, from: WorkerId, message: SharedMessage) {
        let _ = (now, from, message);
    }

    /// The oldest message for another worker, until there is none.
    pub fn poll_shared(&mut self) -> Option<(WorkerId, SharedMessage)> {
        None
    }

    /// Counters since the worker was made.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A snapshot; costs time in proportion to what the worker holds.
    pub fn stats(&self) -> Stats {
        Stats {
            worker: self.config.id,
            port: self.config.port,
            counters: self.counters.clone(),
            tables: TableSizes::default(),
            transports: Vec::new(),
            layers: Vec::new(),
            forwards: Vec::new(),
        }
    }
}
