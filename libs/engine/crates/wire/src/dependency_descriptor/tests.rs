use super::*;
use crate::testing::Random;

/// Bytes of a string of binary digits; what is no digit is skipped, the last byte filled with zeros.
fn bits(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| matches!(byte, b'0' | b'1'))
        .map(|byte| byte - b'0')
        .collect();
    digits
        .chunks(8)
        .map(|byte| (0..8).fold(0, |value, at| value << 1 | byte.get(at).copied().unwrap_or(0)))
        .collect()
}

/// A template from a row of the tables in A.10.2, e.g. `0 1 | 2 | 2 | SD-`.
fn template(row: &str) -> Template {
    let columns: Vec<Vec<&str>> = row
        .split('|')
        .map(|column| column.split_whitespace().collect())
        .collect();
    let numbers = |at: usize| {
        columns[at]
            .iter()
            .map(|number| number.parse::<u8>().expect("number"))
    };
    let layer: Vec<u8> = numbers(0).collect();
    let frame_diffs: Vec<u16> = numbers(1).map(u16::from).collect();
    let chain_diffs: Vec<u8> = numbers(2).collect();
    Template {
        layer: Layer {
            sid: layer[0],
            tid: layer[1],
        },
        indications: columns[3][0]
            .chars()
            .map(|symbol| match symbol {
                'D' => Indication::Discardable,
                'S' => Indication::Switch,
                'R' => Indication::Required,
                _ => Indication::NotPresent,
            })
            .collect(),
        frame_diffs: frame_diffs.as_slice().try_into().expect("fits"),
        chain_diffs: chain_diffs.as_slice().try_into().expect("fits"),
    }
}

/// A.10.2.1
fn l1t3() -> Structure {
    let rows = [
        "0 0 | | 0 | SSS",
        "0 0 | 4 | 4 | SSS",
        "0 1 | 2 | 2 | SD-",
        "0 2 | 1 | 1 | D--",
        "0 2 | 1 | 3 | D--",
    ];
    let templates = rows.iter().map(|row| template(row)).collect();
    Structure::new(9, 3, templates, &[0, 0, 0], &[]).expect("consistent")
}

/// A.10.2.2
fn l3t3(offset: u8) -> Structure {
    let rows = [
        "0 0 |      |  0  0  0 | SSSSSSSSS",
        "0 0 | 12   | 12 11 10 | RRRRRRSSS",
        "0 1 |  6   |  6  5  4 | RR-RR-SD-",
        "0 2 |  3   |  3  2  1 | R--R--D--",
        "0 2 |  3   |  9  8  7 | R--R--D--",
        "1 0 |  1   |  1  1  1 | SSSSSS---",
        "1 0 | 12 1 |  1  1  1 | RRRSSS---",
        "1 1 |  6 1 |  7  6  5 | RR-SD----",
        "1 2 |  3 1 |  4  3  2 | R--D-----",
        "1 2 |  3 1 | 10  9  8 | R--D-----",
        "2 0 |  1   |  2  1  1 | SSS------",
        "2 0 | 12 1 |  2  1  1 | SSS------",
        "2 1 |  6 1 |  8  7  6 | SD-------",
        "2 2 |  3 1 |  5  4  3 | D--------",
        "2 2 |  3 1 | 11 10  9 | D--------",
    ];
    let templates = rows.iter().map(|row| template(row)).collect();
    let sizes = [(320, 180), (640, 360), (1280, 720)].map(|(width, height)| Resolution { width, height });
    Structure::new(offset, 9, templates, &[2, 2, 2, 1, 1, 1, 0, 0, 0], &sizes).expect("consistent")
}

/// The descriptor of a frame that is as its template says.
fn plain(structure: &Structure, template_id: u8, frame_number: u16) -> Descriptor {
    let template = structure.template(template_id).expect("exists");
    Descriptor {
        mandatory: MandatoryFields {
            start_of_frame: true,
            end_of_frame: false,
            template_id,
            frame_number,
        },
        layer: template.layer,
        indications: template.indications,
        frame_diffs: template.frame_diffs,
        chain_diffs: template.chain_diffs,
        active_decode_targets: None,
        resolution: structure.resolution(template.layer.sid),
    }
}

fn write(descriptor: &Descriptor, structure: &Structure, attach: bool) -> (Vec<u8>, Placement) {
    let mut out = Vec::new();
    let placement = descriptor.write(structure, attach, &mut out).expect("writes");
    (out, placement)
}

/// The key frame of A.10.2.1's stream, digit by digit.
fn l1t3_key() -> Vec<u8> {
    bits(
        "1 1 001001 0000000100000010   \
         1 0 0 0 0                     \
         001001 00010                  \
         00 01 01 00 11                \
         101010 101010 100100 010000 010000 \
         0  1 0011 0  1 0001 0  1 0000 0  1 0000 0 \
         01                            \
         0000 0100 0010 0001 0011      \
         0",
    )
}

#[test]
fn mandatory_fields() {
    let fields = MandatoryFields {
        start_of_frame: true,
        end_of_frame: false,
        template_id: 0x3f,
        frame_number: 0x1234,
    };
    assert_eq!(MandatoryFields::parse(&[0xbf, 0x12, 0x34, 0xff]), Ok(fields));
    assert_eq!(
        MandatoryFields::parse(&[0xbf, 0x12]),
        Err(DescriptorError::TooShort)
    );
}

#[test]
fn key_frame_of_the_l1t3_example() {
    let (descriptor, structure) = Descriptor::parse(&l1t3_key(), None).expect("parses");
    assert_eq!(structure.as_ref(), Some(&l1t3()));
    assert!(descriptor.mandatory.start_of_frame && descriptor.mandatory.end_of_frame);
    assert_eq!(descriptor.mandatory.frame_number, 0x0102);
    assert!(descriptor.refers_to_nothing());
    assert_eq!(descriptor.active_decode_targets, Some(0b111));
    assert_eq!((*descriptor.chain_diffs).first(), Some(&0));
    // Written without the mask, which says no more than the structure does, it is the same.
    let implicit = Descriptor {
        active_decode_targets: None,
        ..descriptor
    };
    assert_eq!(write(&implicit, &l1t3(), true).0, l1t3_key());
}

#[test]
fn structure_says_what_targets_are() {
    let structure = l3t3(0);
    let layers: Vec<_> = (0..9)
        .filter_map(|target| structure.target_layer(target))
        .map(|layer| (layer.sid, layer.tid))
        .collect();
    assert_eq!(
        layers,
        [
            (2, 2),
            (2, 1),
            (2, 0),
            (1, 2),
            (1, 1),
            (1, 0),
            (0, 2),
            (0, 1),
            (0, 0)
        ]
    );
    assert_eq!((structure.spatial_layers(), structure.temporal_layers()), (3, 3));
    assert_eq!((structure.chains(), structure.protected_by(0)), (3, Some(2)));
    assert_eq!(structure.targets_within(Layer { sid: 1, tid: 0 }), 0b1_0010_0000);
    assert_eq!(
        structure.targets_within(Layer { sid: 3, tid: 7 }),
        structure.all_targets()
    );
    assert_eq!(structure.target_layer(9), None);
    assert_eq!(l1t3().protected_by(3), None);
}

#[test]
fn a_packet_of_three_bytes_is_as_its_template_says() {
    let structure = l1t3();
    let (descriptor, brought) = Descriptor::parse(&[0x8b, 0x00, 0x07], Some(&structure)).expect("parses");
    assert!(brought.is_none());
    assert_eq!(descriptor, plain(&structure, 11, 7));
    assert_eq!((descriptor.layer.tid, &*descriptor.frame_diffs), (1, &[2][..]));
    assert_eq!(descriptor.indications.get(0), Indication::Switch);
    assert_eq!(descriptor.indications.present(), 0b011);
    assert_eq!(write(&descriptor, &structure, false).0, [0x8b, 0x00, 0x07]);
}

#[test]
fn custom_fields_replace_the_template() {
    // Mask 011, indications R - D, differences 3, 200 and 4096, chain difference 130.
    let value = bits(
        "0 1 001010 0000000000001000  0 1 1 1 1  011  11 00 01 \
         01 0010  10 11000111  11 111111111111  00  10000010",
    );
    let structure = l1t3();
    let (descriptor, _) = Descriptor::parse(&value, Some(&structure)).expect("parses");
    assert_eq!(descriptor.active_decode_targets, Some(0b011));
    let indications: Vec<_> = (0..4).map(|target| descriptor.indications.get(target)).collect();
    assert_eq!(
        indications,
        [
            Indication::Required,
            Indication::NotPresent,
            Indication::Discardable,
            Indication::NotPresent
        ]
    );
    assert_eq!(*descriptor.frame_diffs, [3, 200, 4096]);
    assert_eq!(*descriptor.chain_diffs, [130]);
    assert_eq!(write(&descriptor, &structure, false).0, value);
}

#[test]
fn every_template_round_trips() {
    let structure = l3t3(55);
    for (number, template_id) in (0u16..).zip((55..70).map(|id| id & 0x3f)) {
        for mask in [None, Some(0b1_1111_0000)] {
            for attach in [false, true] {
                let mut descriptor = plain(&structure, template_id, number);
                descriptor.active_decode_targets = mask;
                let (value, _) = write(&descriptor, &structure, attach);
                let known = if attach { None } else { Some(&structure) };
                let (read, brought) = Descriptor::parse(&value, known).expect("parses");
                if attach {
                    descriptor.active_decode_targets = mask.or(Some(0b1_1111_1111));
                }
                assert_eq!((read, brought), (descriptor, attach.then(|| structure.clone())));
            }
        }
    }
}

#[test]
fn patching_replaces_numbers_and_mask_and_nothing_else() {
    let structure = l3t3(60);
    for (template_id, attach, custom) in [
        (60, true, false),
        (3, false, false),
        (62, false, true),
        (2, true, true),
    ] {
        let mut descriptor = plain(&structure, template_id, 0xfffe);
        descriptor.active_decode_targets = Some(0);
        if custom {
            descriptor.frame_diffs = [7, 900].as_slice().try_into().expect("fits");
            descriptor.chain_diffs = [255, 0, 1].as_slice().try_into().expect("fits");
        }
        let (mut value, placement) = write(&descriptor, &structure, attach);
        let len = value.len();
        let patch = Patch {
            frame_number: 0x0102,
            template_id: (template_id + 20) & 0x3f,
            active_decode_targets: 0b1_0101_0101,
        };
        placement.patch(&mut value, &patch);
        assert_eq!(value.len(), len);
        let moved = l3t3((60 + 20) & 0x3f);
        let (read, brought) = Descriptor::parse(&value, Some(&moved)).expect("parses");
        assert_eq!(brought, attach.then(|| moved.clone()));
        descriptor.mandatory.frame_number = 0x0102;
        descriptor.mandatory.template_id = patch.template_id;
        descriptor.active_decode_targets = Some(patch.active_decode_targets);
        assert_eq!(read, descriptor);
    }
}

#[test]
fn patching_without_a_mask_leaves_the_rest_alone() {
    let structure = l1t3();
    let (mut value, placement) = write(&plain(&structure, 12, 5), &structure, false);
    let patch = Patch {
        frame_number: 6,
        template_id: 13,
        active_decode_targets: 0,
    };
    placement.patch(&mut value, &patch);
    assert_eq!(value, [0x8d, 0, 6]);
    // Other bytes than those it belongs to are a caller's mistake, and harmless.
    placement.patch(&mut [], &patch);
    let (_, placement) = write(&plain(&structure, 12, 5), &structure, true);
    for len in 0..20 {
        placement.patch(&mut vec![0xff; len], &patch);
    }
}

#[test]
fn chains_tell_which_frames_matter() {
    let structure = l3t3(0);
    let base = plain(&structure, 1, 12);
    let all = structure.all_targets();
    assert!((0..3).all(|chain| base.part_of_chain(&structure, chain, all)));
    let top = plain(&structure, 11, 14);
    assert!(top.part_of_chain(&structure, 2, all) && !top.part_of_chain(&structure, 1, all));
    // A chain that protects nothing active is nobody's.
    assert!(!top.part_of_chain(&structure, 2, structure.targets_within(Layer { sid: 1, tid: 2 })));
}

#[test]
fn unknown_templates_are_told_from_malformed_ones() {
    assert_eq!(
        Descriptor::parse(&[0x89, 0, 1], None),
        Err(DescriptorError::UnknownTemplate)
    );
    for id in [8u8, 14, 63, 0] {
        assert_eq!(
            Descriptor::parse(&[0x80 | id, 0, 1], Some(&l1t3())),
            Err(DescriptorError::UnknownTemplate)
        );
    }
}

#[test]
fn truncation_at_every_byte_is_an_error() {
    let key = l1t3_key();
    for len in (0..key.len()).filter(|len| *len != MANDATORY_LEN) {
        assert_eq!(
            Descriptor::parse(&key[..len], None),
            Err(DescriptorError::TooShort)
        );
    }
}

#[test]
fn layers_and_templates_are_bounded() {
    let start = "1 1 000000 0000000000000000 1 0 0 0 0 000000 00000 ";
    for (layers, expected) in [
        // Five spatial layers, nine temporal ones, and templates without end.
        ("10 10 10 10 11".to_owned(), DescriptorError::Malformed),
        ("01".repeat(8) + "11", DescriptorError::Malformed),
        ("00".repeat(64) + "11", DescriptorError::Malformed),
        ("00".repeat(60), DescriptorError::TooShort),
    ] {
        let zeros = if expected == DescriptorError::Malformed {
            600
        } else {
            0
        };
        let value = bits(&(start.to_owned() + &layers + &"0".repeat(zeros)));
        assert_eq!(Descriptor::parse(&value, None), Err(expected), "{layers}");
    }
    // Nine references in one template.
    let value = bits(&(start.to_owned() + "11 00" + &"10000".repeat(9) + &"0".repeat(40)));
    assert_eq!(Descriptor::parse(&value, None), Err(DescriptorError::Malformed));
}

#[test]
fn inconsistent_structures_are_refused() {
    let good = |row: &str| vec![template(row)];
    let refused = |result: Result<Structure, DescriptorError>| result == Err(DescriptorError::Malformed);
    assert!(Structure::new(0, 1, good("0 0 | | | S"), &[], &[]).is_ok());
    assert!(refused(Structure::new(64, 1, good("0 0 | | | S"), &[], &[])));
    assert!(refused(Structure::new(0, 0, good("0 0 | | | -"), &[], &[])));
    assert!(refused(Structure::new(0, 33, good("0 0 | | | S"), &[], &[])));
    assert!(refused(Structure::new(0, 1, Vec::new(), &[], &[])));
    assert!(refused(Structure::new(0, 1, good("0 1 | | | S"), &[], &[])));
    assert!(refused(Structure::new(0, 1, good("0 0 | | | SS"), &[], &[])));
    assert!(refused(Structure::new(0, 1, good("0 0 | 17 | | S"), &[], &[])));
    assert!(refused(Structure::new(0, 1, good("0 0 | | 0 | S"), &[], &[])));
    assert!(refused(Structure::new(0, 1, good("0 0 | | 16 | S"), &[0], &[])));
    assert!(refused(Structure::new(0, 1, good("0 0 | | 0 0 | S"), &[1], &[])));
    assert!(refused(Structure::new(
        0,
        1,
        good("0 0 | | | S"),
        &[],
        &[Resolution::default(); 2]
    )));
    let no_width = Resolution { width: 0, height: 1 };
    assert!(refused(Structure::new(
        0,
        1,
        good("0 0 | | | S"),
        &[],
        &[no_width]
    )));
    let descending = vec![
        template("0 0 | | | S"),
        template("1 0 | | | S"),
        template("0 0 | | | S"),
    ];
    assert!(refused(Structure::new(0, 1, descending, &[], &[])));
}

#[test]
fn what_cannot_be_written_is_refused_and_nothing_appended() {
    let structure = l1t3();
    let good = plain(&structure, 9, 1);
    let mut out = vec![0xee];
    let mut refused = |descriptor: &Descriptor, expected| {
        assert_eq!(descriptor.write(&structure, false, &mut out), Err(expected));
        assert_eq!(out, [0xee]);
    };
    let mut bad = good;
    bad.mandatory.template_id = 20;
    refused(&bad, DescriptorError::UnknownTemplate);
    bad = good;
    bad.frame_diffs = [0].as_slice().try_into().expect("fits");
    refused(&bad, DescriptorError::Malformed);
    bad.frame_diffs = [4097].as_slice().try_into().expect("fits");
    refused(&bad, DescriptorError::Malformed);
    bad = good;
    bad.chain_diffs = ChainDiffs::default();
    refused(&bad, DescriptorError::Malformed);
    bad = good;
    bad.indications.set(3, Indication::Switch);
    refused(&bad, DescriptorError::Malformed);

    let wide = (0..64).map(|_| Template {
        indications: std::iter::repeat_n(Indication::Required, 32).collect(),
        ..Template::default()
    });
    let structure = Structure::new(0, 32, wide.collect(), &[], &[]).expect("consistent");
    let mut out = vec![0xee];
    assert_eq!(
        plain(&structure, 0, 1).write(&structure, true, &mut out),
        Err(DescriptorError::TooLong)
    );
    assert_eq!(out, [0xee]);
}

#[test]
fn largest_structures_round_trip() {
    let layers = (0..4u8).flat_map(|sid| (0..8u8).map(move |tid| Layer { sid, tid }));
    let templates: Vec<_> = layers
        .map(|layer| Template {
            layer,
            chain_diffs: [15].as_slice().try_into().expect("fits"),
            ..Template::default()
        })
        .collect();
    let structure = Structure::new(
        63,
        1,
        templates,
        &[0],
        &[Resolution {
            width: 65536,
            height: 65536,
        }; 4],
    );
    let structure = structure.expect("consistent");
    let (value, _) = write(&plain(&structure, 63, 0), &structure, true);
    let (_, brought) = Descriptor::parse(&value, None).expect("parses");
    assert_eq!(brought, Some(structure));
    let targets = Template {
        indications: std::iter::repeat_n(Indication::Switch, 32).collect(),
        chain_diffs: [1; 32].as_slice().try_into().expect("fits"),
        ..Template::default()
    };
    let protected_by: Vec<u8> = (0..32).rev().collect();
    let structure = Structure::new(0, 32, vec![targets], &protected_by, &[]).expect("consistent");
    let mut descriptor = plain(&structure, 0, 0);
    descriptor.active_decode_targets = Some(0xdead_beef);
    let (value, _) = write(&descriptor, &structure, true);
    assert_eq!(Descriptor::parse(&value, None), Ok((descriptor, Some(structure))));
}

#[test]
fn mutated_values_never_panic() {
    let mut random = Random(1);
    let structures = [l1t3(), l3t3(17)];
    let seeds = [
        l1t3_key(),
        write(&plain(&structures[1], 17, 1), &structures[1], true).0,
        bits("0 1 001010 0000000000001000 0 1 1 1 1 011 11 00 01 01 0010 10 11000111 00 10000010"),
        vec![0x89, 1, 2],
    ];
    let (mut parsed, mut brought) = (0, 0);
    for _ in 0..300_000 {
        let mut value = seeds[random.below(seeds.len())].clone();
        random.mutate(&mut value);
        let known = &structures[random.below(2)];
        let Ok((descriptor, structure)) = Descriptor::parse(&value, Some(known)) else {
            continue;
        };
        parsed += 1;
        brought += usize::from(structure.is_some());
        let attach = structure.is_some();
        let structure = structure.as_ref().unwrap_or(known);
        let mut out = Vec::new();
        let placement = match descriptor.write(structure, attach, &mut out) {
            Ok(placement) => placement,
            Err(error) => {
                assert_eq!((error, value.len() > 250), (DescriptorError::TooLong, true));
                continue;
            }
        };
        let (mut again, _) = Descriptor::parse(&out, Some(structure)).expect("parses");
        assert_eq!(again, descriptor);
        let patch = Patch {
            frame_number: random.next() as u16,
            template_id: descriptor.mandatory.template_id,
            active_decode_targets: random.next() as u32 & structure.all_targets(),
        };
        placement.patch(&mut out, &patch);
        again.mandatory.frame_number = patch.frame_number;
        again.active_decode_targets = again.active_decode_targets.map(|_| patch.active_decode_targets);
        let (patched, _) = Descriptor::parse(&out, Some(structure)).expect("parses");
        assert_eq!(patched, again);
    }
    assert!(parsed > 50_000 && brought > 10_000, "{parsed} {brought}");
}
