//! Rheon's packet engine without I/O: bytes and `now` in; egress runs, events and messages to other workers out.
//!
//! # Theory of operation
//!
//! A [`Worker`] is a state machine. Its owner gives it datagrams ([`Worker::input`]), commands, messages of other workers
//! and time, and takes from it what is to be sent ([`Worker::egress`]), events and messages. It reads no clock, owns no
//! socket and no thread, and does the same for the same input and seed: a simulator and a network card drive the same code.
//!
//! **In.** A datagram is classified by its first byte (RFC 7983). STUN checks find their transport by our user fragment
//! and must authenticate before their address is remembered (`ice`); everything else must come from an address that
//! passed a check. SRTP is opened, and only then is anything kept about an SSRC (`reception`). A retransmission is
//! unwrapped and from there on is the packet it repeats. Each packet is parsed once into a [`MediaPacket`]: numbers
//! unwrapped, padding gone, the payload in a form in which rewriting never changes its size (`codec`).
//!
//! **Sources.** A track as seen on one worker is a *source*: per layer a ring of the last packets, an open burst and a
//! key-frame gate. On the publisher's worker ingress feeds it; on another worker [`SharedMessage::Packet`] does, one
//! reference per packet. Sequence numbers of a layer run on over everything: padding is closed up, and another SSRC goes
//! on far enough ahead that nothing of both is ever confused (an *epoch*). A publisher's payload is stored once, however
//! many subscribers, retransmissions or workers need it.
//!
//! **Out.** A *forward* is a source as one subscriber receives it: offsets for sequence numbers, time stamps, picture ids
//! and TL0PICIDX, so that loss, order and time stay what the publisher made them, while packets left out on purpose
//! leave no gap. It starts, and goes on after a break, only at a key frame: the ring's, if that is at most half a second
//! old, else one the gate asks for. A packet is written and protected straight into the egress arena. Video packets
//! are held in their layer's burst until the frame's marker, 2 ms or 32 packets, so that each subscriber gets a frame as
//! one [`Run`] of equal lengths: one message for the kernel. Audio and retransmissions are never held.
//!
//! **Nonces.** No SRTP index is ever used for two different packets: rings refuse duplicates, a forward starts only later
//! than all it sent, bursts are closed before a forward catches up from the ring, an SSRC used again goes on after its
//! last index, retransmissions have a stream (RTX) and numbers of their own, and the same keys given twice are taken once.
//!
//! **Feedback.** RTCP ends here. Publishers get receiver reports (with the worst loss below for audio, so that its encoder
//! turns on FEC), NACKs batched per transport, transport-wide feedback every 100 ms and rare key-frame requests.
//! Subscribers get sender reports with the publisher's clock, and retransmissions within a budget.
//!
//! **Time.** One heap of timers with a few entries per transport and per source: idle ones cost nothing. Nothing iterates
//! over all transports.
//!
//! **Bounds.** Every table a peer could fill has a cap ([`caps`]) and every refusal a counter ([`DropReason`]). Tables
//! whose keys a peer chooses hash with a key. No remote input panics by intention; should it, the panic is contained:
//! its transport is closed ([`Event::TransportFailed`]) and everything else goes on.
//!
//! **Layers.** A forward sends the highest layer wished for that comes and changes to another at its key frame (`layers`):
//! numbers go on, time is joined by the sender reports of both (`timeline`).
//!
//! Not here yet: choice among the spatial layers of one stream (SVC is forwarded whole), bandwidth
//! estimation (feedback of subscribers is counted), pacing beyond the start of a forward.
#![forbid(unsafe_code)]

// The tests' peers are written against the public interface, inside the crate and outside.
#[cfg(test)]
extern crate self as rheon_engine_core;

mod burst;
pub mod caps;
mod classify;
mod codec;
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
mod pictures;
mod random;
mod receive_stream;
mod reception;
mod ring;
mod round_trip;
mod sent_ring;
mod shared;
mod source;
mod stats;
mod table;
mod timeline;
mod timers;
mod transport;
mod transport_cc;
mod worker;

pub use command::Command;
pub use counters::{Counters, DropReason};
pub use egress::{Egress, MAX_RUN_BYTES, MAX_SEGMENTS, Run};
pub use event::Event;
pub use ids::{ForwardId, Ssrc, TrackId, TransportId, WorkerId};
pub use now::Now;
pub use packet::{FrameIds, MediaPacket};
pub use parameters::{
    Codec, Encoding, ExtensionIds, ForwardParameters, IceCredentials, Kind, SrtpProfile, TrackParameters,
};
pub use shared::SharedMessage;
pub use source::{SenderClock, TrackDescription};
pub use stats::{ForwardStats, LayerStats, Stats, TableSizes, TransportStats};
pub use worker::{Datagram, Worker, WorkerConfig};
