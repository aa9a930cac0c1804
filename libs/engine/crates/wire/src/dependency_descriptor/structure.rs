//! The template dependency structure: what frames of a coded video sequence may look like (A.8.1).

use super::DescriptorError;
use super::bits::{BitReader, BitWriter};
use super::indication::{Indication, Indications};
use super::list::List;

/// Decode targets a structure may have.
pub const MAX_DECODE_TARGETS: usize = 32;
/// Templates a structure may have: as many as there are template ids.
pub const MAX_TEMPLATES: usize = 64;
/// Frames one frame may refer to. AV1 has eight reference frames.
pub const MAX_FRAME_DIFFS: usize = 8;
/// Spatial layers AV1 knows.
pub const MAX_SPATIAL_LAYERS: u8 = 4;
/// Temporal layers AV1 knows.
pub const MAX_TEMPORAL_LAYERS: u8 = 8;

/// Distances in frame numbers to the frames a frame refers to, each at least 1.
pub type FrameDiffs = List<u16, MAX_FRAME_DIFFS>;
/// Distance in frame numbers to the previous frame of each chain; 0: the chain starts anew.
pub type ChainDiffs = List<u8, MAX_DECODE_TARGETS>;

/// Largest size of a spatial layer's frames in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution {
    /// Width, 1..=65536.
    pub width: u32,
    /// Height, 1..=65536.
    pub height: u32,
}

impl Default for Resolution {
    fn default() -> Self {
        Self { width: 1, height: 1 }
    }
}

/// A spatial and a temporal layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Layer {
    /// Spatial layer, 0..=3.
    pub sid: u8,
    /// Temporal layer, 0..=7.
    pub tid: u8,
}

/// What a frame looks like that names this template.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Template {
    /// The layer it belongs to.
    pub layer: Layer,
    /// What it is to each decode target.
    pub indications: Indications,
    /// What it refers to, each 1..=16.
    pub frame_diffs: FrameDiffs,
    /// Its place in each chain, each 0..=15.
    pub chain_diffs: ChainDiffs,
}

/// A template dependency structure. Its tables are bounded by the wire format and the constants of this module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    template_id_offset: u8,
    decode_targets: u8,
    templates: Vec<Template>,
    /// The chain that protects each decode target; empty where chains are not used.
    protected_by: ChainDiffs,
    chains: u8,
    /// Of each spatial layer; empty where not told.
    resolutions: List<Resolution, { MAX_SPATIAL_LAYERS as usize }>,
    /// Highest layers of each decode target.
    target_layers: List<Layer, MAX_DECODE_TARGETS>,
}

impl Structure {
    /// A structure of `decode_targets` decode targets, 1..=32.
    ///
    /// Templates are in the order of their layers: each of the same layer as the one before, of the next temporal layer,
    /// or of temporal layer 0 of the next spatial layer, starting at 0, 0. `protected_by` names the chain of each decode
    /// target and is empty where chains are not used; chains are numbered from 0 without a gap. `resolutions` has one for
    /// each spatial layer, or none. Anything else is `Malformed`.
    pub fn new(
        template_id_offset: u8,
        decode_targets: u8,
        templates: Vec<Template>,
        protected_by: &[u8],
        resolutions: &[Resolution],
    ) -> Result<Self, DescriptorError> {
        let chains = protected_by
            .iter()
            .max()
            .map_or(0, |highest| highest.saturating_add(1));
        Self::with_chains(
            template_id_offset,
            decode_targets,
            templates,
            chains,
            protected_by.try_into()?,
            resolutions.try_into()?,
        )
    }

    fn with_chains(
        template_id_offset: u8,
        decode_targets: u8,
        templates: Vec<Template>,
        chains: u8,
        protected_by: ChainDiffs,
        resolutions: List<Resolution, { MAX_SPATIAL_LAYERS as usize }>,
    ) -> Result<Self, DescriptorError> {
        let mut structure = Self {
            template_id_offset,
            decode_targets,
            templates,
            protected_by,
            chains,
            resolutions,
            target_layers: List::default(),
        };
        if !structure.consistent() {
            return Err(DescriptorError::Malformed);
        }
        // decode_target_layers(): the highest layers of the frames that are part of the target.
        for target in 0..decode_targets {
            let of_target = |template: &&Template| template.indications.get(target) != Indication::NotPresent;
            let layers = || {
                structure
                    .templates
                    .iter()
                    .filter(of_target)
                    .map(|template| template.layer)
            };
            let layer = Layer {
                sid: layers().map(|layer| layer.sid).max().unwrap_or(0),
                tid: layers().map(|layer| layer.tid).max().unwrap_or(0),
            };
            structure.target_layers.push(layer)?;
        }
        Ok(structure)
    }

    fn consistent(&self) -> bool {
        let template_fits = |template: &Template| {
            template.chain_diffs.len() == usize::from(self.chains)
                && template.chain_diffs.iter().all(|diff| *diff < 16)
                && template.frame_diffs.iter().all(|diff| (1..=16).contains(diff))
                && template.indications.present() & !self.all_targets() == 0
        };
        let layers_follow = self
            .templates
            .first()
            .is_some_and(|first| first.layer == Layer::default())
            && self.templates.windows(2).all(|pair| match pair {
                [before, after] => next_layer(before.layer, after.layer).is_some(),
                _ => true,
            });
        let layers_exist = self.templates.iter().all(|template| {
            template.layer.sid < MAX_SPATIAL_LAYERS && template.layer.tid < MAX_TEMPORAL_LAYERS
        });
        let targets = usize::from(self.decode_targets);
        let chains_fit = if self.chains == 0 {
            self.protected_by.is_empty()
        } else {
            self.chains <= self.decode_targets
                && self.protected_by.len() == targets
                && self.protected_by.iter().all(|chain| *chain < self.chains)
        };
        let resolutions_fit = self.resolutions.is_empty()
            || (self.resolutions.len() == usize::from(self.spatial_layers())
                && self.resolutions.iter().all(|size| {
                    (1..=0x1_0000).contains(&size.width) && (1..=0x1_0000).contains(&size.height)
                }));
        self.template_id_offset < 64
            && (1..=MAX_DECODE_TARGETS).contains(&targets)
            && self.templates.len() <= MAX_TEMPLATES
            && self.templates.iter().all(template_fits)
            && layers_follow
            && layers_exist
            && chains_fit
            && resolutions_fit
    }

    /// Template id of the first template.
    pub fn template_id_offset(&self) -> u8 {
        self.template_id_offset
    }

    /// Number of decode targets, 1..=32.
    pub fn decode_targets(&self) -> u8 {
        self.decode_targets
    }

    /// Mask of all decode targets.
    pub fn all_targets(&self) -> u32 {
        u32::MAX
            >> (MAX_DECODE_TARGETS as u32)
                .saturating_sub(self.decode_targets.into())
                .min(31)
    }

    /// The templates, the first of which has the id `template_id_offset`.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// The template with an id.
    #[inline]
    pub fn template(&self, id: u8) -> Option<&Template> {
        self.templates
            .get(usize::from(id.wrapping_sub(self.template_id_offset) & 0x3f))
    }

    /// Number of chains, 0..=32.
    pub fn chains(&self) -> u8 {
        self.chains
    }

    /// The chain that protects a decode target, where chains are used.
    pub fn protected_by(&self, target: u8) -> Option<u8> {
        self.protected_by.get(usize::from(target)).copied()
    }

    /// Number of spatial layers.
    pub fn spatial_layers(&self) -> u8 {
        self.templates.last().map_or(0, |last| last.layer.sid + 1)
    }

    /// Number of temporal layers.
    pub fn temporal_layers(&self) -> u8 {
        let highest = self.templates.iter().map(|template| template.layer.tid).max();
        highest.map_or(0, |tid| tid + 1)
    }

    /// Largest size of a spatial layer's frames, if told.
    pub fn resolution(&self, sid: u8) -> Option<Resolution> {
        self.resolutions.get(usize::from(sid)).copied()
    }

    /// The highest layers of a decode target.
    pub fn target_layer(&self, target: u8) -> Option<Layer> {
        self.target_layers.get(usize::from(target)).copied()
    }

    /// Mask of the decode targets that need nothing above the given layers.
    pub fn targets_within(&self, limit: Layer) -> u32 {
        (0u32..)
            .zip(self.target_layers.iter())
            .filter(|(_, layer)| layer.sid <= limit.sid && layer.tid <= limit.tid)
            .fold(0, |mask, (target, _)| mask | 1 << target)
    }

    /// `template_dependency_structure()`
    pub(super) fn read(reader: &mut BitReader<'_>) -> Result<Self, DescriptorError> {
        let template_id_offset = reader.byte(6)?;
        let decode_targets = reader.byte(5)? + 1;
        let mut templates = read_layers(reader)?;
        for template in &mut templates {
            template.indications = read_indications(reader, decode_targets)?;
        }
        for template in &mut templates {
            while reader.flag()? {
                template.frame_diffs.push(reader.bits(4)? as u16 + 1)?;
            }
        }
        let chains = reader.non_symmetric(u32::from(decode_targets) + 1)?;
        let mut protected_by = ChainDiffs::default();
        if chains > 0 {
            for _ in 0..decode_targets {
                protected_by.push(reader.non_symmetric(chains.into())?)?;
            }
            for template in &mut templates {
                for _ in 0..chains {
                    template.chain_diffs.push(reader.byte(4)?)?;
                }
            }
        }
        let mut resolutions = List::default();
        if reader.flag()? {
            for _ in 0..templates.last().map_or(0, |last| last.layer.sid + 1) {
                resolutions.push(Resolution {
                    width: reader.bits(16)? + 1,
                    height: reader.bits(16)? + 1,
                })?;
            }
        }
        Self::with_chains(
            template_id_offset,
            decode_targets,
            templates,
            chains,
            protected_by,
            resolutions,
        )
    }

    pub(super) fn write(&self, writer: &mut BitWriter<'_>) {
        writer.bits(self.template_id_offset.into(), 6);
        writer.bits(u32::from(self.decode_targets) - 1, 5);
        for pair in self.templates.windows(2) {
            if let [before, after] = pair {
                writer.bits(next_layer(before.layer, after.layer).unwrap_or(0), 2);
            }
        }
        writer.bits(NO_MORE, 2);
        for template in &self.templates {
            write_indications(writer, template.indications, self.decode_targets);
        }
        for template in &self.templates {
            for diff in template.frame_diffs.iter() {
                writer.bits(0x10 | (u32::from(*diff) - 1), 5);
            }
            writer.flag(false);
        }
        writer.non_symmetric(u32::from(self.decode_targets) + 1, self.chains);
        for chain in self.protected_by.iter() {
            writer.non_symmetric(self.chains.into(), *chain);
        }
        for template in &self.templates {
            for diff in template.chain_diffs.iter() {
                writer.bits((*diff).into(), 4);
            }
        }
        writer.flag(!self.resolutions.is_empty());
        for size in self.resolutions.iter() {
            writer.bits(size.width - 1, 16);
            writer.bits(size.height - 1, 16);
        }
    }
}

/// `next_layer_idc`: no template follows.
const NO_MORE: u32 = 3;

/// `next_layer_idc` of the step from one template to the next, if there is one (table A.2).
fn next_layer(before: Layer, after: Layer) -> Option<u32> {
    if after == before {
        Some(0)
    } else if after.sid == before.sid && after.tid == before.tid + 1 {
        Some(1)
    } else if after.sid == before.sid + 1 && after.tid == 0 {
        Some(2)
    } else {
        None
    }
}

/// `template_layers()`: one template for each step.
fn read_layers(reader: &mut BitReader<'_>) -> Result<Vec<Template>, DescriptorError> {
    let mut templates = Vec::new();
    let mut layer = Layer::default();
    loop {
        if templates.len() == MAX_TEMPLATES {
            return Err(DescriptorError::Malformed);
        }
        templates.push(Template {
            layer,
            ..Template::default()
        });
        match reader.bits(2)? {
            1 => layer.tid += 1,
            2 => {
                layer.tid = 0;
                layer.sid += 1;
            }
            NO_MORE => return Ok(templates),
            _ => {}
        }
    }
}

pub(super) fn read_indications(
    reader: &mut BitReader<'_>,
    decode_targets: u8,
) -> Result<Indications, DescriptorError> {
    let mut indications = Indications::default();
    for target in 0..decode_targets {
        indications.set(target, reader.bits(2)?.into());
    }
    Ok(indications)
}

pub(super) fn write_indications(writer: &mut BitWriter<'_>, indications: Indications, decode_targets: u8) {
    for target in 0..decode_targets {
        writer.bits(indications.get(target).into(), 2);
    }
}
