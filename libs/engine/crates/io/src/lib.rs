//! Sockets, threads and queues around the engine's core.

mod address;
mod clock;
mod commands;
mod control;
mod events;
mod links;
#[cfg(test)]
mod loopback;
mod pool;
mod receive;
mod send;
mod signal;
mod socket;
mod worker;

pub use commands::Refused;
pub use pool::{MAX_WORKERS, Pool, PoolConfig};
pub use send::SendCounters;
pub use socket::Segmentation;
pub use worker::{IoStats, StatsAnswer};
