//! A worker's thread: waits, feeds the core, sends what it made.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rheon_engine_core::{
    Command, Datagram, Event, Now, SharedMessage, Stats, Worker, WorkerConfig, WorkerId,
};

use crate::clock;
use crate::commands::CommandQueue;
use crate::events::{EventQueue, Importance};
use crate::links::{Incoming, Outgoing};
use crate::receive::{BATCH, ReceiveBatch};
use crate::send::{Message, SendCounters, Sender};
use crate::signal::{Epoll, Signal};
use crate::socket::{Segmentation, Socket};

/// Full batches taken from one socket before the others and the timers get their turn.
const BATCHES_PER_TURN: usize = 4;

/// Bytes to send that are not kept waiting for the end of the batch: a backlog would fill the arena far beyond the caches.
const SEND_EARLY: usize = 1 << 20;

/// How soon to look again when another worker's queue is full, or after a panic that escaped the core.
const RETRY: Duration = Duration::from_millis(1);

/// Token of the wake-up signal; sockets have their index.
const WAKE: u64 = u64::MAX;

/// What only the owner of the sockets knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IoStats {
    /// `recvmmsg` calls.
    pub receive_calls: u64,
    /// `recvmmsg` calls that failed.
    pub receive_errors: u64,
    /// What became of packets to send.
    pub sent: SendCounters,
    /// Every socket still takes runs.
    pub segmentation: bool,
    /// Media dropped because another worker's queue was full.
    pub shared_full: u64,
    /// Panics that escaped the core: the datagram or command at hand was given up.
    pub panics: u64,
}

/// One worker's answer to `Command::Stats`.
#[derive(Debug)]
pub struct StatsAnswer {
    /// Token of the command.
    pub token: u64,
    /// The core's part.
    pub stats: Box<Stats>,
    /// The sockets' part.
    pub io: IoStats,
}

/// Events and answers of all workers.
pub type Outbox = EventQueue<Event, StatsAnswer>;

/// What a worker's owner keeps of it.
#[derive(Debug)]
pub struct Inbox {
    pub commands: CommandQueue<Command>,
    pub wake: Arc<Signal>,
    pub stop: AtomicBool,
}

/// What a worker's thread is made from, ready to run.
pub struct Setup {
    pub config: WorkerConfig,
    pub sockets: Vec<Socket>,
    pub segmentation: Segmentation,
    pub epoll: Epoll,
    pub inbox: Arc<Inbox>,
    pub outbox: Arc<Outbox>,
    pub incoming: Vec<(WorkerId, Incoming<SharedMessage>)>,
    pub outgoing: Vec<(WorkerId, Outgoing<SharedMessage>)>,
}

impl Setup {
    /// Watch the sockets and the wake-up signal.
    pub fn watch(&self) -> io::Result<()> {
        for (index, socket) in self.sockets.iter().enumerate() {
            self.epoll.add(socket, index as u64)?;
        }
        self.epoll.add(self.inbox.wake.as_ref(), WAKE)
    }

    /// Run until stopped.
    pub fn run(self) {
        let core = Worker::new(self.config, now());
        let sockets = self
            .sockets
            .into_iter()
            .map(|socket| (socket, Sender::new(self.segmentation)))
            .collect();
        let mut thread = Thread {
            core,
            sockets,
            epoll: self.epoll,
            inbox: self.inbox,
            outbox: self.outbox,
            incoming: self.incoming,
            outgoing: self.outgoing,
            batch: ReceiveBatch::new(),
            commands: VecDeque::new(),
            events: Vec::new(),
            counters: IoStats::default(),
            unsettled: false,
        };
        thread.run();
    }
}

struct Thread {
    core: Worker,
    sockets: Vec<(Socket, Sender)>,
    epoll: Epoll,
    inbox: Arc<Inbox>,
    outbox: Arc<Outbox>,
    incoming: Vec<(WorkerId, Incoming<SharedMessage>)>,
    outgoing: Vec<(WorkerId, Outgoing<SharedMessage>)>,
    batch: ReceiveBatch,
    commands: VecDeque<Command>,
    events: Vec<(Event, Importance)>,
    counters: IoStats,
    /// Something has to be tried again soon.
    unsettled: bool,
}

impl Thread {
    fn run(&mut self) {
        let mut ready = Vec::new();
        loop {
            if self.epoll.wait(self.patience(), &mut ready).is_err() {
                // Only a broken descriptor fails here: nothing is ready then, and spinning would not mend it.
                std::thread::sleep(RETRY);
            }
            let now = now();
            self.unsettled = false;
            // Read before commands are taken: what was queued before the stop is still carried out.
            let stop = self.inbox.stop.load(Ordering::Acquire);
            if ready.contains(&WAKE) {
                self.inbox.wake.clear();
            }
            self.carry_out_commands(now);
            self.take_shared(now);
            for index in 0..self.sockets.len() {
                if ready.contains(&(index as u64)) {
                    self.drain(index, now);
                }
            }
            self.guarded(|thread| thread.core.batch_end(now));
            if self.core.next_timeout().is_some_and(|due| due <= now) {
                self.guarded(|thread| thread.core.timeout(now));
            }
            self.send();
            self.give_shared();
            self.give_events();
            if stop {
                return;
            }
        }
    }

    /// How long nothing has to be done unless something arrives.
    fn patience(&self) -> Option<Duration> {
        let due = self.core.next_timeout().map(|due| due.since(now()));
        if self.unsettled {
            Some(due.map_or(RETRY, |due| due.clamp(RETRY / 2, RETRY)))
        } else {
            due
        }
    }

    /// Run a step of the core. It contains panics per transport itself; one that escapes ends the step, not the worker.
    fn guarded(&mut self, step: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| step(self))).is_err() {
            self.counters.panics += 1;
            self.unsettled = true;
        }
    }

    fn carry_out_commands(&mut self, now: Now) {
        let mut commands = std::mem::take(&mut self.commands);
        self.inbox.commands.take(&mut commands);
        for command in commands.drain(..) {
            self.guarded(|thread| thread.core.command(now, command));
        }
        self.commands = commands;
    }

    fn take_shared(&mut self, now: Now) {
        for index in 0..self.incoming.len() {
            while let Some((from, message)) = self
                .incoming
                .get_mut(index)
                .and_then(|(from, link)| Some((*from, link.pop()?)))
            {
                self.guarded(|thread| thread.core.shared(now, from, message));
            }
            self.send_early();
        }
    }

    /// Feed the core what a socket has, up to a few batches.
    fn drain(&mut self, index: usize, now: Now) {
        for _ in 0..BATCHES_PER_TURN {
            let Some((socket, _)) = self.sockets.get(index) else {
                return;
            };
            self.counters.receive_calls += 1;
            let Ok(count) = self.batch.receive(socket) else {
                self.counters.receive_errors += 1;
                return;
            };
            for message in 0..count {
                self.take(index, message, now);
                self.send_early();
            }
            if count < BATCH {
                return;
            }
        }
    }

    /// Feed the core the datagrams of one received message.
    fn take(&mut self, index: usize, message: usize, now: Now) {
        let Some((socket, _)) = self.sockets.get(index) else {
            return;
        };
        self.batch.datagrams(message, socket, |arrived| {
            let datagram = Datagram {
                local: arrived.local,
                remote: arrived.remote,
                bytes: arrived.bytes,
            };
            if catch_unwind(AssertUnwindSafe(|| self.core.input(now, datagram))).is_err() {
                self.counters.panics += 1;
            }
        });
    }

    fn send_early(&mut self) {
        if self.core.egress().len() > SEND_EARLY {
            self.send();
        }
    }

    /// Send everything in the arena and clear it.
    fn send(&mut self) {
        let egress = self.core.egress();
        if egress.is_empty() {
            return;
        }
        for (socket, sender) in &mut self.sockets {
            for run in egress.runs() {
                if socket.carries(run.local.ip()) {
                    sender.push(Message {
                        source: run.local.ip(),
                        remote: run.remote,
                        offset: run.offset,
                        length: run.len,
                        segment: usize::from(run.segment),
                    });
                }
            }
            sender.flush(egress.arena(), socket);
        }
        egress.clear();
    }

    fn give_shared(&mut self) {
        while let Some((to, message)) = self.core.poll_shared() {
            let may_be_lost = message.is_media();
            let link = self.outgoing.iter_mut().find(|(worker, _)| *worker == to);
            if !link.is_some_and(|(_, link)| link.push(message, may_be_lost)) {
                self.counters.shared_full += 1;
            }
        }
        for (_, link) in &mut self.outgoing {
            self.unsettled |= link.finish();
        }
    }

    fn give_events(&mut self) {
        while let Some(event) = self.core.poll_event() {
            let importance = match event {
                Event::Stats { token, stats } => {
                    let io = self.io_stats();
                    self.outbox.answer(StatsAnswer { token, stats, io });
                    continue;
                }
                Event::DtlsReceived { .. } => Importance::Repeated,
                Event::ConsentLost { .. } | Event::TransportFailed { .. } => Importance::Final,
                Event::IceConnected { .. } | Event::TrackStarted { .. } | Event::EventsLost { .. } => {
                    Importance::News
                }
            };
            self.events.push((event, importance));
        }
        self.outbox.push_all(&mut self.events);
    }

    fn io_stats(&self) -> IoStats {
        let mut stats = IoStats {
            segmentation: true,
            ..self.counters
        };
        for (_, sender) in &self.sockets {
            stats.sent += sender.counters();
            stats.segmentation &= sender.segmentation();
        }
        stats
    }
}

fn now() -> Now {
    Now::from_micros(u64::try_from(clock::monotonic().as_micros()).unwrap_or(u64::MAX))
}
