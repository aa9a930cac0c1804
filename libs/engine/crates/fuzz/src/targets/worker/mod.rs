//! Packet sequences through a worker with a call: one publisher with a video and an audio track, two subscribers.
//!
//! The first byte of an input chooses the call, then follow records of a kind, a length and that many bytes. What peers
//! with keys send is protected on the way in, so that everything behind SRTP is reached; what the worker sends is opened
//! and checked.

mod call;

use std::time::Duration;

use rheon_engine_core::{Codec, Command, ForwardId, IceCredentials, WorkerId};

use call::{AUDIO_TRACK, Call, FORWARDS, PUBLISHER, STRANGER, VIDEO_TRACK};

/// Codecs of the video track.
const CODECS: [Codec; 5] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1];
/// Records of one input.
const MAX_RECORDS: usize = 400;

pub(super) fn worker(input: &[u8]) -> u64 {
    let Some((setup, mut rest)) = input.split_first() else {
        return 0;
    };
    let mut call = Call::new(
        CODECS[usize::from(setup & 0x07) % CODECS.len()],
        setup & 0x08 != 0,
        setup & 0x10 != 0,
        setup & 0x20 != 0,
    );
    let mut records = 0;
    while let [kind, len, after @ ..] = rest
        && records < MAX_RECORDS
    {
        let (body, after) = after.split_at_checked((*len).into()).unwrap_or((after, &[]));
        rest = after;
        records += 1;
        record(&mut call, *kind, body);
    }
    call.release();
    call.pass(Duration::from_millis(200));
    call.outcome()
}

/// Runs one record; the high half of the kind says who.
fn record(call: &mut Call, kind: u8, body: &[u8]) {
    let peer = usize::from(kind >> 4) % 3;
    let first = body.first().copied().unwrap_or(0);
    match kind & 0x0f {
        0..=4 => call.media(false, body),
        5 => call.media(true, body),
        6 => call.rtcp(PUBLISHER, body),
        7 => call.rtcp(1 + peer % 2, body),
        8 => call.datagram(peer, body.to_vec()),
        9 => call.datagram(STRANGER, body.to_vec()),
        10 => call.pass(Duration::from_millis(1 << (first & 0x0f))),
        11 => command(call, first, body.get(1..).unwrap_or_default()),
        12 => call.check(peer, first),
        13 => call.packet(peer, body),
        14 => call.hold(),
        _ => call.datagram(peer, dtls(body)),
    }
}

/// What is told from other datagrams as DTLS.
fn dtls(body: &[u8]) -> Vec<u8> {
    let mut datagram = vec![22];
    datagram.extend_from_slice(body);
    datagram
}

/// What the control plane may ask at any time.
fn command(call: &mut Call, what: u8, arguments: &[u8]) {
    let argument = |at: usize| arguments.get(at).copied().unwrap_or(0);
    let place = usize::from(argument(0)) % FORWARDS;
    let forward = ForwardId(place as u32);
    let track = [VIDEO_TRACK, AUDIO_TRACK][usize::from(argument(0)) % 2];
    let transport = Call::transport(usize::from(argument(0)) % 3);
    let command = match what % 13 {
        0 => Command::PauseForward { forward },
        1 => Command::ResumeForward { forward },
        2..=4 => Command::SetLayers {
            forward,
            spatial: argument(1) % 4,
            temporal: argument(2) % 5,
        },
        5 => Command::RemoveForward { forward },
        6 => Command::AddForward {
            transport: Call::transport(1 + place % 2),
            forward,
            track: Call::track_of(place),
            track_worker: WorkerId(0),
            parameters: call.forward_parameters(place),
        },
        7 => Command::RemoveTrack { track },
        8 => Command::AddTrack {
            transport: Call::transport(PUBLISHER),
            track,
            parameters: call.track_parameters(track),
        },
        9 => Command::SetPolicer {
            transport,
            bits_per_second: Some(1000 << (argument(1) & 0x0f)),
        },
        10 => Command::Stats { token: 1 },
        11 => Command::SendDtls {
            transport,
            datagram: dtls(arguments),
        },
        _ if argument(1) > 0xe0 => Command::CloseTransport { transport },
        // An ICE restart to the same credentials as before.
        _ => Command::SetIce {
            transport,
            ice: IceCredentials {
                ufrag: Call::ufrag(usize::from(argument(0)) % 3),
                pwd: call::PASSWORD.into(),
            },
        },
    };
    call.command(command);
}
