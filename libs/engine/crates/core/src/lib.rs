//! Rheon's packet engine without I/O: bytes and `now` in; egress runs, events and messages to other workers out.
#![forbid(unsafe_code)]

// The tests' peers are written against the public interface, inside the crate and outside.
#[cfg(test)]
extern crate self as rheon_engine_core;

mod burst;
pub mod caps;
mod classify;
mod command;
mod counters;
mod egress;
mod event;
mod forward;
mod gate;
mod hash;
mod ice;
mod ids;
mod meter;
mod nack;
mod now;
mod offset_map;
mod packet;
mod parameters;
mod random;
mod receive_stream;
mod reception;
mod ring;
mod sent_ring;
mod shared;
mod source;
mod stats;
mod table;
mod timers;
mod transport;
mod transport_cc;
mod vp8;
mod worker;

pub use command::Command;
pub use counters::{Counters, DropReason};
pub use egress::{Egress, MAX_RUN_BYTES, MAX_SEGMENTS, Run};
pub use event::Event;
pub use ids::{ForwardId, Ssrc, TrackId, TransportId, WorkerId};
pub use now::Now;
pub use packet::{MediaPacket, Vp8Ids};
pub use parameters::{
    Codec, Encoding, ExtensionIds, ForwardParameters, IceCredentials, Kind, SrtpProfile, TrackParameters,
};
pub use shared::SharedMessage;
pub use source::{SenderClock, TrackDescription};
pub use stats::{ForwardStats, LayerStats, Stats, TableSizes, TransportStats};
pub use worker::{Datagram, Worker, WorkerConfig};
