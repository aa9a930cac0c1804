//! Codec payloads.

use rheon_engine_wire::{av1, h264, h265, red, vp8, vp9};

use super::Sum;

pub(super) fn vp8(payload: &[u8]) -> u64 {
    let mut out = Vec::new();
    let Ok(before) = vp8::normalise(payload, &mut out) else {
        assert!(out.is_empty(), "appended on error");
        return 0;
    };
    assert_eq!(
        vp8::Descriptor::parse(&out),
        Ok(before),
        "not what was normalised"
    );
    let (picture_id, tl0_pic_idx) = (0x2a55, 0xa7);
    let len = out.len();
    vp8::patch(&mut out, picture_id, tl0_pic_idx);
    let expected = vp8::Descriptor {
        picture_id: before.picture_id.map(|_| picture_id),
        tl0_pic_idx: before.tl0_pic_idx.map(|_| tl0_pic_idx),
        ..before
    };
    assert_eq!(vp8::Descriptor::parse(&out), Ok(expected), "not what was patched");
    assert_eq!(out.len(), len, "patching changed the length");
    let mut sum = Sum::default();
    sum.add(before.len as u64)
        .add(before.tid.map_or(0, |tid| u64::from(tid) + 1))
        .flag(before.key_frame)
        .flag(before.layer_sync)
        .flag(before.non_reference)
        .flag(before.tl0_pic_idx.is_some())
        .flag(before.picture_id.is_some());
    sum.0
}

pub(super) fn vp9(payload: &[u8]) -> u64 {
    let mut out = Vec::new();
    let before = match vp9::normalise(payload, &mut out) {
        Ok(before) => before,
        Err(error) => {
            assert!(out.is_empty(), "appended on error");
            return error as u64;
        }
    };
    assert_eq!(
        vp9::Descriptor::parse(&out),
        Ok(before),
        "not what was normalised"
    );
    let (picture_id, tl0_pic_idx) = (0x2a55, 0xa7);
    let len = out.len();
    vp9::patch(&mut out, picture_id, tl0_pic_idx);
    let expected = vp9::Descriptor {
        picture_id: before.picture_id.map(|_| picture_id),
        tl0_pic_idx: before.tl0_pic_idx.map(|_| tl0_pic_idx),
        ..before
    };
    assert_eq!(vp9::Descriptor::parse(&out), Ok(expected), "not what was patched");
    assert_eq!(out.len(), len, "patching changed the length");
    let mut sum = Sum(7);
    sum.add(before.sid().into())
        .add(before.tid().into())
        .flag(before.inter_picture)
        .flag(before.flexible)
        .flag(before.start_of_frame)
        .add(
            before
                .references
                .iter()
                .filter(|reference| **reference > 0)
                .count() as u64,
        );
    if let Some(structure) = before.scalability {
        assert!((1..=8).contains(&structure.spatial_layers));
        sum.flag(structure.temporal_layers.is_some())
            .flag(structure.resolutions.is_some());
    }
    sum.0
}

pub(super) fn h264(payload: &[u8]) -> u64 {
    match h264::Payload::parse(payload) {
        Ok(parsed) => {
            assert!(
                !parsed.key_frame || parsed.idr || parsed.sps,
                "key frame of nothing"
            );
            let mut sum = Sum(7);
            sum.add(u64::from(payload.first().map_or(0, |first| first & 0x1f)) << 8)
                .flag(parsed.start_of_frame)
                .flag(parsed.key_frame)
                .flag(parsed.idr)
                .flag(parsed.sps)
                .flag(parsed.pps);
            sum.0
        }
        Err(error) => error as u64,
    }
}

pub(super) fn h265(payload: &[u8]) -> u64 {
    match h265::Payload::parse(payload) {
        Ok(parsed) => {
            let sets = parsed.vps || parsed.sps;
            assert!(!parsed.key_frame || parsed.irap || sets, "key frame of nothing");
            assert!(parsed.tid < 7, "temporal layer {}", parsed.tid);
            let mut sum = Sum(7);
            sum.add(u64::from(payload.first().map_or(0, |first| first >> 1)) << 8)
                .add(parsed.tid.into())
                .flag(parsed.start_of_frame)
                .flag(parsed.key_frame)
                .flag(parsed.irap)
                .flag(sets)
                .flag(parsed.pps);
            sum.0
        }
        Err(error) => error as u64,
    }
}

pub(super) fn av1(payload: &[u8]) -> u64 {
    match av1::AggregationHeader::parse(payload) {
        Ok(header) => {
            assert!(
                !(header.new_sequence && header.continues),
                "a sequence that goes on"
            );
            let mut sum = Sum(7);
            sum.flag(header.continues)
                .flag(header.continued)
                .flag(header.new_sequence)
                .add(header.elements.unwrap_or(0).into());
            sum.0
        }
        Err(error) => error as u64,
    }
}

pub(super) fn red(payload: &[u8]) -> u64 {
    match red::Payload::parse(payload) {
        Ok(blocks) => {
            let (mut count, mut redundant) = (0, 0);
            for block in blocks.redundant() {
                assert!(
                    block.payload_type < 128
                        && block.timestamp_offset < 1 << 14
                        && block.data.len() < 1 << 10
                );
                count += 1;
                redundant += block.data.len();
            }
            let all = 4 * count + 1 + redundant + blocks.primary.data.len();
            assert_eq!(all, payload.len(), "blocks do not add up");
            let mut sum = Sum(7);
            sum.add(count as u64)
                .add(redundant as u64)
                .add(blocks.primary.data.len() as u64);
            sum.0
        }
        Err(error) => error as u64,
    }
}
