//! One worker: the engine's state machine, driven by bytes and time.
//!
//! This file holds the state and the outside; each other file of the module is one part of a packet's way.

mod commands;
mod fanout;
mod ingress;
mod key_frames;
mod layers;
mod media;
mod reports;
mod retransmission;
mod rtcp;
mod sharing;
mod snapshot;
mod timeouts;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::caps;
use crate::command::Command;
use crate::counters::{Counters, DropReason};
use crate::egress::Egress;
use crate::event::Event;
use crate::forward::Forward;
use crate::hash::{KeyedMap, KeyedState};
use crate::ice::Tuple;
use crate::ids::{ForwardId, TrackId, TransportId, WorkerId};
use crate::now::Now;
use crate::packet::PacketPool;
use crate::random::Random;
use crate::shared::SharedMessage;
use crate::source::Source;
use crate::stats::Stats;
use crate::table::Table;
use crate::timers::Timers;
use crate::transport::Transport;

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

/// Buffers used again and again.
#[derive(Default)]
struct Scratch {
    bytes: Vec<u8>,
    missing: Vec<(u32, u64)>,
    statuses: Vec<Option<i16>>,
    slots: Vec<usize>,
}

/// One worker: its transports, tracks, forwards, timers and what is to be sent.
pub struct Worker {
    config: WorkerConfig,
    counters: Counters,
    egress: Egress,
    random: Random,
    hash_keys: KeyedState,
    timers: Timers,
    transports: Table<TransportId, Transport>,
    sources: Table<TrackId, Source>,
    forwards: Table<ForwardId, Forward>,
    /// Transports by our user fragment.
    ufrags: KeyedMap<Vec<u8>, usize>,
    /// Transports by addresses that passed a check.
    tuples: KeyedMap<Tuple, usize>,
    pool: PacketPool,
    events: VecDeque<Event>,
    events_lost: u64,
    outbox: VecDeque<(WorkerId, SharedMessage)>,
    /// Workers that attached to tracks not there yet, and since when.
    early_readers: Vec<(TrackId, WorkerId, Now)>,
    scratch: Scratch,
    /// Transports whose processing panicked, to be closed.
    failed: Vec<TransportId>,
    /// Work for this transport panics, to test containment.
    #[cfg(test)]
    sabotaged: Option<TransportId>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("id", &self.config.id)
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// A worker without transports.
    pub fn new(config: WorkerConfig, _now: Now) -> Self {
        let mut random = Random::new(config.seed);
        let keys = random.hash_keys();
        Self {
            config,
            counters: Counters::default(),
            egress: Egress::new(caps::MAX_EGRESS_BYTES),
            random,
            hash_keys: keys,
            timers: Timers::default(),
            transports: Table::new(keys),
            sources: Table::new(keys),
            forwards: Table::new(keys),
            ufrags: KeyedMap::with_hasher(keys),
            tuples: KeyedMap::with_hasher(keys),
            pool: PacketPool::default(),
            events: VecDeque::new(),
            events_lost: 0,
            outbox: VecDeque::new(),
            early_readers: Vec::new(),
            scratch: Scratch::default(),
            failed: Vec::new(),
            #[cfg(test)]
            sabotaged: None,
        }
    }

    /// Carry out a command.
    pub fn command(&mut self, now: Now, command: Command) {
        self.execute(now, command);
        self.close_failed(now);
    }

    /// Take one datagram.
    pub fn input(&mut self, now: Now, datagram: Datagram<'_>) {
        self.counters.packets_received += 1;
        self.counters.bytes_received = self
            .counters
            .bytes_received
            .saturating_add(datagram.bytes.len() as u64);
        if let Err(reason) = self.receive(now, datagram) {
            self.counters.drop(reason);
        }
        self.close_failed(now);
    }

    /// The sockets are drained: what is due goes into the egress arena; only open bursts are held on.
    pub fn batch_end(&mut self, now: Now) {
        self.timeout(now);
    }

    /// When `timeout` has to be called at the latest; `None`: nothing is due ever.
    pub fn next_timeout(&self) -> Option<Now> {
        self.timers.next()
    }

    /// Do what is due. Calling it early is harmless.
    pub fn timeout(&mut self, now: Now) {
        self.run_timers(now);
        self.close_failed(now);
    }

    /// What is to be sent. Whoever sends it clears it; do so early once it holds about a megabyte.
    pub fn egress(&mut self) -> &mut Egress {
        &mut self.egress
    }

    /// The oldest event, until there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front().or_else(|| {
            let count = std::mem::take(&mut self.events_lost);
            (count > 0).then_some(Event::EventsLost { count })
        })
    }

    /// Take a message from another worker. All workers that exchange messages are driven by one clock.
    pub fn shared(&mut self, now: Now, from: WorkerId, message: SharedMessage) {
        self.receive_shared(now, from, message);
        self.close_failed(now);
    }

    /// The oldest message for another worker, until there is none.
    pub fn poll_shared(&mut self) -> Option<(WorkerId, SharedMessage)> {
        self.outbox.pop_front()
    }

    /// Counters since the worker was made.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A snapshot; costs time in proportion to what the worker holds.
    pub fn stats(&self, now: Now) -> Stats {
        self.snapshot(now)
    }

    fn event(&mut self, event: Event) {
        let droppable = matches!(
            event,
            Event::DtlsReceived { .. } | Event::IceConnected { .. } | Event::TrackStarted { .. }
        );
        if droppable && self.events.len() >= caps::MAX_EVENTS {
            self.counters.drop(DropReason::EventsFull);
            self.events_lost = self.events_lost.saturating_add(1);
            return;
        }
        self.events.push_back(event);
    }

    /// Run work for one transport. A panic in it closes that transport and nothing else: what the work left half done
    /// is either that transport's own or made of values that are valid at every step.
    fn contained<T>(&mut self, transport: usize, work: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let id = self.transports.get(transport)?.id;
        let result = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(test)]
            assert!(self.sabotaged != Some(id), "sabotaged transport");
            work(self)
        }));
        if result.is_err() {
            self.failed.push(id);
        }
        result.ok()
    }

    /// Close the transports whose processing panicked.
    fn close_failed(&mut self, now: Now) {
        while let Some(transport) = self.failed.pop() {
            self.counters.drop(DropReason::Panic);
            // Closing works on the same state: if it panics too, the tables still lose the transport by its id.
            let closed = catch_unwind(AssertUnwindSafe(|| self.close_transport(now, transport)));
            if closed.is_err() {
                self.transports.remove(transport);
            }
            self.event(Event::TransportFailed {
                transport,
                reason: "processing panicked",
            });
        }
    }
}

#[cfg(test)]
mod tests;
