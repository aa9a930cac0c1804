//! Messages between workers that hold the two ends of a track.
//!
//! The reader attaches to a track by `Attach` and gets its description, what of it is fresh, then one reference per
//! packet until it detaches or the track ends. What flows back are wishes: key frames and the loss subscribers see.
//! A link to another node carries the same messages over a socket.

use std::sync::Arc;

use crate::ids::TrackId;
use crate::packet::MediaPacket;
use crate::source::TrackDescription;

/// One message. Delivery is in order per pair of workers; `is_media` ones may be dropped when a queue is full.
#[derive(Clone, Debug)]
pub enum SharedMessage {
    /// Reader to owner: send me this track.
    Attach {
        /// The track.
        track: TrackId,
    },
    /// Reader to owner: stop.
    Detach {
        /// The track.
        track: TrackId,
    },
    /// Owner to reader: what the track is.
    Described {
        /// The track.
        track: TrackId,
        /// Its description.
        description: Arc<TrackDescription>,
        /// Per video layer, what a reader could start from at once: the last key frame and what followed, if fresh.
        recent: Vec<Arc<MediaPacket>>,
    },
    /// Owner to reader: the track is gone (or never was): forwards end with BYE.
    Ended {
        /// The track.
        track: TrackId,
    },
    /// Owner to reader: one packet.
    Packet {
        /// The track.
        track: TrackId,
        /// The packet.
        packet: Arc<MediaPacket>,
    },
    /// Owner to reader: the publisher's sender report of a layer.
    SenderReport {
        /// The track.
        track: TrackId,
        /// The layer.
        layer: u8,
        /// What it said.
        report: crate::source::SenderClock,
    },
    /// Reader to owner: somebody waits for a key frame of this layer.
    KeyFrameWanted {
        /// The track.
        track: TrackId,
        /// The layer.
        layer: u8,
    },
    /// Reader to owner: worst loss of this track among the reader's subscribers, in 1/256.
    Loss {
        /// The track.
        track: TrackId,
        /// Fraction lost (RFC 3550 §6.4.1).
        fraction: u8,
    },
}

impl SharedMessage {
    /// Media may be dropped when a queue is full (subscribers recover by NACK or a key frame); everything else may not.
    pub fn is_media(&self) -> bool {
        matches!(self, Self::Packet { .. })
    }
}
