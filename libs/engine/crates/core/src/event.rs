//! What a worker tells its owner. Mirrors the events of `rheon_engine/types.py`.

use crate::ids::{Ssrc, TrackId, TransportId};
use crate::stats::Stats;

/// Something happened. The queue is bounded (`Caps::events`): beyond it `DtlsReceived`, `IceConnected` and
/// `TrackStarted` are dropped and later told as `EventsLost`; the others always find room.
#[derive(Debug)]
pub enum Event {
    /// The first authenticated check of a transport (or of restarted credentials) arrived: DTLS may flow.
    IceConnected {
        /// The transport.
        transport: TransportId,
    },
    /// A DTLS datagram from an address that passed a check of this transport.
    DtlsReceived {
        /// The transport.
        transport: TransportId,
        /// At most 4096 bytes.
        datagram: Vec<u8>,
    },
    /// No authenticated check for 30 s (RFC 7675): the engine has stopped sending on this transport.
    ConsentLost {
        /// The transport.
        transport: TransportId,
    },
    /// The first authenticated media packet of a layer arrived.
    TrackStarted {
        /// The track.
        track: TrackId,
        /// Index of the layer, lowest first.
        layer: u8,
        /// Its SSRC.
        ssrc: Ssrc,
    },
    /// The engine closed this transport itself (a contained panic). Its tracks and forwards are gone.
    TransportFailed {
        /// The transport.
        transport: TransportId,
        /// Why, for a log.
        reason: &'static str,
    },
    /// This many events were dropped because the queue was full.
    EventsLost {
        /// How many.
        count: u64,
    },
    /// Answer to `Command::Stats`.
    Stats {
        /// The command's token.
        token: u64,
        /// One consistent snapshot of this worker.
        stats: Box<Stats>,
    },
}
