//! Hostile bytes into a worker with a live call: nothing panics, nothing grows, the call notices nothing.

mod forge;

use fastrand::Rng;
use rheon_engine_core::{Command, DropReason, ForwardId, IceCredentials, SrtpProfile, TrackId, TransportId};
use rheon_engine_sim::world::{Peer, SubscriptionSettings};

use crate::support::{Call, Verdict, clean_path, require, seeds, unchanged};

/// The call between the others is as it would be without the hostile one.
fn unharmed(call: &Call) -> Verdict {
    call.faultless()?;
    call.progressed(1.0, 1.0)?;
    for host in &call.world.workers {
        let panics = host.worker.counters().dropped(DropReason::Panic);
        require!(panics == 0, "{panics} contained panics");
    }
    Ok(())
}

#[test]
fn strangers() {
    seeds("strangers", 60, |seed| {
        let mut call = Call::new(seed, |_, _| {});
        call.run(1.5);
        let before = call.world.tables();
        let mut rng = Rng::with_seed(seed);
        let peer = call.world.peers[call.subscribers[0]].address;
        for _ in 0..100 {
            for _ in 0..20 {
                let bytes = forge::datagram(&mut rng);
                let from = if rng.bool() {
                    peer
                } else {
                    ([10, 9, rng.u8(..), 1], 1_000).into()
                };
                call.world.inject(0, from, bytes);
            }
            call.run(0.01);
        }
        call.run(1.2);
        let after = call.world.tables();
        unchanged(&before, &after)?;
        unharmed(&call)
    });
}

#[test]
fn altered_copies_of_real_datagrams() {
    seeds("altered_copies_of_real_datagrams", 40, |seed| {
        let mut call = Call::new(seed, |_, _| {});
        call.run(1.0);
        let before = call.world.tables();
        let mut rng = Rng::with_seed(seed);
        let publisher = call.world.peers[call.publisher].address;
        for _ in 0..150 {
            for mut bytes in call.world.overhear(call.publisher) {
                forge::mutate(&mut rng, &mut bytes);
                call.world.inject(0, publisher, bytes);
            }
            call.run(0.01);
        }
        call.run(1.2);
        let after = call.world.tables();
        unchanged(&before, &after)?;
        unharmed(&call)
    });
}

#[test]
fn a_participant_with_keys() {
    seeds("a_participant_with_keys", 60, |seed| {
        let mut call = Call::new(seed, |rng, shape| shape.settings.workers = rng.u8(1..=2));
        let mut rng = Rng::with_seed(seed);
        let worker = rng.usize(0..call.world.workers.len());
        let path = clean_path(&mut rng);
        let tracks = [call.video, call.audio].map(SubscriptionSettings::new);
        let (hostile, track) = call.world.hostile(worker, path, &tracks);
        let path = clean_path(&mut rng);
        let victim = SubscriptionSettings {
            opaque: true,
            ..SubscriptionSettings::new(track)
        };
        call.world.subscribe(0, path, &[victim]);
        call.run(1.0);
        let before = call.world.tables();
        let own = call.world.log.stream_count() as u32;
        let mut forge = forge::Insider::new(own);
        for _ in 0..100 {
            for _ in 0..20 {
                let Peer::Hostile(transport) = &mut call.world.peers[hostile].peer else {
                    continue;
                };
                let bytes = forge.datagram(&mut rng, transport);
                let from = transport.settings().local;
                call.world.inject(worker, from, bytes);
            }
            call.run(0.01);
        }
        call.run(1.2);
        for (before, after) in before.iter().zip(call.world.tables()) {
            let same = (before.transports, before.tracks, before.forwards, before.tuples)
                == (after.transports, after.tracks, after.forwards, after.tuples);
            require!(
                same && after.ssrcs < before.ssrcs + 256,
                "tables changed from {before:?} to {after:?}"
            );
        }
        unharmed(&call)
    });
}

#[test]
fn commands_that_make_no_sense() {
    seeds("commands_that_make_no_sense", 60, |seed| {
        let mut call = Call::new(seed, |_, _| {});
        call.run(1.0);
        let before = call.world.tables();
        let mut rng = Rng::with_seed(seed);
        for _ in 0..200 {
            let nobody = rng.u32(1_000..2_000);
            let (transport, track, forward) = (TransportId(nobody), TrackId(nobody), ForwardId(nobody));
            let command = match rng.u8(0..12) {
                0 => Command::CloseTransport { transport },
                1 => Command::RemoveTrack { track },
                2 => Command::RemoveForward { forward },
                3 => Command::PauseForward { forward },
                4 => Command::ResumeForward { forward },
                5 => Command::SetLayers {
                    forward,
                    spatial: rng.u8(..),
                    temporal: rng.u8(..),
                },
                6 => Command::SendDtls {
                    transport,
                    datagram: vec![22; rng.usize(0..5_000)],
                },
                7 => Command::SetIce {
                    transport,
                    ice: IceCredentials {
                        ufrag: "u1".into(),
                        pwd: "x".into(),
                    },
                },
                8 => Command::SetSrtp {
                    transport,
                    profile: SrtpProfile::AeadAes128Gcm,
                    send: vec![0; rng.usize(0..40)],
                    receive: Vec::new(),
                },
                9 => Command::SetPolicer {
                    transport,
                    bits_per_second: Some(rng.u64(..)),
                },
                10 => Command::Stats { token: rng.u64(..) },
                _ => {
                    let (video, _) = call.forwards[0];
                    let forward = call.world.forwards[video].id;
                    Command::SetLayers {
                        forward,
                        spatial: rng.u8(..),
                        temporal: 7,
                    }
                }
            };
            call.world.command(0, command);
            call.run(0.005);
        }
        call.run(1.2);
        let after = call.world.tables();
        unchanged(&before, &after)?;
        unharmed(&call)
    });
}
