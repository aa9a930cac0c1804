//! VP8 payload descriptor (RFC 7741 §4.2) and the key-frame bit of the payload header (§4.3).

use std::fmt;

use crate::bytes::put;

/// The payload is not VP8: it ends inside the descriptor or right behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp8Error;

impl fmt::Display for Vp8Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VP8 payload too short")
    }
}

impl std::error::Error for Vp8Error {}

/// First byte: extended control bits present.
const X: u8 = 0x80;
/// First byte: start of partition.
const S: u8 = 0x10;
/// First byte: partition index.
const PARTITION: u8 = 0x07;
/// Extension byte: `PictureID`, TL0PICIDX, TID and KEYIDX present.
const I: u8 = 0x80;
const L: u8 = 0x40;
const T: u8 = 0x20;
const K: u8 = 0x10;
/// `PictureID` byte: 15 bits instead of 7.
const M: u8 = 0x80;

/// What a payload descriptor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// `PictureID`, 7 or 15 bits wide as `picture_id_wide` says.
    pub picture_id: Option<u16>,
    /// The `PictureID` takes 15 bits on the wire.
    pub picture_id_wide: bool,
    /// TL0PICIDX: running number of base-layer frames.
    pub tl0_pic_idx: Option<u8>,
    /// Temporal layer, 0..=3.
    pub tid: Option<u8>,
    /// Y: this frame depends on the base layer only, so a receiver may start its layer here.
    pub layer_sync: bool,
    /// N: no other frame refers to this one.
    pub non_reference: bool,
    /// First packet of the frame: start of partition 0.
    pub start_of_frame: bool,
    /// This packet starts a key frame.
    pub key_frame: bool,
    /// Length of the descriptor; the VP8 payload header or data follows.
    pub len: usize,
}

impl Descriptor {
    /// Parses the descriptor at the start of an RTP payload that carries at least one byte of VP8 data.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<Self, Vp8Error> {
        let (&first, mut rest) = payload.split_first().ok_or(Vp8Error)?;
        let mut descriptor = Self {
            picture_id: None,
            picture_id_wide: false,
            tl0_pic_idx: None,
            tid: None,
            layer_sync: false,
            non_reference: first & 0x20 != 0,
            start_of_frame: first & S != 0 && first & PARTITION == 0,
            key_frame: false,
            len: 0,
        };
        let mut next = || {
            let (&byte, after) = rest.split_first().ok_or(Vp8Error)?;
            rest = after;
            Ok(byte)
        };
        if first & X != 0 {
            let flags = next()?;
            if flags & I != 0 {
                let high = next()?;
                descriptor.picture_id_wide = high & M != 0;
                descriptor.picture_id = Some(if descriptor.picture_id_wide {
                    u16::from_be_bytes([high & !M, next()?])
                } else {
                    high.into()
                });
            }
            if flags & L != 0 {
                descriptor.tl0_pic_idx = Some(next()?);
            }
            if flags & (T | K) != 0 {
                let byte = next()?;
                if flags & T != 0 {
                    descriptor.tid = Some(byte >> 6);
                    descriptor.layer_sync = byte & 0x20 != 0;
                }
            }
        }
        let header = next()?;
        descriptor.key_frame = descriptor.start_of_frame && header & 0x01 == 0;
        descriptor.len = payload.len() - rest.len() - 1;
        Ok(descriptor)
    }
}

/// Appends the payload to `out` with its `PictureID`, if it has one, widened to 15 bits, so that later rewriting never
/// changes the length. Returns the descriptor as it stands in `out`. Nothing is appended on error.
#[inline]
pub fn normalise(payload: &[u8], out: &mut Vec<u8>) -> Result<Descriptor, Vp8Error> {
    let mut descriptor = Descriptor::parse(payload)?;
    match (payload, descriptor.picture_id) {
        ([first, flags, picture_id, rest @ ..], Some(_)) if !descriptor.picture_id_wide => {
            out.extend_from_slice(&[*first, *flags, M, *picture_id]);
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
    let mut at = 2;
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
        put(payload, at, &[tl0_pic_idx]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn parse(payload: &[u8]) -> Descriptor {
        Descriptor::parse(payload).expect("parses")
    }

    #[test]
    fn minimal_descriptor() {
        let key = parse(&[0x10, 0x00]);
        assert!(key.start_of_frame && key.key_frame && !key.non_reference);
        assert_eq!(
            (key.len, key.picture_id, key.tl0_pic_idx, key.tid),
            (1, None, None, None)
        );
        let delta = parse(&[0x30, 0x01]);
        assert!(delta.start_of_frame && !delta.key_frame && delta.non_reference);
        // Continuation packets and later partitions never start a frame, whatever their first data byte.
        assert!(!parse(&[0x00, 0x00]).key_frame);
        assert!(!parse(&[0x11, 0x00]).start_of_frame);
    }

    #[test]
    fn full_descriptor() {
        let descriptor = parse(&[0x90, 0xf0, 0x81, 0x23, 0x45, 0xa0, 0x00]);
        assert_eq!(descriptor.picture_id, Some(0x123));
        assert!(descriptor.picture_id_wide && descriptor.layer_sync && descriptor.key_frame);
        assert_eq!(
            (descriptor.tl0_pic_idx, descriptor.tid, descriptor.len),
            (Some(0x45), Some(2), 6)
        );
    }

    #[test]
    fn key_index_alone_is_not_a_temporal_layer() {
        let descriptor = parse(&[0x80, 0x10, 0xff, 0x00]);
        assert_eq!(
            (descriptor.tid, descriptor.layer_sync, descriptor.len),
            (None, false, 3)
        );
    }

    #[test]
    fn truncation_at_every_byte_is_an_error() {
        let full = [0x90, 0xf0, 0x81, 0x23, 0x45, 0xa0, 0x00];
        for len in 0..full.len() {
            assert_eq!(Descriptor::parse(&full[..len]), Err(Vp8Error));
        }
    }

    #[test]
    fn normalise_widens_a_short_picture_id() {
        let mut out = vec![0xee];
        let descriptor = normalise(&[0x90, 0xe0, 0x7f, 0x05, 0x40, 0x00, 0x11], &mut out).expect("parses");
        assert_eq!(out, [0xee, 0x90, 0xe0, 0x80, 0x7f, 0x05, 0x40, 0x00, 0x11]);
        assert_eq!(descriptor, parse(&out[1..]));
    }

    #[test]
    fn normalise_keeps_wide_and_absent_ids() {
        for payload in [
            &[0x90, 0x80, 0x81, 0x23, 0x00][..],
            &[0x10, 0x00, 0x01],
            &[0x90, 0x40, 0x05, 0x00],
        ] {
            let mut out = Vec::new();
            let descriptor = normalise(payload, &mut out).expect("parses");
            assert_eq!(out, payload);
            assert_eq!(descriptor, parse(payload));
        }
        let mut out = Vec::new();
        assert_eq!(normalise(&[0x90, 0x80], &mut out), Err(Vp8Error));
        assert!(out.is_empty());
    }

    #[test]
    fn patch_replaces_what_is_there() {
        let mut payload = [0x90, 0xe0, 0x81, 0x23, 0x45, 0xa0, 0x00];
        patch(&mut payload, 0x7ffe, 0x99);
        let descriptor = parse(&payload);
        assert_eq!(
            (descriptor.picture_id, descriptor.tl0_pic_idx, descriptor.tid),
            (Some(0x7ffe), Some(0x99), Some(2))
        );
        let mut short = [0x90, 0xc0, 0x23, 0x45, 0x00];
        patch(&mut short, 0x1ff, 0x99);
        assert_eq!(short, [0x90, 0xc0, 0x7f, 0x99, 0x00]);
        let mut none = [0x10, 0x00, 0x01];
        patch(&mut none, 5, 5);
        assert_eq!(none, [0x10, 0x00, 0x01]);
    }

    #[test]
    fn mutated_payloads_never_panic() {
        let mut random = Random(1);
        let seeds = [
            &[0x90, 0xf0, 0x81, 0x23, 0x45, 0xa0, 0x00, 1, 2][..],
            &[0x90, 0xe0, 0x23, 0x45, 0xa0, 0x00],
            &[0x10, 0],
        ];
        for _ in 0..300_000 {
            let mut payload = seeds[random.below(3)].to_vec();
            random.mutate(&mut payload);
            let mut out = Vec::new();
            let Ok(before) = normalise(&payload, &mut out) else {
                assert!(out.is_empty());
                continue;
            };
            let after = parse(&out);
            assert_eq!(
                out[after.len..],
                payload[before.len - (out.len() - payload.len())..]
            );
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
    }
}
