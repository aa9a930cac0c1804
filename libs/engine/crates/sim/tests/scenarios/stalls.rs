//! Workers that stand still and paths that go dark.

use crate::support::{Call, require, seeds};

#[test]
fn a_worker_stalls() {
    seeds("a_worker_stalls", 200, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            if rng.bool() {
                shape.settings.workers = 2;
                shape.subscribers[0].0 = 1;
            }
        });
        call.run(2.0);
        for _ in 0..3 {
            let worker = {
                let workers = call.world.workers.len();
                call.world.rng().usize(0..workers)
            };
            call.world.stall(worker, 200_000);
            call.run(0.7);
        }
        call.run(1.5);
        call.faultless()?;
        call.progressed(0.97, 0.95)
    });
}

#[test]
fn egress_goes_dark() {
    seeds("egress_goes_dark", 200, |seed| {
        let mut call = Call::new(seed, |_, _| {});
        call.run(1.5);
        let span = call.world.rng().u64(100_000..2_000_000);
        let (from, to) = (call.world.now, call.world.now + span);
        let dark = call.subscribers[0];
        call.world.peers[dark].down.settings_mut().outage = Some((from, to));
        call.run(6.0);
        call.faultless()?;
        let other = call.world.progress(call.forwards[1].0, 3).ok_or("gone")?;
        require!(other.share() >= 1.0, "the other subscriber suffered: {other:?}");
        let decoder = &call.world.subscriber(dark).ok_or("gone")?.subscriptions[0].decoder;
        let stream = call.world.tracks[call.video].streams[0];
        let recent = call
            .world
            .log
            .frames(stream)
            .filter(|f| f.at > to + 3_000_000 && f.at + 500_000 < call.world.now);
        let recent: Vec<_> = recent.map(|f| f.first.frame).collect();
        let decoded = recent
            .iter()
            .filter(|frame| decoder.decoded().contains(&(stream, **frame)))
            .count();
        require!(
            decoded == recent.len(),
            "{decoded} of {} frames decoded after the outage",
            recent.len()
        );
        Ok(())
    });
}

#[test]
fn the_queue_between_workers_overflows() {
    seeds("the_queue_between_workers_overflows", 100, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            shape.settings.workers = 2;
            shape.settings.shared_loss = 0.01 + rng.f64() * 0.05;
            shape.subscribers.iter_mut().for_each(|(worker, _)| *worker = 1);
        });
        call.run(4.0);
        call.faultless()
    });
}
