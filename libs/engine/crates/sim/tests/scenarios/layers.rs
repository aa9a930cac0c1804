//! Simulcast: layers chosen, changed, lost and found again; tracks muted.

use rheon_engine_sim::media::PictureIdForm;

use crate::support::{Call, Verdict, require, seeds};

/// Of the frame instants since the subscriber's first frame, the share at which it decoded a frame of some layer.
fn watched(call: &Call, subscriber: usize, share: f64) -> Verdict {
    let (video, _) = call.forwards[subscriber];
    let progress = call.world.progress(video, 3).ok_or("gone")?;
    #[allow(clippy::cast_precision_loss)]
    let of = progress.decoded as f64 / (progress.published as f64 / 3.0).max(1.0);
    require!(of >= share, "subscriber {subscriber}: {of:.3} of {progress:?}");
    Ok(())
}

fn spatial(call: &Call, subscriber: usize) -> Option<u8> {
    let forward = &call.world.forwards[call.forwards[subscriber].0];
    let worker = call.world.peers[forward.subscriber].worker;
    let now = rheon_engine_core::Now::from_micros(call.world.now);
    let stats = call.world.workers[worker].worker.stats(now);
    let of = stats.forwards.iter().find(|it| it.forward == forward.id)?;
    Some(of.spatial)
}

#[test]
fn layers_are_changed() {
    seeds("layers_are_changed", 200, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            shape.video.simulcast = 3;
            shape.video.picture_id = PictureIdForm::Long;
            shape.settings.workers = 2;
            shape.subscribers[1].0 = rng.usize(0..2);
        });
        call.run(1.5);
        for subscriber in 0..2 {
            let layer = spatial(&call, subscriber);
            require!(layer == Some(2), "subscriber {subscriber} reached {layer:?}");
        }
        for _ in 0..8 {
            let (subscriber, layer) = (call.world.rng().usize(0..2), call.world.rng().u8(0..3));
            let (video, _) = call.forwards[subscriber];
            call.world.prefer(video, layer);
            let span = call.world.rng().f64() * 1.5;
            call.run(span);
        }
        call.world.prefer(call.forwards[0].0, 1);
        call.run(2.0);
        require!(spatial(&call, 0) == Some(1), "not on the layer wished for");
        call.faultless()?;
        watched(&call, 0, 0.9)?;
        watched(&call, 1, 0.9)
    });
}

#[test]
fn layers_vanish_and_come_back_under_loss() {
    seeds("layers_vanish_and_come_back_under_loss", 200, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            shape.video.simulcast = 3;
            shape.video.rate = 30;
            shape.settings.workers = 2;
            shape.subscribers[1].0 = rng.usize(0..2);
            shape.publisher.up.loss = [0.0, 0.02][rng.usize(0..2)];
            shape.publisher.up.reorder = [0.0, 0.02][rng.usize(0..2)];
        });
        call.run(1.5);
        let mut active = [true; 3];
        for _ in 0..6 {
            let layer = call.world.rng().usize(0..3);
            active[layer] = !active[layer] || active.iter().filter(|it| **it).count() == 1;
            call.world.set_layer_active(call.video, layer, active[layer]);
            let span = 0.2 + call.world.rng().f64() * 1.5;
            call.run(span);
        }
        for layer in 0..3 {
            call.world.set_layer_active(call.video, layer, true);
        }
        call.run(3.0);
        for subscriber in 0..2 {
            let layer = spatial(&call, subscriber);
            require!(layer == Some(2), "subscriber {subscriber} came back to {layer:?}");
        }
        call.faultless()
    });
}

#[test]
fn tracks_are_muted() {
    seeds("tracks_are_muted", 200, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            shape.publisher.up.loss = [0.0, 0.02][rng.usize(0..2)];
        });
        call.run(1.5);
        for _ in 0..4 {
            let track = if call.world.rng().bool() {
                call.video
            } else {
                call.audio
            };
            call.world.mute(track, true);
            let span = call.world.rng().f64();
            call.run(span);
            call.world.mute(track, false);
            let span = call.world.rng().f64();
            call.run(span);
        }
        call.run(2.0);
        call.faultless()
    });
}
