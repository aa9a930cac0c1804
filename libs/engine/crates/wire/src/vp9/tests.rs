use super::*;
use crate::testing::Random;

fn parse(payload: &[u8]) -> Descriptor {
    Descriptor::parse(payload).expect("parses")
}

/// A key picture's base layer: I L B V, wide picture id, three layers with sizes, a group of four pictures.
const KEY: [u8; 35] = [
    0xaa, 0x81, 0x23, 0x00, 0x45, // descriptor up to TL0PICIDX
    0x58, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68, 0x05, 0x00, 0x02, 0xd0, // three sizes
    0x04, 0x04, 0x04, 0x58, 0x01, 0x02, 0x3c, 0x01, 0x02, 0x03,
    0x50, // four pictures; the last refers to nothing
    0x82, 0x49, 0x83, 0x42, 0x00, 0x00, // VP9 data
];
/// A second spatial layer's packet of a later picture: I P L, narrow picture id, tid 2, U, sid 1, D.
const DELTA: [u8; 6] = [0xe0, 0x24, 0x53, 0x46, 0x86, 0x00];
/// Flexible mode: I P L F B E, wide picture id, two references.
const FLEXIBLE: [u8; 7] = [0xfc, 0xff, 0xff, 0x22, 0x03, 0x08, 0x86];

#[test]
fn minimal_descriptor() {
    let key = parse(&[0x08, 0x82]);
    assert!(key.starts_key_picture() && key.start_of_frame && !key.end_of_frame && !key.inter_picture);
    assert_eq!(
        (key.len, key.picture_id, key.layer, key.tl0_pic_idx),
        (1, None, None, None)
    );
    assert_eq!((key.sid(), key.tid()), (0, 0));
    let delta = parse(&[0x4d, 0x86]);
    assert!(delta.start_of_frame && delta.end_of_frame && delta.not_inter_layer_reference);
    assert!(!delta.starts_key_picture());
    // A later packet of a key frame does not start it.
    assert!(!parse(&[0x04, 0x82]).starts_key_picture());
}

#[test]
fn key_picture_with_structure() {
    let key = parse(&KEY);
    assert!(key.starts_key_picture() && key.picture_id_wide && !key.flexible);
    assert_eq!(
        (key.picture_id, key.tl0_pic_idx, key.len),
        (Some(0x123), Some(0x45), 29)
    );
    let structure = key.scalability.expect("present");
    assert_eq!(
        (structure.spatial_layers, structure.temporal_layers),
        (3, Some(3))
    );
    let sizes = structure.resolutions.expect("present");
    let sizes: Vec<_> = sizes.iter().map(|size| (size.width, size.height)).collect();
    assert_eq!(sizes[..4], [(320, 180), (640, 360), (1280, 720), (0, 0)]);
}

#[test]
fn structure_without_sizes_or_group() {
    let structure = parse(&[0x0a, 0x20, 0x82]).scalability.expect("present");
    assert_eq!(
        structure,
        ScalabilityStructure {
            spatial_layers: 2,
            resolutions: None,
            temporal_layers: None
        }
    );
    // An empty picture group is allowed.
    let empty = parse(&[0x0a, 0x08, 0x00, 0x82]);
    assert_eq!(
        empty.scalability.and_then(|structure| structure.temporal_layers),
        None
    );
    assert_eq!(empty.len, 3);
}

#[test]
fn layer_indices() {
    let delta = parse(&DELTA);
    assert_eq!((delta.picture_id, delta.picture_id_wide), (Some(0x24), false));
    assert_eq!(
        delta.layer,
        Some(LayerIndices {
            tid: 2,
            switching_up: true,
            sid: 1,
            inter_layer: true
        })
    );
    assert_eq!((delta.tl0_pic_idx, delta.len), (Some(0x46), 4));
}

#[test]
fn upper_layers_of_a_key_picture_start_themselves_only() {
    // I L B: sid 1, predicted from the layer below alone.
    let upper = parse(&[0xa8, 0x01, 0x03, 0x00, 0x82]);
    assert!(upper.starts_spatial_layer() && !upper.starts_key_picture());
    // The same with P refers to earlier pictures.
    assert!(!parse(&[0xe8, 0x01, 0x03, 0x00, 0x82]).starts_spatial_layer());
}

#[test]
fn flexible_mode_lists_references_and_has_no_tl0() {
    let frame = parse(&FLEXIBLE);
    assert!(frame.flexible && frame.inter_picture);
    assert_eq!((frame.picture_id, frame.tl0_pic_idx), (Some(0x7fff), None));
    assert_eq!((frame.references, frame.len), ([1, 4, 0], 6));
    // A frame that refers to nothing lists nothing.
    assert_eq!(parse(&[0xb8, 0x05, 0x00, 0x82]).len, 3);
    let three = parse(&[0xd0, 0x05, 0x03, 0x05, 0x06, 0x86]);
    assert_eq!(three.references, [1, 2, 3]);
}

#[test]
fn impossible_references_are_refused() {
    for payload in [
        &[0xd0, 0x05, 0x03, 0x05, 0x07, 0x08, 0x86][..],
        &[0xd0, 0x05, 0x00, 0x86],
        &[0x58, 0x02, 0x86],
        &[0x18, 0x02, 0x86],
    ] {
        assert_eq!(Descriptor::parse(payload), Err(PayloadError::Malformed));
    }
}

#[test]
fn truncation_at_every_byte_is_an_error() {
    for payload in [&KEY[..30], &DELTA[..5], &FLEXIBLE] {
        assert!(Descriptor::parse(payload).is_ok());
        for len in 0..payload.len() {
            assert_eq!(Descriptor::parse(&payload[..len]), Err(PayloadError::TooShort));
        }
    }
}

#[test]
fn normalise_widens_a_short_picture_id() {
    let mut out = vec![0xee];
    let descriptor = normalise(&DELTA, &mut out).expect("parses");
    assert_eq!(out, [0xee, 0xe0, 0x80, 0x24, 0x53, 0x46, 0x86, 0x00]);
    assert_eq!(descriptor, parse(&out[1..]));
}

#[test]
fn normalise_keeps_wide_and_absent_ids() {
    for payload in [&KEY[..], &FLEXIBLE, &[0x08, 0x82], &[0x28, 0x00, 0x07, 0x82]] {
        let mut out = Vec::new();
        let descriptor = normalise(payload, &mut out).expect("parses");
        assert_eq!(out, payload);
        assert_eq!(descriptor, parse(payload));
    }
    let mut out = Vec::new();
    assert_eq!(normalise(&KEY[..20], &mut out), Err(PayloadError::TooShort));
    assert!(out.is_empty());
}

#[test]
fn patch_replaces_what_is_there() {
    let mut payload = KEY;
    patch(&mut payload, 0x7ffe, 0x99);
    assert_eq!(payload[..5], [0xaa, 0xff, 0xfe, 0x00, 0x99]);
    assert_eq!(payload[5..], KEY[5..]);
    let mut short = DELTA;
    patch(&mut short, 0x1ff, 0x99);
    assert_eq!(short, [0xe0, 0x7f, 0x53, 0x99, 0x86, 0x00]);
    let mut flexible = FLEXIBLE;
    patch(&mut flexible, 0x0102, 0x99);
    assert_eq!(flexible, [0xfc, 0x81, 0x02, 0x22, 0x03, 0x08, 0x86]);
    let mut no_id = [0x28, 0x00, 0x07, 0x82];
    patch(&mut no_id, 5, 8);
    assert_eq!(no_id, [0x28, 0x00, 0x08, 0x82]);
    let mut cut = [0x80, 0x81];
    patch(&mut cut, 5, 5);
    assert_eq!(cut, [0x80, 0x81]);
}

#[test]
fn mutated_payloads_never_panic() {
    let mut random = Random(1);
    let seeds = [&KEY[..], &DELTA, &FLEXIBLE, &[0x08, 0x82]];
    let mut parsed = 0;
    for _ in 0..300_000 {
        let mut payload = seeds[random.below(4)].to_vec();
        random.mutate(&mut payload);
        let mut out = Vec::new();
        let Ok(before) = normalise(&payload, &mut out) else {
            assert!(out.is_empty());
            continue;
        };
        parsed += 1;
        let after = parse(&out);
        assert_eq!(before, after);
        let (picture_id, tl0) = (random.next() as u16 & 0x7fff, random.next() as u8);
        let len = out.len();
        patch(&mut out, picture_id, tl0);
        let patched = Descriptor {
            picture_id: after.picture_id.map(|_| picture_id),
            tl0_pic_idx: after.tl0_pic_idx.map(|_| tl0),
            ..after
        };
        assert_eq!((parse(&out), out.len()), (patched, len));
    }
    assert!(parsed > 100_000);
}
