//! What the owner of a worker can ask of it.

use crate::ids::{ForwardId, TrackId, TransportId, WorkerId};
use crate::parameters::{ForwardParameters, IceCredentials, SrtpProfile, TrackParameters};

/// One command. Commands never fail: one that names something unknown is counted (`DropReason::UnknownTarget`), since
/// what it names may just have been closed by the engine.
#[derive(Debug)]
pub enum Command {
    /// Make a transport that answers ICE checks to these credentials.
    AddTransport {
        /// Its id.
        transport: TransportId,
        /// Our credentials.
        ice: IceCredentials,
    },
    /// ICE restart: former credentials stay valid until the first check with these (RFC 8445 §9).
    SetIce {
        /// The transport.
        transport: TransportId,
        /// Our new credentials.
        ice: IceCredentials,
    },
    /// Keys the DTLS handshake agreed (RFC 5764 §4.2).
    SetSrtp {
        /// The transport.
        transport: TransportId,
        /// Protection profile.
        profile: SrtpProfile,
        /// Master key followed by master salt for what we send.
        send: Vec<u8>,
        /// Master key followed by master salt for what we receive.
        receive: Vec<u8>,
    },
    /// Send one DTLS datagram to the transport's selected address; dropped and counted while there is none.
    SendDtls {
        /// The transport.
        transport: TransportId,
        /// The datagram.
        datagram: Vec<u8>,
    },
    /// Remove a transport with its tracks and forwards; subscribers of its tracks get BYE.
    CloseTransport {
        /// The transport.
        transport: TransportId,
    },
    /// Receive a published track on a transport of this worker.
    AddTrack {
        /// The publishing transport.
        transport: TransportId,
        /// Its id.
        track: TrackId,
        /// What was negotiated.
        parameters: TrackParameters,
    },
    /// Stop receiving a track; its forwards, on every worker, end with BYE.
    RemoveTrack {
        /// The track.
        track: TrackId,
    },
    /// Forward nothing of a track, on any worker, until told otherwise; then video goes on at a key frame.
    MuteTrack {
        /// The track.
        track: TrackId,
        /// Muted or not.
        muted: bool,
    },
    /// Send a track to a transport of this worker.
    AddForward {
        /// The subscribing transport.
        transport: TransportId,
        /// Its id.
        forward: ForwardId,
        /// The track.
        track: TrackId,
        /// The worker the track was added on.
        track_worker: WorkerId,
        /// What was negotiated.
        parameters: ForwardParameters,
    },
    /// Stop sending a forward, with BYE.
    RemoveForward {
        /// The forward.
        forward: ForwardId,
    },
    /// Send at most these layers (0 is the lowest).
    SetLayers {
        /// The forward.
        forward: ForwardId,
        /// Highest spatial layer.
        spatial: u8,
        /// Highest temporal layer.
        temporal: u8,
    },
    /// Send no media until resumed.
    PauseForward {
        /// The forward.
        forward: ForwardId,
    },
    /// Send media again; video goes on at the next key frame, which is asked for.
    ResumeForward {
        /// The forward.
        forward: ForwardId,
    },
    /// Limit what a publishing transport may send; `None` lifts the limit (relay links).
    SetPolicer {
        /// The transport.
        transport: TransportId,
        /// Bits per second of RTP.
        bits_per_second: Option<u64>,
    },
    /// Ask for `Event::Stats` with this token.
    Stats {
        /// Returned with the answer.
        token: u64,
    },
}
