//! Numbers that run over.

use rheon_engine_sim::link::LinkSettings;
use rheon_engine_sim::media::PictureIdForm;

use crate::support::{Call, seeds};

#[test]
fn publisher_numbers_wrap() {
    seeds("publisher_numbers_wrap", 200, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            shape.video.first_sequence = u16::MAX - rng.u16(100..300);
            shape.video.first_timestamp = u32::MAX - rng.u32(0..200_000);
            let (form, first) = if rng.bool() {
                (PictureIdForm::Short, 100)
            } else {
                (PictureIdForm::Long, 32_740)
            };
            shape.video.picture_id = form;
            shape.video.first_picture_id = first;
            shape.audio.first_sequence = u16::MAX - rng.u16(80..120);
            shape.publisher.up.loss = 0.03;
            shape.publisher.up.reorder = 0.1;
            shape.publisher.up.reorder_by = 20_000;
        });
        call.run(4.0);
        call.faultless()?;
        call.progressed(0.97, 0.9)
    });
}

/// Long enough for the forward's own sequence numbers, which start in the lower half, to wrap.
#[test]
fn forwarded_numbers_wrap() {
    seeds("forwarded_numbers_wrap", 3, |seed| {
        let mut call = Call::new(seed, |_, shape| {
            shape.subscribers.truncate(1);
            shape.video.rate = 120;
            shape.video.packets = 12..=12;
            shape.video.length = 60..=80;
            shape.video.padding_only = 0.0;
            shape.publisher.up = LinkSettings {
                loss: 0.01,
                ..LinkSettings::default()
            };
        });
        call.run(50.0);
        call.faultless()?;
        call.progressed(0.97, 0.9)
    });
}

#[test]
fn the_publisher_changes_its_ssrc() {
    seeds("the_publisher_changes_its_ssrc", 200, |seed| {
        let mut call = Call::new(seed, |_, _| {});
        call.run(2.0);
        let (sequence, timestamp) = (call.world.rng().u16(0..0x7FFF), call.world.rng().u32(..));
        call.world.change_stream(call.video, sequence, timestamp);
        call.run(3.0);
        call.faultless()?;
        call.progressed(0.95, 1.0)
    });
}
