//! Rheon's packet engine without I/O: bytes and `now` in; egress runs, events and messages to other workers out.
#![forbid(unsafe_code)]

pub mod caps;
mod command;
mod counters;
mod egress;
mod event;
mod ids;
mod now;
mod packet;
mod parameters;
mod shared;
mod source;
mod stats;
mod worker;

pub use command::Command;
pub use counters::{Counters, DropReason};
pub use egress::{Egress, MAX_RUN_BYTES, MAX_SEGMENTS, Run};
pub use event::Event;
pub use ids::{ForwardId, Ssrc, TrackId, TransportId, WorkerId};
pub use now::Now;
pub use packet::MediaPacket;
pub use parameters::{
    Codec, Encoding, ExtensionIds, ForwardParameters, IceCredentials, Kind, SrtpProfile, TrackParameters,
};
pub use shared::SharedMessage;
pub use source::{SenderClock, TrackDescription};
pub use stats::{ForwardStats, LayerStats, Stats, TableSizes, TransportStats};
pub use worker::{Datagram, Worker, WorkerConfig};
