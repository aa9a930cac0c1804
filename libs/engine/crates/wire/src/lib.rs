//! Wire formats of the packet engine: bytes to values and back, without state machines and without I/O.
//!
//! Every parser takes remote bytes: it returns this crate's errors and never panics. What runs once per packet
//! (RTP, codec payloads, SRTP, sequence numbers) does not allocate.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod av1;
mod bytes;
pub mod dependency_descriptor;
pub mod h264;
pub mod h265;
mod payload;
pub mod red;
pub mod rtcp;
pub mod rtp;
pub mod sequence;
pub mod srtp;
pub mod stun;
#[cfg(test)]
mod testing;
pub mod vp8;
pub mod vp9;

pub use payload::PayloadError;
