//! Commands in the middle of a call: pauses, temporal layers.

use rheon_engine_sim::media::PictureIdForm;

use crate::support::{Call, require, seeds};

#[test]
fn pause_and_resume() {
    seeds("pause_and_resume", 300, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            if rng.bool() {
                shape.publisher.up.loss = 0.03;
                shape.settings.workers = 2;
                shape.subscribers[1].0 = 1;
            }
        });
        call.run(1.5);
        for _ in 0..4 {
            let (video, audio) = call.forwards[call.world.rng().usize(0..2)];
            let forward = if call.world.rng().bool() { video } else { audio };
            call.world.pause(forward);
            let paused = call.world.rng().f64() * 0.8;
            call.run(paused);
            call.world.resume(forward);
            let running = call.world.rng().f64() * 0.8;
            call.run(running);
        }
        call.run(2.0);
        call.faultless()?;
        for (video, _) in &call.forwards {
            let progress = call.world.progress(*video, 3).ok_or("gone")?;
            require!(
                progress.share() > 0.4,
                "hardly anything after resuming: {progress:?}"
            );
        }
        Ok(())
    });
}

#[test]
fn temporal_layers() {
    seeds("temporal_layers", 300, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            shape.video.layers = rng.u8(2..=3);
            // Without picture ids frames cannot be left out: receivers would wait for them.
            shape.video.picture_id = if rng.bool() {
                PictureIdForm::Short
            } else {
                PictureIdForm::Long
            };
            if rng.bool() {
                shape.publisher.up.loss = 0.03;
            }
        });
        call.run(1.5);
        for _ in 0..6 {
            let (video, _) = call.forwards[0];
            let layer = call.world.rng().u8(0..=2);
            call.world.limit(video, layer);
            let span = call.world.rng().f64();
            call.run(span);
        }
        call.world.limit(call.forwards[0].0, 0);
        call.run(3.0);
        call.faultless()?;
        let base = call.world.progress(call.forwards[0].0, 0).ok_or("gone")?;
        require!(base.share() > 0.9, "base layer: {base:?}");
        let full = call.world.progress(call.forwards[1].0, 2).ok_or("gone")?;
        require!(full.share() > 0.9, "the other subscriber: {full:?}");
        Ok(())
    });
}
