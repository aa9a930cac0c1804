//! The workers of an engine: started, commanded, stopped.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rheon_engine_core::{Command, Event, SharedMessage, WorkerConfig, WorkerId};

use crate::clock;
use crate::commands::{CommandQueue, Refused};
use crate::links::{Incoming, Outgoing, link};
use crate::signal::{Epoll, Signal, check};
use crate::socket::{Segmentation, Socket, bind_block};
use crate::worker::{Inbox, Outbox, Setup, StatsAnswer};

/// Most workers of one engine.
pub const MAX_WORKERS: u16 = 128;

/// What a pool is made from.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// Threads, 1 to [`MAX_WORKERS`].
    pub workers: u16,
    /// Addresses each worker listens on, all with its one port.
    pub bind: Vec<IpAddr>,
    /// Port of the first worker, the others follow; a busy block takes the next free one. 0: the system chooses each.
    pub port: u16,
    /// Use of segmentation offload.
    pub segmentation: Segmentation,
}

/// Running workers. Dropping it stops and joins them.
#[derive(Debug)]
pub struct Pool {
    inboxes: Vec<Arc<Inbox>>,
    outbox: Arc<Outbox>,
    ports: Vec<u16>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Bind the sockets and start the threads.
    pub fn start(config: &PoolConfig) -> io::Result<Self> {
        if config.workers == 0 || config.workers > MAX_WORKERS || config.bind.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no workers, too many, or no address",
            ));
        }
        let blocks = bind_block(&config.bind, config.port, config.workers, config.segmentation)?;
        let ports: Vec<u16> = blocks
            .iter()
            .filter_map(|sockets| sockets.first())
            .map(port)
            .collect();
        let outbox = Arc::new(Outbox::new()?);
        let inboxes = (0..config.workers)
            .map(|_| new_inbox())
            .collect::<io::Result<Vec<_>>>()?;
        let ntp_at_zero = clock::ntp_at_monotonic_zero();
        let mut setups = Vec::new();
        for (index, (sockets, links)) in blocks.into_iter().zip(links(&inboxes)).enumerate() {
            let worker = WorkerConfig {
                id: worker_id(index),
                port: ports.get(index).copied().unwrap_or_default(),
                seed: random_seed()?,
                ntp_at_zero,
            };
            let setup = Setup {
                config: worker,
                sockets,
                segmentation: config.segmentation,
                epoll: Epoll::new()?,
                inbox: Arc::clone(&inboxes[index]),
                outbox: Arc::clone(&outbox),
                incoming: links.incoming,
                outgoing: links.outgoing,
            };
            setup.watch()?;
            setups.push(setup);
        }
        // From here on, dropping the pool stops the threads that were started.
        let mut pool = Self {
            inboxes,
            outbox,
            ports,
            threads: Vec::new(),
        };
        for (index, setup) in setups.into_iter().enumerate() {
            let thread = std::thread::Builder::new().name(format!("rheon-engine-{index}"));
            pool.threads.push(thread.spawn(move || setup.run())?);
        }
        Ok(pool)
    }

    /// Port of each worker.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Queue a command to a worker; one that releases something always finds room.
    pub fn command(&self, worker: WorkerId, command: Command) -> Result<(), Refused> {
        let inbox = self.inboxes.get(usize::from(worker.0)).ok_or(Refused::Closed)?;
        let release = matches!(
            command,
            Command::CloseTransport { .. } | Command::RemoveTrack { .. } | Command::RemoveForward { .. }
        );
        inbox.commands.push(command, release)?;
        inbox.wake.set();
        Ok(())
    }

    /// Up to `limit` of the oldest events; the last may be [`Event::EventsLost`].
    pub fn take_events(&self, limit: usize) -> Vec<Event> {
        let (mut events, lost) = self.outbox.take(limit);
        if lost > 0 {
            events.push(Event::EventsLost { count: lost });
        }
        events
    }

    /// Answers to `Command::Stats` since the last call.
    pub fn take_stats(&self) -> Vec<StatsAnswer> {
        self.outbox.take_answers()
    }

    /// Make the pool's descriptor unreadable; to be followed by taking everything.
    pub fn clear_signal(&self) {
        self.outbox.clear_signal();
    }
}

/// Readable when there are events or statistics to take.
impl AsRawFd for Pool {
    fn as_raw_fd(&self) -> RawFd {
        self.outbox.as_raw_fd()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for inbox in &self.inboxes {
            inbox.commands.close();
            inbox.stop.store(true, Ordering::Release);
            inbox.wake.set();
        }
        for thread in self.threads.drain(..) {
            // A thread that ended by a panic has nothing left to clean up.
            let _ = thread.join();
        }
    }
}

/// Both ends of a worker's queues to and from every other.
#[derive(Default)]
struct Links {
    incoming: Vec<(WorkerId, Incoming<SharedMessage>)>,
    outgoing: Vec<(WorkerId, Outgoing<SharedMessage>)>,
}

fn links(inboxes: &[Arc<Inbox>]) -> Vec<Links> {
    let mut all: Vec<Links> = inboxes.iter().map(|_| Links::default()).collect();
    for from in 0..inboxes.len() {
        for to in (0..inboxes.len()).filter(|&to| to != from) {
            let (outgoing, incoming) = link(Arc::clone(&inboxes[to].wake));
            all[from].outgoing.push((worker_id(to), outgoing));
            all[to].incoming.push((worker_id(from), incoming));
        }
    }
    all
}

fn new_inbox() -> io::Result<Arc<Inbox>> {
    let wake = Arc::new(Signal::new()?);
    Ok(Arc::new(Inbox {
        commands: CommandQueue::new(),
        wake,
        stop: AtomicBool::new(false),
    }))
}

fn worker_id(index: usize) -> WorkerId {
    WorkerId(u8::try_from(index).unwrap_or(u8::MAX))
}

fn port(socket: &Socket) -> u16 {
    socket.local().port()
}

fn random_seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    // SAFETY: the pointer and the length are those of a local that outlives the call. Up to 256 bytes come whole.
    let count = unsafe { libc::getrandom(seed.as_mut_ptr().cast(), seed.len(), 0) };
    check(libc::c_int::try_from(count).unwrap_or(-1))?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rheon_engine_core::{ForwardId, TransportId};

    fn config(workers: u16) -> PoolConfig {
        let bind = vec!["127.0.0.1".parse().expect("ip")];
        PoolConfig {
            workers,
            bind,
            port: 0,
            segmentation: Segmentation::Auto,
        }
    }

    #[test]
    fn workers_start_take_commands_and_stop() {
        let pool = Pool::start(&config(3)).expect("a pool");
        assert_eq!(pool.ports().len(), 3);
        for worker in 0..3 {
            let transport = TransportId(u32::from(worker));
            pool.command(WorkerId(worker), Command::CloseTransport { transport })
                .expect("taken");
        }
        let forward = ForwardId(1);
        assert_eq!(
            pool.command(WorkerId(3), Command::PauseForward { forward }),
            Err(Refused::Closed)
        );
        assert!(pool.take_events(10).is_empty());
        drop(pool);
    }

    #[test]
    fn impossible_pools_are_refused() {
        assert!(Pool::start(&config(0)).is_err());
        assert!(Pool::start(&config(MAX_WORKERS + 1)).is_err());
        assert!(
            Pool::start(&PoolConfig {
                bind: Vec::new(),
                ..config(1)
            })
            .is_err()
        );
    }
}
