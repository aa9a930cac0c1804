//! Virtual peers: what a browser does on one peer connection.

mod decoder;
mod publisher;
mod stream;
mod subscriber;
mod transport;

pub use decoder::{Decoder, Received};
pub use publisher::{Publisher, PublisherSettings};
pub use stream::StreamSettings;
pub use stream::extension as published;
pub use subscriber::extension as subscribed;
pub use subscriber::{Subscriber, SubscriberSettings, Subscription};
pub use transport::{Input, Keys, Transport, TransportSettings};

/// A datagram a peer sends, with what the call's log has to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Wait before it goes, microseconds.
    pub delay: u64,
    /// Protected bytes.
    pub bytes: Vec<u8>,
    /// What it means once it arrives.
    pub meaning: Meaning,
}

/// What the arrival of a datagram at the engine means to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing.
    None,
    /// A media or padding packet of a stream: its number in that stream, also if it is a retransmission.
    Packet {
        /// Stream.
        stream: u16,
        /// The publisher's number without wraps.
        sequence: u32,
    },
    /// A sender report of these streams.
    Report(Vec<u16>),
}

impl Outgoing {
    /// A datagram that means nothing to the log and goes at once.
    pub fn now(bytes: Vec<u8>) -> Self {
        Self {
            delay: 0,
            bytes,
            meaning: Meaning::None,
        }
    }
}
