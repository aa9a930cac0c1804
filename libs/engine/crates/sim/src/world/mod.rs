//! A call in virtual time: workers, peers, the paths between them, and the oracle that watches.

mod host;
mod progress;
mod setup;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use fastrand::Rng;
use rheon_engine_core::{
    Command, Event, ForwardId, ForwardParameters, Now, SharedMessage, TableSizes, TrackId,
};

pub use host::WorkerHost;
pub use progress::Progress;
pub use setup::{Path, SubscriptionSettings, WorldSettings};

use crate::link::Link;
use crate::log::Log;
use crate::oracle::{BoundaryKind, Expected, Fault, Oracle, Rule};
use crate::peer::{Meaning, Outgoing, Publisher, Subscriber, Transport};

/// A second of virtual time.
pub const SECOND: u64 = 1_000_000;

/// A peer and the path between it and its worker.
pub struct PeerHost {
    /// Its address.
    pub address: SocketAddr,
    /// Index of its worker.
    pub worker: usize,
    /// Its transport on that worker.
    pub transport: rheon_engine_core::TransportId,
    /// Peer to engine.
    pub up: Link,
    /// Engine to peer.
    pub down: Link,
    /// The peer itself.
    pub peer: Peer,
}

/// Kinds of peers.
pub enum Peer {
    /// Sends.
    Publisher(Box<Publisher>),
    /// Receives.
    Subscriber(Box<Subscriber>),
    /// Checks its path and nothing else; a scenario speaks for it.
    Hostile(Box<Transport>),
    /// Left the call.
    Gone,
}

/// A published track.
#[derive(Debug, Clone)]
pub struct Track {
    /// Its id.
    pub id: TrackId,
    /// Index of its worker.
    pub worker: usize,
    /// Index of its publisher.
    pub publisher: usize,
    /// Streams it was sent on, in order.
    pub streams: Vec<u16>,
    /// Video or audio.
    pub video: bool,
}

/// A forward and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct ForwardHost {
    /// Its id.
    pub id: ForwardId,
    /// Index of its subscriber.
    pub subscriber: usize,
    /// Index of its track.
    pub track: usize,
    /// SSRC it is sent under.
    pub ssrc: u32,
}

enum Action {
    Tick(usize),
    ToEngine(usize, Vec<u8>, Meaning),
    ToPeer(usize, Vec<u8>),
    Depart(usize, Vec<u8>, Meaning),
    Wake(usize),
}

struct Entry(u64, u64, Action);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// The simulated call.
pub struct World {
    /// Virtual time in microseconds.
    pub now: u64,
    /// What really happened.
    pub log: Log,
    /// The judge of egress.
    pub oracle: Oracle,
    /// Workers.
    pub workers: Vec<WorkerHost>,
    /// Peers, also those that left.
    pub peers: Vec<PeerHost>,
    /// Tracks, also ended ones.
    pub tracks: Vec<Track>,
    /// Forwards, also removed ones.
    pub forwards: Vec<ForwardHost>,
    /// Events of all workers.
    pub events: Vec<Event>,
    queue: BinaryHeap<Reverse<Entry>>,
    entries: u64,
    rng: Rng,
    settings: WorldSettings,
    faults: Vec<Fault>,
    terms: Vec<(ForwardParameters, Expected)>,
    overheard: Option<usize>,
    copies: Vec<Vec<u8>>,
}

impl World {
    /// Runs until `end`.
    pub fn run_until(&mut self, end: u64) {
        while let Some(Reverse(Entry(at, ..))) = self.queue.peek() {
            if *at > end {
                break;
            }
            let Some(Reverse(Entry(at, _, action))) = self.queue.pop() else {
                break;
            };
            self.now = at;
            self.act(action);
        }
        self.now = end;
    }

    /// Runs for a span.
    pub fn run_for(&mut self, span: u64) {
        self.run_until(self.now + span);
    }

    fn schedule(&mut self, at: u64, action: Action) {
        self.entries += 1;
        self.queue
            .push(Reverse(Entry(at.max(self.now), self.entries, action)));
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Tick(peer) => self.tick(peer),
            Action::Depart(peer, bytes, meaning) => self.depart(peer, &bytes, &meaning),
            Action::ToEngine(peer, bytes, meaning) => {
                let PeerHost { worker, address, .. } = self.peers[peer];
                self.workers[worker].receive(address, bytes, meaning);
                self.wake_soon(worker);
            }
            Action::ToPeer(peer, bytes) => {
                let out = match &mut self.peers[peer].peer {
                    Peer::Publisher(publisher) => publisher.input(self.now, bytes),
                    Peer::Subscriber(subscriber) => {
                        subscriber.input(self.now, bytes);
                        Vec::new()
                    }
                    Peer::Hostile(transport) => {
                        transport.input(bytes);
                        Vec::new()
                    }
                    Peer::Gone => Vec::new(),
                };
                self.send(peer, out);
            }
            Action::Wake(worker) => self.wake(worker),
        }
    }

    fn tick(&mut self, peer: usize) {
        let (out, next) = match &mut self.peers[peer].peer {
            Peer::Publisher(publisher) => (publisher.tick(self.now, &mut self.log), publisher.next()),
            Peer::Subscriber(subscriber) => (subscriber.tick(self.now), subscriber.next()),
            Peer::Hostile(transport) => {
                let check = transport.check(self.now).map(Outgoing::now);
                (check.into_iter().collect(), transport.next_check())
            }
            Peer::Gone => return,
        };
        self.send(peer, out);
        // Peers wait for their next moment, but look up at least every 10 ms: what they received may have moved it.
        let next = next.clamp(self.now + 1, self.now + 10_000);
        self.schedule(next, Action::Tick(peer));
    }

    fn send(&mut self, peer: usize, out: Vec<Outgoing>) {
        for Outgoing {
            delay,
            bytes,
            meaning,
        } in out
        {
            if delay == 0 {
                self.depart(peer, &bytes, &meaning);
            } else {
                self.schedule(self.now + delay, Action::Depart(peer, bytes, meaning));
            }
        }
    }

    fn depart(&mut self, peer: usize, bytes: &[u8], meaning: &Meaning) {
        if self.overheard == Some(peer) {
            self.copies.push(bytes.to_vec());
        }
        let arrivals = self.peers[peer].up.send(self.now, bytes.len());
        for at in arrivals.into_iter().flatten() {
            self.schedule(at, Action::ToEngine(peer, bytes.to_vec(), meaning.clone()));
        }
    }

    /// Gives a worker bytes as if they came from an address, past every path.
    pub fn inject(&mut self, worker: usize, remote: SocketAddr, bytes: Vec<u8>) {
        self.workers[worker].receive(remote, bytes, Meaning::None);
        self.wake_soon(worker);
    }

    /// Copies of what a peer has sent since this was asked before.
    pub fn overhear(&mut self, peer: usize) -> Vec<Vec<u8>> {
        self.overheard = Some(peer);
        std::mem::take(&mut self.copies)
    }

    /// The worker does nothing for a while.
    pub fn stall(&mut self, worker: usize, span: u64) {
        self.workers[worker].stalled_until = self.now + span;
    }

    fn wake_soon(&mut self, worker: usize) {
        let delay = self.rng.u64(0..=self.settings.wake_delay);
        self.wake_at(worker, self.now + delay);
    }

    fn wake_at(&mut self, worker: usize, at: u64) {
        let host = &mut self.workers[worker];
        let at = at.max(host.stalled_until);
        if host
            .wake
            .is_none_or(|scheduled| scheduled > at || scheduled < self.now)
        {
            host.wake = Some(at);
            self.schedule(at, Action::Wake(worker));
        }
    }

    fn wake(&mut self, worker: usize) {
        let host = &mut self.workers[worker];
        if host.wake != Some(self.now) {
            return;
        }
        host.wake = None;
        if host.stalled_until > self.now {
            let until = host.stalled_until;
            return self.wake_at(worker, until);
        }
        let now = Now::from_micros(self.now);
        self.workers[worker].take_shared(now);
        if self.rng.bool() {
            self.workers[worker].timeout(now);
        }
        // Where one drain of the socket ends and the next begins is chance.
        while !self.workers[worker].inbox.is_empty() {
            let batch = self.rng.usize(1..=self.settings.batch);
            self.workers[worker].batch(self.now, batch, &mut self.log);
            self.workers[worker].batch_end(now);
            self.collect(worker);
        }
        self.workers[worker].timeout(now);
        self.workers[worker].batch_end(now);
        self.collect(worker);
        if let Some(due) = self.workers[worker].worker.next_timeout() {
            if due <= now {
                let detail = format!("worker {worker} at {}: due {}", self.now, due.as_micros());
                self.faults.push(Fault::new(Rule::IdleTimer, detail));
            }
            let late = self.rng.u64(0..=self.settings.timer_delay);
            self.wake_at(worker, due.as_micros().max(self.now) + 1 + late);
        }
    }

    fn collect(&mut self, worker: usize) {
        let host = &mut self.workers[worker];
        let mut sent = Vec::new();
        let egress = host.worker.egress();
        for run in egress.runs() {
            let bytes = egress.bytes(run);
            let segment = usize::from(run.segment);
            for datagram in self.oracle.run(self.now, run.local, run.remote, bytes, segment) {
                sent.push((run.remote, datagram.to_vec()));
            }
        }
        egress.clear();
        while let Some(event) = host.worker.poll_event() {
            self.events.push(event);
        }
        let mut messages = Vec::new();
        while let Some((to, message)) = host.worker.poll_shared() {
            messages.push((to, message));
        }
        let from = host.id;
        for (to, message) in messages {
            if let SharedMessage::Packet { packet, .. } = &message
                && self.rng.f64() < self.settings.shared_loss
            {
                self.log.lost(packet.payload());
                continue;
            }
            let to = usize::from(to.0);
            match self.workers.get_mut(to) {
                Some(other) => {
                    other.shared.push_back((from, message));
                    self.wake_soon(to);
                }
                None => self
                    .faults
                    .push(Fault::new(Rule::Destination, format!("message to worker {to}"))),
            }
        }
        for (remote, datagram) in sent {
            let Some(peer) = self.peers.iter().position(|peer| peer.address == remote) else {
                continue;
            };
            let arrivals = self.peers[peer].down.send(self.now, datagram.len());
            for at in arrivals.into_iter().flatten() {
                self.schedule(at, Action::ToPeer(peer, datagram.clone()));
            }
        }
    }

    /// Gives a worker a command.
    pub fn command(&mut self, worker: usize, command: Command) {
        self.workers[worker]
            .worker
            .command(Now::from_micros(self.now), command);
        self.wake_at(worker, self.now);
    }

    fn forward_command(&mut self, forward: usize, kind: BoundaryKind, command: Command) {
        let ForwardHost { subscriber, ssrc, .. } = self.forwards[forward];
        let PeerHost { address, worker, .. } = self.peers[subscriber];
        if let Some(ledger) = self.oracle.transport(address).and_then(|t| t.forward(ssrc)) {
            ledger.boundary(self.now, kind);
        }
        self.command(worker, command);
    }

    /// Pauses a forward.
    pub fn pause(&mut self, forward: usize) {
        let id = self.forwards[forward].id;
        self.forward_command(
            forward,
            BoundaryKind::Paused,
            Command::PauseForward { forward: id },
        );
    }

    /// Resumes a forward.
    pub fn resume(&mut self, forward: usize) {
        let id = self.forwards[forward].id;
        self.forward_command(
            forward,
            BoundaryKind::Resumed,
            Command::ResumeForward { forward: id },
        );
    }

    /// Limits a forward to temporal layers up to `temporal`.
    pub fn limit(&mut self, forward: usize, temporal: u8) {
        let id = self.forwards[forward].id;
        let command = Command::SetLayers {
            forward: id,
            spatial: 0,
            temporal,
        };
        self.forward_command(forward, BoundaryKind::Temporal(temporal), command);
    }

    /// Asks for a spatial layer of a forward's track.
    pub fn prefer(&mut self, forward: usize, spatial: u8) {
        let ForwardHost { id, subscriber, .. } = self.forwards[forward];
        let command = Command::SetLayers {
            forward: id,
            spatial,
            temporal: u8::MAX,
        };
        self.command(self.peers[subscriber].worker, command);
    }

    /// The publisher of a video track stops sending one of its layers, or sends it again.
    pub fn set_layer_active(&mut self, track: usize, layer: usize, active: bool) {
        let publisher = self.tracks[track].publisher;
        if let Peer::Publisher(peer) = &mut self.peers[publisher].peer {
            peer.set_layer_active(layer, active);
        }
    }

    /// Mutes a track whose forwards are all on its own worker.
    pub fn mute(&mut self, track: usize, muted: bool) {
        let kind = if muted {
            BoundaryKind::Muted
        } else {
            BoundaryKind::Unmuted
        };
        for forward in 0..self.forwards.len() {
            let ForwardHost {
                subscriber,
                ssrc,
                track: of,
                ..
            } = self.forwards[forward];
            let address = self.peers[subscriber].address;
            let ledger = self.oracle.transport(address).and_then(|t| t.forward(ssrc));
            if let Some(ledger) = ledger.filter(|_| of == track) {
                ledger.boundary(self.now, kind);
            }
        }
        let Track { id, worker, .. } = self.tracks[track];
        self.command(worker, Command::MuteTrack { track: id, muted });
    }

    /// Removes a forward.
    pub fn remove_forward(&mut self, forward: usize) {
        let id = self.forwards[forward].id;
        self.forward_command(
            forward,
            BoundaryKind::Paused,
            Command::RemoveForward { forward: id },
        );
    }

    /// A peer leaves: its transport is closed, and it is silent from now on.
    pub fn leave(&mut self, peer: usize) {
        let PeerHost {
            worker, transport, ..
        } = self.peers[peer];
        self.peers[peer].peer = Peer::Gone;
        for forward in 0..self.forwards.len() {
            if self.forwards[forward].subscriber == peer {
                let ssrc = self.forwards[forward].ssrc;
                let address = self.peers[peer].address;
                if let Some(ledger) = self.oracle.transport(address).and_then(|t| t.forward(ssrc)) {
                    ledger.boundary(self.now, BoundaryKind::Paused);
                }
            }
        }
        self.command(worker, Command::CloseTransport { transport });
    }

    /// Table sizes of every worker.
    pub fn tables(&self) -> Vec<TableSizes> {
        self.workers
            .iter()
            .map(|host| host.worker.stats(Now::from_micros(self.now)).tables)
            .collect()
    }

    /// The subscriber at an index, if it is one.
    pub fn subscriber(&self, peer: usize) -> Option<&Subscriber> {
        match &self.peers.get(peer)?.peer {
            Peer::Subscriber(subscriber) => Some(subscriber),
            _ => None,
        }
    }

    /// The publisher at an index, if it is one.
    pub fn publisher(&self, peer: usize) -> Option<&Publisher> {
        match &self.peers.get(peer)?.peer {
            Peer::Publisher(publisher) => Some(publisher),
            _ => None,
        }
    }

    /// Every broken rule, the oracle's and the world's own.
    pub fn judge(&self) -> Vec<Fault> {
        let mut faults = self.oracle.judge(&self.log);
        faults.extend(self.faults.iter().cloned());
        for peer in &self.peers {
            if let Peer::Publisher(publisher) = &peer.peer
                && publisher.false_feedback > 0
            {
                faults.push(Fault::new(
                    Rule::Feedback,
                    format!("{} numbers never sent", publisher.false_feedback),
                ));
            }
        }
        faults
    }
}
