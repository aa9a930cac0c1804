//! The dependency descriptor RTP header extension (RTP Payload Format for AV1, appendix A): which frame a packet is of,
//! what that frame refers to, and what it is to each decode target.
//!
//! The first packet of a coded video sequence brings a template dependency structure; the following ones name one of its
//! templates and say what differs from it. Who reads keeps the structure and gives it to [`Descriptor::parse`] with the
//! next packet; who forwards writes descriptors in a form that [`Placement::patch`] can rewrite without changing a length.

mod bits;
mod indication;
mod list;
mod structure;
mod writer;

use std::fmt;

use bits::BitReader;
use structure::read_indications;

pub use indication::{Indication, Indications};
pub use list::List;
pub use structure::{
    ChainDiffs, FrameDiffs, Layer, MAX_DECODE_TARGETS, MAX_FRAME_DIFFS, MAX_SPATIAL_LAYERS, MAX_TEMPLATES,
    MAX_TEMPORAL_LAYERS, Resolution, Structure, Template,
};
pub use writer::{MAX_LEN, Patch, Placement};

/// Why bytes are not a dependency descriptor, or why one could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DescriptorError {
    /// It ends before what its fields announce.
    TooShort,
    /// A field has a value the specification rules out, or a list is longer than this module keeps.
    Malformed,
    /// The template is not in the structure given: the packet that brought its structure was lost or is late.
    UnknownTemplate,
    /// Written, it would not fit into a header extension.
    TooLong,
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "dependency descriptor too short",
            Self::Malformed => "dependency descriptor malformed",
            Self::UnknownTemplate => "dependency descriptor of an unknown template",
            Self::TooLong => "dependency descriptor too long for a header extension",
        })
    }
}

impl std::error::Error for DescriptorError {}

/// What every descriptor starts with, readable without a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MandatoryFields {
    /// First packet of the frame.
    pub start_of_frame: bool,
    /// Last packet of the frame.
    pub end_of_frame: bool,
    /// Id of the frame's template, 0..=63.
    pub template_id: u8,
    /// Running number of the frame in decode order.
    pub frame_number: u16,
}

impl MandatoryFields {
    /// Parses the first three bytes of the extension's value.
    #[inline]
    pub fn parse(value: &[u8]) -> Result<Self, DescriptorError> {
        let [first, high, low, ..] = value else {
            return Err(DescriptorError::TooShort);
        };
        Ok(Self {
            start_of_frame: first & 0x80 != 0,
            end_of_frame: first & 0x40 != 0,
            template_id: first & 0x3f,
            frame_number: u16::from_be_bytes([*high, *low]),
        })
    }
}

/// What a descriptor says, with what its template says where it does not differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Which packet of which frame this is.
    pub mandatory: MandatoryFields,
    /// The layer of the frame.
    pub layer: Layer,
    /// What the frame is to each decode target.
    pub indications: Indications,
    /// What the frame refers to, as distances in frame numbers, each 1..=4096.
    pub frame_diffs: FrameDiffs,
    /// The frame's distance to the previous frame of each chain, in frame numbers.
    pub chain_diffs: ChainDiffs,
    /// Mask of the decode targets that can be decoded from here on, if this packet tells: all of them, where it brings a
    /// structure and does not say otherwise.
    pub active_decode_targets: Option<u32>,
    /// Largest size of frames of this spatial layer, if told.
    pub resolution: Option<Resolution>,
}

impl Descriptor {
    /// Parses the extension's value. The structure is the one the packet brought, if it did, which then replaces the one
    /// known. Nothing is allocated for a packet without one.
    #[inline]
    pub fn parse(
        value: &[u8],
        known: Option<&Structure>,
    ) -> Result<(Self, Option<Structure>), DescriptorError> {
        let mandatory = MandatoryFields::parse(value)?;
        let mut reader = BitReader::new(value.get(MANDATORY_LEN..).unwrap_or_default());
        let extended = value.len() > MANDATORY_LEN;
        let mut flag = || if extended { reader.flag() } else { Ok(false) };
        let (attached, active, custom_indications) = (flag()?, flag()?, flag()?);
        let (custom_frame_diffs, custom_chains) = (flag()?, flag()?);
        let brought = if attached {
            Some(Structure::read(&mut reader)?)
        } else {
            None
        };
        let structure = brought
            .as_ref()
            .or(known)
            .ok_or(DescriptorError::UnknownTemplate)?;
        let mut active_decode_targets = attached.then(|| structure.all_targets());
        if active {
            active_decode_targets = Some(reader.bits(structure.decode_targets().into())?);
        }
        let template = structure
            .template(mandatory.template_id)
            .ok_or(DescriptorError::UnknownTemplate)?;
        let mut descriptor = Self {
            mandatory,
            layer: template.layer,
            indications: template.indications,
            frame_diffs: template.frame_diffs,
            chain_diffs: template.chain_diffs,
            active_decode_targets,
            resolution: structure.resolution(template.layer.sid),
        };
        if custom_indications {
            descriptor.indications = read_indications(&mut reader, structure.decode_targets())?;
        }
        if custom_frame_diffs {
            descriptor.frame_diffs = read_frame_diffs(&mut reader)?;
        }
        if custom_chains {
            descriptor.chain_diffs = ChainDiffs::default();
            for _ in 0..structure.chains() {
                descriptor.chain_diffs.push(reader.byte(8)?)?;
            }
        }
        Ok((descriptor, brought))
    }

    /// The frame can be decoded with no other one.
    pub fn refers_to_nothing(&self) -> bool {
        self.frame_diffs.is_empty()
    }

    /// The frame belongs to a chain: what the chain protects cannot be decoded without it (A.6). False for a chain that
    /// protects no active decode target.
    pub fn part_of_chain(&self, structure: &Structure, chain: u8, active_decode_targets: u32) -> bool {
        let protected = || {
            (0..structure.decode_targets()).filter(|target| structure.protected_by(*target) == Some(chain))
        };
        let matters = |target: u8| {
            !matches!(
                self.indications.get(target),
                Indication::NotPresent | Indication::Discardable
            )
        };
        protected().any(|target| active_decode_targets >> target & 1 != 0) && protected().all(matters)
    }
}

/// Length of the mandatory fields.
const MANDATORY_LEN: usize = 3;

/// `frame_fdiffs()`
fn read_frame_diffs(reader: &mut BitReader<'_>) -> Result<FrameDiffs, DescriptorError> {
    let mut diffs = FrameDiffs::default();
    loop {
        let size = reader.bits(2)?;
        if size == 0 {
            return Ok(diffs);
        }
        diffs.push(reader.bits(4 * size)? as u16 + 1)?;
    }
}

#[cfg(test)]
mod tests;
