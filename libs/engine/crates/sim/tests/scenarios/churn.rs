//! Joining and leaving.

use rheon_engine_core::TableSizes;
use rheon_engine_sim::world::ForwardHost;

use crate::support::{Call, clean_path, require, seeds, unchanged};

#[test]
fn subscribers_come_and_go() {
    seeds("subscribers_come_and_go", 200, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            shape.settings.workers = 2;
            shape.publisher.up.loss = rng.f64() * 0.03;
            for (worker, _) in &mut shape.subscribers {
                *worker = rng.usize(0..2);
            }
        });
        call.run(2.0);
        let start = call.world.tables();
        for _ in 0..4 {
            let mut rng = call.world.rng().fork();
            let (worker, path) = (rng.usize(0..2), clean_path(&mut rng));
            let joined = call.subscribe(worker, path);
            call.run(rng.f64() * 2.0);
            let gone = call.subscribers.remove(joined);
            call.forwards.remove(joined);
            call.world.leave(gone);
        }
        call.run(1.5);
        call.faultless()?;
        let end = call.world.tables();
        unchanged(&start, &end)?;
        call.progressed(0.95, 0.9)
    });
}

#[test]
fn late_joiners_start_on_a_key_frame() {
    seeds("late_joiners_start_on_a_key_frame", 200, |seed| {
        let mut call = Call::new(seed, |rng, shape| shape.settings.workers = rng.u8(1..=2));
        call.run(2.0);
        let before = call.world.publisher(call.publisher).ok_or("gone")?.key_requests;
        let workers = call.world.workers.len();
        for _ in 0..5 {
            let mut rng = call.world.rng().fork();
            let path = clean_path(&mut rng);
            call.subscribe(rng.usize(0..workers), path);
            call.run(0.02);
        }
        call.run(4.0);
        call.faultless()?;
        call.progressed(0.99, 0.99)?;
        for subscriber in &call.subscribers {
            let decoder = &call.world.subscriber(*subscriber).ok_or("gone")?.subscriptions[0].decoder;
            require!(
                decoder.first().is_some_and(|tag| tag.key),
                "{:?}",
                decoder.first()
            );
        }
        let requests = call.world.publisher(call.publisher).ok_or("gone")?.key_requests - before;
        require!(
            requests <= 2,
            "{requests} key-frame requests for five joins within 0.1 s"
        );
        Ok(())
    });
}

#[test]
fn publishers_leave() {
    seeds("publishers_leave", 100, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            shape.settings.workers = 2;
            for (worker, _) in &mut shape.subscribers {
                *worker = rng.usize(0..2);
            }
        });
        call.run(1.5);
        let publisher = call.publisher;
        call.world.leave(publisher);
        call.run(1.0);
        for subscriber in &call.subscribers {
            for subscription in &call.world.subscriber(*subscriber).ok_or("gone")?.subscriptions {
                require!(subscription.ended, "no BYE for {:#x}", subscription.ssrc);
            }
        }
        for subscriber in call.subscribers.clone() {
            call.world.leave(subscriber);
        }
        call.run(0.1);
        call.faultless()?;
        let left = call.world.tables();
        require!(
            left.iter().all(|tables| *tables == TableSizes::default()),
            "{left:?}"
        );
        Ok(())
    });
}

#[test]
fn a_forward_is_removed_and_made_again() {
    seeds("a_forward_is_removed_and_made_again", 150, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            shape.settings.workers = rng.u8(1..=2);
            shape.subscribers[0].0 = usize::from(shape.settings.workers) - 1;
            shape.subscribers[0].1.down.loss = 0.05;
        });
        call.run(1.5);
        let before = call.world.tables();
        let (video, audio) = call.forwards[0];
        for _ in 0..3 {
            call.world.remove_forward(video);
            call.world.remove_forward(audio);
            let gone = call.world.rng().f64() * 0.3;
            call.run(gone);
            call.world.renew_forward(video);
            call.world.renew_forward(audio);
            call.run(1.0);
        }
        call.faultless()?;
        unchanged(&before, &call.world.tables())?;
        for forward in [video, audio] {
            let ForwardHost { subscriber, ssrc, .. } = call.world.forwards[forward];
            let address = call.world.peers[subscriber].address;
            let sent = call
                .world
                .oracle
                .transport(address)
                .and_then(|t| t.forward(ssrc))
                .map_or(0, |f| f.sent());
            require!(sent > 0, "nothing sent after forward {forward} was made again");
        }
        Ok(())
    });
}
