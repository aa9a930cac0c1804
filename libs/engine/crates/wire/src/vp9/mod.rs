//! VP9 payload descriptor (RFC 9628 §4.2).
//!
//! Picture ids are what a picture's layer frames share; references between pictures are differences of them, so only
//! `PictureID` and TL0PICIDX themselves have to be rewritten when pictures are left out or streams are joined.

mod structure;

use crate::bytes::put;
use crate::payload::{Cursor, PayloadError};

pub use structure::{MAX_SPATIAL_LAYERS, Resolution, ScalabilityStructure};

/// First byte: `PictureID` present.
const I: u8 = 0x80;
/// First byte: inter-picture predicted.
const P: u8 = 0x40;
/// First byte: layer indices present.
const L: u8 = 0x20;
/// First byte: flexible mode.
const F: u8 = 0x10;
/// First byte: start of a layer frame.
const B: u8 = 0x08;
/// First byte: end of a layer frame.
const E: u8 = 0x04;
/// First byte: scalability structure present.
const V: u8 = 0x02;
/// First byte: not a reference for upper spatial layers.
const Z: u8 = 0x01;
/// `PictureID` byte: 15 bits instead of 7.
const M: u8 = 0x80;
/// References one picture may have.
pub const MAX_REFERENCES: usize = 3;

/// What a payload descriptor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// `PictureID`, 7 or 15 bits wide as `picture_id_wide` says.
    pub picture_id: Option<u16>,
    /// The `PictureID` takes 15 bits on the wire.
    pub picture_id_wide: bool,
    /// P: the layer frame refers to earlier pictures. Where it does not, its spatial layer may be entered from the one
    /// below it, and the base layer from nothing.
    pub inter_picture: bool,
    /// F: references are listed per picture instead of following the scalability structure; there is no TL0PICIDX.
    pub flexible: bool,
    /// B: first packet of a layer frame.
    pub start_of_frame: bool,
    /// E: last packet of a layer frame.
    pub end_of_frame: bool,
    /// Z: no layer frame above this one in its picture refers to it.
    pub not_inter_layer_reference: bool,
    /// Temporal and spatial layer, if told.
    pub layer: Option<LayerIndices>,
    /// TL0PICIDX: running number of the pictures of the temporal base layer.
    pub tl0_pic_idx: Option<u8>,
    /// Distances in picture ids to the pictures referred to (flexible mode), 1..=127; unused ones are 0.
    pub references: [u8; MAX_REFERENCES],
    /// The structure of the stream, which comes with key pictures.
    pub scalability: Option<ScalabilityStructure>,
    /// Length of the descriptor; VP9 data follows.
    pub len: usize,
}

/// The layer a frame belongs to (RFC 9628 §4.2, "layer indices").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerIndices {
    /// Temporal layer, 0..=7.
    pub tid: u8,
    /// U: pictures of higher temporal layers that follow refer to nothing above `tid` from before this picture, so a
    /// receiver may start higher layers behind it.
    pub switching_up: bool,
    /// Spatial layer, 0..=7.
    pub sid: u8,
    /// D: the frame refers to the one of the spatial layer below in the same picture.
    pub inter_layer: bool,
}

impl Descriptor {
    /// Parses the descriptor at the start of an RTP payload that carries at least one byte of VP9 data.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let mut cursor = Cursor::new(payload);
        let first = cursor.u8()?;
        let has = |bit: u8| first & bit != 0;
        // Without picture ids there is nothing the listed references could count in (§4.2, F).
        if has(F) && !has(I) {
            return Err(PayloadError::Malformed);
        }
        let mut descriptor = Self {
            picture_id: None,
            picture_id_wide: false,
            inter_picture: has(P),
            flexible: has(F),
            start_of_frame: has(B),
            end_of_frame: has(E),
            not_inter_layer_reference: has(Z),
            layer: None,
            tl0_pic_idx: None,
            references: [0; MAX_REFERENCES],
            scalability: None,
            len: 0,
        };
        if has(I) {
            let high = cursor.u8()?;
            descriptor.picture_id_wide = high & M != 0;
            descriptor.picture_id = Some(if descriptor.picture_id_wide {
                u16::from_be_bytes([high & !M, cursor.u8()?])
            } else {
                high.into()
            });
        }
        if has(L) {
            let byte = cursor.u8()?;
            descriptor.layer = Some(LayerIndices {
                tid: byte >> 5,
                switching_up: byte & 0x10 != 0,
                sid: byte >> 1 & 0x07,
                inter_layer: byte & 0x01 != 0,
            });
            if !has(F) {
                descriptor.tl0_pic_idx = Some(cursor.u8()?);
            }
        }
        if has(F) && has(P) {
            descriptor.references = references(&mut cursor)?;
        }
        if has(V) {
            descriptor.scalability = Some(ScalabilityStructure::read(&mut cursor)?);
        }
        if cursor.rest().is_empty() {
            return Err(PayloadError::TooShort);
        }
        descriptor.len = payload.len() - cursor.rest().len();
        Ok(descriptor)
    }

    /// Spatial layer; a stream without layer indices has only the base layer.
    pub fn sid(&self) -> u8 {
        self.layer.map_or(0, |layer| layer.sid)
    }

    /// Temporal layer; a stream without layer indices has only the base layer.
    pub fn tid(&self) -> u8 {
        self.layer.map_or(0, |layer| layer.tid)
    }

    /// First packet of a key picture: its base layer frame refers to nothing.
    pub fn starts_key_picture(&self) -> bool {
        self.starts_spatial_layer() && self.sid() == 0
    }

    /// First packet of a layer frame that does not refer to earlier pictures: a receiver of the spatial layer below may
    /// start this one here. In a key picture that holds for every layer.
    pub fn starts_spatial_layer(&self) -> bool {
        self.start_of_frame && !self.inter_picture
    }
}

/// The reference indices of flexible mode: at least one, each telling whether another follows.
fn references(cursor: &mut Cursor<'_>) -> Result<[u8; MAX_REFERENCES], PayloadError> {
    let mut references = [0; MAX_REFERENCES];
    for reference in &mut references {
        let byte = cursor.u8()?;
        *reference = byte >> 1;
        if *reference == 0 {
            return Err(PayloadError::Malformed);
        }
        if byte & 0x01 == 0 {
            return Ok(references);
        }
    }
    // The third one said that there is a fourth.
    Err(PayloadError::Malformed)
}

/// Appends the payload to `out` with its `PictureID`, if it has one, widened to 15 bits, so that later rewriting never
/// changes the length. Returns the descriptor as it stands in `out`. Nothing is appended on error.
#[inline]
pub fn normalise(payload: &[u8], out: &mut Vec<u8>) -> Result<Descriptor, PayloadError> {
    let mut descriptor = Descriptor::parse(payload)?;
    match (payload, descriptor.picture_id) {
        ([first, picture_id, rest @ ..], Some(_)) if !descriptor.picture_id_wide => {
            out.extend_from_slice(&[*first, M, *picture_id]);
            out.extend_from_slice(rest);
            descriptor.picture_id_wide = true;
            descriptor.len += 1;
        }
        _ => out.extend_from_slice(payload),
    }
    Ok(descriptor)
}

/// Replaces `PictureID` and TL0PICIDX in place, each where the payload has it; a 7-bit `PictureID` takes the low 7 bits.
/// A payload that does not parse is left alone.
#[inline]
pub fn patch(payload: &mut [u8], picture_id: u16, tl0_pic_idx: u8) {
    let Ok(descriptor) = Descriptor::parse(payload) else {
        return;
    };
    let [high, low] = picture_id.to_be_bytes();
    let mut at = 1;
    if descriptor.picture_id.is_some() {
        if descriptor.picture_id_wide {
            put(payload, at, &[high | M, low]);
            at += 2;
        } else {
            put(payload, at, &[low & !M]);
            at += 1;
        }
    }
    if descriptor.tl0_pic_idx.is_some() {
        // The layer indices lie between the two.
        put(payload, at + 1, &[tl0_pic_idx]);
    }
}

#[cfg(test)]
mod tests;
