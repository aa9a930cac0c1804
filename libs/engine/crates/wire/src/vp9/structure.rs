//! The scalability structure of a VP9 stream (RFC 9628 §4.2.1).

use crate::payload::{Cursor, PayloadError};

/// Spatial layers a stream may have.
pub const MAX_SPATIAL_LAYERS: usize = 8;

/// Size of a spatial layer's frames in pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Width.
    pub width: u16,
    /// Height.
    pub height: u16,
}

/// Which layers a stream has. What pictures of a group refer to is checked and not kept: every packet says its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScalabilityStructure {
    /// Number of spatial layers, 1..=8.
    pub spatial_layers: u8,
    /// Size of each spatial layer's frames, lowest first, if told; beyond `spatial_layers` they are zero.
    pub resolutions: Option<[Resolution; MAX_SPATIAL_LAYERS]>,
    /// Number of temporal layers, 1..=8, if a picture group is described.
    pub temporal_layers: Option<u8>,
}

impl ScalabilityStructure {
    /// Reads it from where a descriptor has it. The work is bounded by 255 pictures of up to 3 references.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, PayloadError> {
        let first = cursor.u8()?;
        let spatial_layers = (first >> 5) + 1;
        let mut resolutions = None;
        if first & 0x10 != 0 {
            let sizes = resolutions.insert([Resolution::default(); MAX_SPATIAL_LAYERS]);
            for size in sizes.iter_mut().take(spatial_layers.into()) {
                *size = Resolution {
                    width: cursor.u16()?,
                    height: cursor.u16()?,
                };
            }
        }
        let mut temporal_layers = None;
        if first & 0x08 != 0 {
            for _ in 0..cursor.u8()? {
                let picture = cursor.u8()?;
                cursor.take((picture >> 2 & 0x03).into())?;
                temporal_layers = temporal_layers.max(Some((picture >> 5) + 1));
            }
        }
        Ok(Self {
            spatial_layers,
            resolutions,
            temporal_layers,
        })
    }
}
