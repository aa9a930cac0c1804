//! Sockets, threads and queues around the engine's core.

mod address;
mod clock;
mod commands;
mod control;
mod events;
mod links;
mod receive;
mod send;
mod signal;
mod socket;

pub use commands::Refused;
pub use socket::Segmentation;
