//! Dependency descriptors. The input is a sequence of values, each behind its length, as the packets of a stream bring
//! them: a structure found in one is used for the next.

use rheon_engine_wire::dependency_descriptor::{Descriptor, DescriptorError, Patch, Structure};

pub(super) fn dependency_descriptor(input: &[u8]) -> u64 {
    // What there was in any of the values.
    let mut seen = 0;
    let mut known: Option<Structure> = None;
    let mut rest = input;
    while let [len, after @ ..] = rest {
        let (value, after) = after.split_at_checked((*len).into()).unwrap_or((after, &[]));
        rest = after;
        match Descriptor::parse(value, known.as_ref()) {
            Ok((descriptor, brought)) => {
                let attach = brought.is_some();
                known = brought.or(known);
                let Some(structure) = &known else {
                    unreachable!("parsed without a structure");
                };
                seen |= round_trip(&descriptor, structure, attach);
            }
            Err(error) => seen |= 1 << error as u64,
        }
    }
    seen
}

fn round_trip(descriptor: &Descriptor, structure: &Structure, attach: bool) -> u64 {
    assert!(descriptor.layer.sid < structure.spatial_layers());
    assert!(descriptor.layer.tid < structure.temporal_layers());
    assert_eq!(descriptor.chain_diffs.len(), usize::from(structure.chains()));
    let mut out = Vec::new();
    let placement = match descriptor.write(structure, attach, &mut out) {
        Ok(placement) => placement,
        Err(error) => {
            assert_eq!(error, DescriptorError::TooLong, "what was read cannot be written");
            return 1 << 8;
        }
    };
    let again = Descriptor::parse(&out, Some(structure));
    assert_eq!(
        again,
        Ok((*descriptor, attach.then(|| structure.clone()))),
        "not what was written"
    );
    let len = out.len();
    let patch = Patch {
        frame_number: descriptor.mandatory.frame_number.wrapping_add(0x1234),
        template_id: descriptor.mandatory.template_id.wrapping_add(40) & 0x3f,
        active_decode_targets: 0x5a5a_5a5a & structure.all_targets(),
    };
    placement.patch(&mut out, &patch);
    assert_eq!(out.len(), len, "patching changed the length");
    if attach {
        // The structure moved with the template, so the value still stands for itself.
        let (patched, brought) = Descriptor::parse(&out, None).expect("patched value parses");
        assert_eq!(patched.indications, descriptor.indications);
        assert_eq!(patched.frame_diffs, descriptor.frame_diffs);
        assert_eq!(patched.chain_diffs, descriptor.chain_diffs);
        assert_eq!(patched.mandatory.frame_number, patch.frame_number);
        assert_eq!(
            patched.active_decode_targets,
            descriptor
                .active_decode_targets
                .map(|_| patch.active_decode_targets)
        );
        assert_eq!(
            brought.map(|moved| moved.template_id_offset()),
            Some(structure.template_id_offset().wrapping_add(40) & 0x3f)
        );
    }
    let facts = [
        attach,
        structure.decode_targets() > 4,
        structure.templates().len() > 8,
        structure.chains() > 0,
        structure.chains() > 2,
        structure.spatial_layers() > 1,
        !descriptor.frame_diffs.is_empty(),
        descriptor.frame_diffs.iter().any(|diff| *diff > 16),
        descriptor.active_decode_targets.is_some(),
        descriptor.resolution.is_some(),
    ];
    (16..)
        .zip(facts)
        .fold(0, |seen, (bit, fact)| seen | u64::from(fact) << bit)
}
