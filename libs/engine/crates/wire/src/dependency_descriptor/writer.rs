//! Writing descriptors, and rewriting them in place.

use super::bits::{BitWriter, put_bits};
use super::structure::{Structure, write_indications};
use super::{Descriptor, DescriptorError, FrameDiffs, MANDATORY_LEN};
use crate::bytes::put;

/// Longest value a header extension can have (RFC 8285 §4.3).
pub const MAX_LEN: usize = 255;
/// Bits before the structure or the mask: the mandatory fields and five flags.
const FLAGS_END: u16 = MANDATORY_LEN as u16 * 8 + 5;

/// Where in a written descriptor the fields are that forwarding rewrites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Placement {
    /// Bit position and width of the mask of active decode targets; the width is 0 where it is not there.
    mask: (u16, u8),
    attached: bool,
}

/// What forwarding replaces. Frame numbers move by a constant within one coded video sequence, whatever is left out, since
/// everything else counts in differences of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// Running number of the frame.
    pub frame_number: u16,
    /// Id of the frame's template as it is to be sent, 0..=63; `template_id_offset` of a structure moves with it.
    pub template_id: u8,
    /// Mask of active decode targets, where the descriptor has one.
    pub active_decode_targets: u32,
}

impl Placement {
    /// Replaces the fields in the value that this placement was returned for. Its length never changes.
    #[inline]
    pub fn patch(self, value: &mut [u8], patch: &Patch) {
        let Some(first) = value.first_mut() else {
            return;
        };
        let moved = patch.template_id.wrapping_sub(*first) & 0x3f;
        *first = *first & 0xc0 | patch.template_id & 0x3f;
        put(value, 1, &patch.frame_number.to_be_bytes());
        if self.attached {
            // The offset's six bits are the last three of one byte and the first three of the next.
            let at = usize::from(FLAGS_END / 8);
            if let Some([high, low]) = value.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
                let offset = (*high & 0x07) << 3 | *low >> 5;
                let offset = offset.wrapping_add(moved) & 0x3f;
                *high = *high & !0x07 | offset >> 3;
                *low = *low & 0x1f | offset << 5;
            }
        }
        let (at, width) = self.mask;
        put_bits(value, at.into(), patch.active_decode_targets, width.into());
    }
}

impl Descriptor {
    /// Appends the descriptor to `out`: with the structure if it is to be attached, with the mask of active decode targets
    /// if it has one, and with what differs from the template. Its layer and resolution are the template's.
    ///
    /// Nothing is appended on error: `UnknownTemplate` where the structure has no such template, `Malformed` where a
    /// value cannot be expressed, `TooLong` beyond 255 bytes.
    #[inline]
    pub fn write(
        &self,
        structure: &Structure,
        attach: bool,
        out: &mut Vec<u8>,
    ) -> Result<Placement, DescriptorError> {
        let fields = &self.mandatory;
        let template = structure
            .template(fields.template_id)
            .ok_or(DescriptorError::UnknownTemplate)?;
        let expressible = self.chain_diffs.len() == usize::from(structure.chains())
            && self.frame_diffs.iter().all(|diff| (1..=MAX_DIFF).contains(diff))
            && self.indications.present() & !structure.all_targets() == 0
            && fields.template_id < 64;
        if !expressible {
            return Err(DescriptorError::Malformed);
        }
        let custom_indications = self.indications != template.indications;
        let custom_frame_diffs = self.frame_diffs != template.frame_diffs;
        let custom_chains = self.chain_diffs != template.chain_diffs;

        let start = out.len();
        let mut placement = Placement {
            mask: (0, 0),
            attached: attach,
        };
        let mut writer = BitWriter::new(out);
        writer.flag(fields.start_of_frame);
        writer.flag(fields.end_of_frame);
        writer.bits(fields.template_id.into(), 6);
        writer.bits(fields.frame_number.into(), 16);
        let mask = self.active_decode_targets;
        if attach || mask.is_some() || custom_indications || custom_frame_diffs || custom_chains {
            writer.flag(attach);
            writer.flag(mask.is_some());
            writer.flag(custom_indications);
            writer.flag(custom_frame_diffs);
            writer.flag(custom_chains);
        }
        if attach {
            structure.write(&mut writer);
        }
        if let Some(mask) = mask {
            let width = structure.decode_targets();
            placement.mask = (writer.len() as u16, width);
            writer.bits(mask & structure.all_targets(), width.into());
        }
        if custom_indications {
            write_indications(&mut writer, self.indications, structure.decode_targets());
        }
        if custom_frame_diffs {
            write_frame_diffs(&mut writer, &self.frame_diffs);
        }
        if custom_chains {
            for diff in self.chain_diffs.iter() {
                writer.bits((*diff).into(), 8);
            }
        }
        if out.len() - start > MAX_LEN {
            out.truncate(start);
            return Err(DescriptorError::TooLong);
        }
        Ok(placement)
    }
}

/// Largest distance a frame may refer over: twelve bits, less one.
const MAX_DIFF: u16 = 4096;

/// `frame_fdiffs()`
fn write_frame_diffs(writer: &mut BitWriter<'_>, diffs: &FrameDiffs) {
    for diff in diffs.iter() {
        let value = u32::from(*diff) - 1;
        let size = match value {
            0..0x10 => 1,
            0x10..0x100 => 2,
            _ => 3,
        };
        writer.bits(size, 2);
        writer.bits(value, 4 * size);
    }
    writer.bits(0, 2);
}
