//! What networks do to packets.

use std::cell::Cell;

use rheon_engine_sim::link::BurstLoss;
use rheon_engine_sim::oracle::Upstream;
use rheon_engine_sim::world::SECOND;

use crate::support::{Call, both, require, seeds};

#[test]
fn clean() {
    seeds("clean", 300, |seed| {
        let mut call = Call::new(seed, |_, _| {});
        call.run(4.0);
        call.faultless()?;
        call.progressed(1.0, 1.0)?;
        for (video, _) in &call.forwards {
            let progress = call.world.progress(*video, 3).unwrap_or_default();
            require!(
                progress.nacks == 0,
                "a subscriber asked for {} packets on a clean path",
                progress.nacks
            );
        }
        let publisher = call.world.publisher(call.publisher).ok_or("gone")?;
        require!(
            publisher.resent == 0,
            "{} packets asked for on a clean path",
            publisher.resent
        );
        let (reported, sent) = (publisher.reported_received, publisher.wide_sent);
        require!(
            reported * 10 >= sent * 8,
            "transport-cc feedback on {reported} of {sent} packets"
        );
        for (peer, subscriber) in call.subscribers.iter().enumerate() {
            for subscription in &call.world.subscriber(*subscriber).ok_or("gone")?.subscriptions {
                require!(subscription.reports > 0, "subscriber {peer} got no sender report");
            }
        }
        Ok(())
    });
}

#[test]
fn frames_leave_in_runs() {
    seeds("frames_leave_in_runs", 30, |seed| {
        let mut call = Call::new(seed, |_, shape| {
            shape.video.packets = 6..=6;
            shape.video.padding_only = 0.0;
        });
        call.run(1.0);
        let (datagrams, runs) = (call.world.oracle.datagrams, call.world.oracle.runs);
        call.run(2.0);
        call.faultless()?;
        let (datagrams, runs) = (
            call.world.oracle.datagrams - datagrams,
            call.world.oracle.runs - runs,
        );
        // Audio, feedback and answers to checks are single; the six packets of a frame are one or two runs.
        require!(datagrams * 10 > runs * 13, "{datagrams} datagrams in {runs} runs");
        Ok(())
    });
}

#[test]
fn loss() {
    let (runs, poor) = (Cell::new(0), Cell::new(0));
    seeds("loss", 300, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            let (up, down) = if rng.bool() { (0.10, 0.0) } else { (0.03, 0.05) };
            shape.publisher = both(shape.publisher.clone(), |link| link.loss = up);
            for (_, path) in &mut shape.subscribers {
                *path = both(path.clone(), |link| link.loss = down);
            }
        });
        call.run(6.0);
        call.faultless()?;
        // Chance may lose a packet with all of its retransmissions, which costs a key frame; rarely.
        runs.set(runs.get() + 1);
        poor.set(poor.get() + u32::from(call.progressed(0.97, 0.80).is_err()));
        call.progressed(0.60, 0.80)?;
        let requests = call.world.publisher(call.publisher).ok_or("gone")?.key_requests;
        let most = 6 * SECOND / Upstream::GATE + 1;
        require!(requests <= most, "{requests} key-frame requests in 6 s");
        Ok(())
    });
    let (runs, poor) = (runs.get(), poor.get());
    assert!(
        poor * 100 <= runs,
        "below 97 % of the frames in {poor} of {runs} calls"
    );
}

#[test]
fn reordering() {
    seeds("reordering", 200, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            let (reorder, by) = (rng.f64() * 0.2, rng.u64(1_000..60_000));
            let change = |link: &mut rheon_engine_sim::link::LinkSettings| {
                link.reorder = reorder;
                link.reorder_by = by;
            };
            shape.publisher = both(shape.publisher.clone(), change);
            for (_, path) in &mut shape.subscribers {
                *path = both(path.clone(), change);
            }
        });
        call.run(4.0);
        call.faultless()?;
        call.progressed(0.97, 0.99)
    });
}

#[test]
fn duplication() {
    seeds("duplication", 200, |seed| {
        let mut call = Call::new(seed, |_, shape| {
            shape.publisher = both(shape.publisher.clone(), |link| link.duplicate = 0.3);
            for (_, path) in &mut shape.subscribers {
                *path = both(path.clone(), |link| link.duplicate = 0.3);
            }
        });
        call.run(3.0);
        call.faultless()?;
        call.progressed(1.0, 1.0)
    });
}

#[test]
fn burst_loss() {
    seeds("burst_loss", 200, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            let bursts = Some(BurstLoss {
                enter: 0.002 + rng.f64() * 0.01,
                leave: 0.05 + rng.f64() * 0.3,
            });
            if rng.bool() {
                shape.publisher.up.bursts = bursts;
            }
            for (_, path) in &mut shape.subscribers {
                path.down.bursts = bursts;
            }
        });
        call.run(4.0);
        // The paths heal; within seconds everybody decodes everything again.
        let peers = call.world.peers.iter_mut();
        peers.for_each(|peer| {
            peer.up.settings_mut().bursts = None;
            peer.down.settings_mut().bursts = None;
        });
        call.run(5.0);
        call.faultless()?;
        healed(&call)
    });
}

#[test]
fn everything_at_once() {
    seeds("everything_at_once", 400, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            shape.settings.workers = 2;
            let mut path = |path: &mut rheon_engine_sim::world::Path| {
                for link in [&mut path.up, &mut path.down] {
                    link.loss = rng.f64() * 0.08;
                    link.jitter = rng.u64(0..20_000);
                    link.reorder = rng.f64() * 0.1;
                    link.reorder_by = rng.u64(0..50_000);
                    link.duplicate = rng.f64() * 0.1;
                    link.rate = rng.bool().then_some(rng.u64(2_000_000..20_000_000));
                }
            };
            path(&mut shape.publisher);
            for (worker, subscriber) in &mut shape.subscribers {
                *worker = usize::from(seed % 2 == 0);
                path(subscriber);
            }
        });
        call.run(4.0);
        call.faultless()
    });
}

/// Every subscriber decoded a frame published within the last two seconds.
fn healed(call: &Call) -> crate::support::Verdict {
    let streams = call.world.tracks[call.video].streams.clone();
    let recent = streams.iter().flat_map(|stream| call.world.log.frames(*stream));
    let recent: Vec<_> = recent
        .filter(|frame| frame.at + 2 * SECOND > call.world.now)
        .collect();
    for subscriber in &call.subscribers {
        let Some(subscriber) = call.world.subscriber(*subscriber) else {
            continue;
        };
        let decoded = subscriber.subscriptions[0].decoder.decoded();
        let any = recent
            .iter()
            .filter(|frame| decoded.contains(&(frame.first.stream, frame.first.frame)))
            .count();
        require!(
            any * 2 > recent.len(),
            "{any} of the last {} frames decoded",
            recent.len()
        );
    }
    Ok(())
}
