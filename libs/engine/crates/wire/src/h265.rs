//! What an H.265 payload starts (RFC 7798): frames, key frames, parameter sets. Nothing of it is ever rewritten.
//!
//! Packets without decoding order numbers are read, as WebRTC sends them: single NAL units, AP, FU, and any of them
//! inside PACI.

use crate::payload::{Cursor, PayloadError};

/// NAL unit types (ITU-T H.265 table 7-1) and packet types (RFC 7798 §4.4).
mod nal {
    pub(super) const FIRST_IRAP: u8 = 16;
    pub(super) const LAST_IRAP: u8 = 23;
    pub(super) const LAST_SLICE: u8 = 31;
    pub(super) const VPS: u8 = 32;
    pub(super) const SPS: u8 = 33;
    pub(super) const PPS: u8 = 34;
    pub(super) const DELIMITER: u8 = 35;
    pub(super) const PREFIX_SEI: u8 = 39;
    pub(super) const LAST_SINGLE: u8 = 47;
    pub(super) const AP: u8 = 48;
    pub(super) const FU: u8 = 49;
    pub(super) const PACI: u8 = 50;
}

/// What one payload holds the beginning of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Payload {
    /// Its first NAL unit may open a frame: a delimiter, SEI, a parameter set, or a picture's first slice segment. A
    /// frame may show several such packets; the one whose time stamp is new is its first.
    pub start_of_frame: bool,
    /// A key frame starts: here is an IRAP picture's first slice segment, or the VPS or SPS that comes ahead of it (a
    /// packet with them and a slice of another picture is no key frame). With the parameter sets in a packet of their
    /// own both show it: receivers start at the first of them.
    pub key_frame: bool,
    /// Contains the start of a slice segment of an IRAP picture (IDR, CRA or BLA).
    pub irap: bool,
    /// Contains a video parameter set.
    pub vps: bool,
    /// Contains a sequence parameter set.
    pub sps: bool,
    /// Contains a picture parameter set.
    pub pps: bool,
    /// Temporal layer, 0..=6: the lowest of the packet's NAL units.
    pub tid: u8,
}

impl Payload {
    /// Reads the NAL unit headers of an RTP payload.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let mut cursor = Cursor::new(payload);
        let header = cursor.u16()?;
        let mut kind = (header >> 9 & 0x3f) as u8;
        if kind == nal::PACI {
            let fields = cursor.u16()?;
            kind = (fields >> 9 & 0x3f) as u8;
            cursor.take((fields >> 4 & 0x1f).into())?;
        }
        let mut summary = Summary::default();
        match kind {
            nal::AP => summary.aggregate(&mut cursor)?,
            nal::FU => {
                let fragment = cursor.u8()?;
                if cursor.rest().is_empty() {
                    return Err(PayloadError::TooShort);
                }
                if fragment & 0x80 != 0 {
                    summary.unit(fragment & 0x3f, cursor.rest());
                }
            }
            0..=nal::LAST_SINGLE => summary.unit(kind, cursor.rest()),
            _ => return Err(PayloadError::Malformed),
        }
        // TemporalId plus one; the header of an aggregate has the lowest of its units (§4.4.2).
        let tid = (header as u8 & 0x07)
            .checked_sub(1)
            .ok_or(PayloadError::Malformed)?;
        Ok(summary.finish(tid))
    }
}

/// Gathers what the units of one packet say.
#[derive(Default)]
struct Summary {
    payload: Payload,
    units: u32,
    irap_start: bool,
    other_slice: bool,
}

impl Summary {
    /// The units of an aggregation packet.
    fn aggregate(&mut self, cursor: &mut Cursor<'_>) -> Result<(), PayloadError> {
        while !cursor.rest().is_empty() {
            let len = cursor.u16()?;
            let mut unit = Cursor::new(cursor.take(len.into())?);
            let kind = (unit.u16().map_err(|_| PayloadError::Malformed)? >> 9 & 0x3f) as u8;
            if kind > nal::LAST_SINGLE {
                return Err(PayloadError::Malformed);
            }
            self.unit(kind, unit.rest());
        }
        if self.units == 0 {
            return Err(PayloadError::TooShort);
        }
        Ok(())
    }

    /// The start of one NAL unit, without its header.
    fn unit(&mut self, kind: u8, body: &[u8]) {
        // The slice segment header starts with first_slice_segment_in_pic_flag.
        let first_segment = body.first().is_some_and(|byte| byte & 0x80 != 0);
        let opens = match kind {
            nal::FIRST_IRAP..=nal::LAST_IRAP => {
                self.payload.irap = true;
                self.irap_start |= first_segment;
                first_segment
            }
            0..=nal::LAST_SLICE => {
                self.other_slice = true;
                first_segment
            }
            nal::VPS => {
                self.payload.vps = true;
                true
            }
            nal::SPS => {
                self.payload.sps = true;
                true
            }
            nal::PPS => {
                self.payload.pps = true;
                true
            }
            nal::DELIMITER | nal::PREFIX_SEI => true,
            _ => false,
        };
        self.payload.start_of_frame |= self.units == 0 && opens;
        self.units += 1;
    }

    fn finish(self, tid: u8) -> Payload {
        let sets = self.payload.vps || self.payload.sps;
        Payload {
            key_frame: self.irap_start || (sets && !self.other_slice && !self.payload.irap),
            tid,
            ..self.payload
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn parse(payload: &[u8]) -> Payload {
        Payload::parse(payload).expect("parses")
    }

    const VPS: [u8; 4] = [0x40, 0x01, 0x0c, 0x01];
    const SPS: [u8; 4] = [0x42, 0x01, 0x01, 0x01];
    const PPS: [u8; 4] = [0x44, 0x01, 0xc1, 0x72];
    const IDR: [u8; 4] = [0x26, 0x01, 0xaf, 0x08];
    const TRAIL: [u8; 4] = [0x02, 0x01, 0xd0, 0x09];

    fn aggregate(units: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0x60, 0x01];
        for unit in units {
            packet.extend_from_slice(&(unit.len() as u16).to_be_bytes());
            packet.extend_from_slice(unit);
        }
        packet
    }

    #[test]
    fn single_units() {
        let idr = parse(&IDR);
        assert!(idr.start_of_frame && idr.key_frame && idr.irap && !idr.sps);
        let trail = parse(&TRAIL);
        assert_eq!(
            trail,
            Payload {
                start_of_frame: true,
                ..Payload::default()
            }
        );
        for set in [VPS, SPS] {
            assert!(parse(&set).start_of_frame && parse(&set).key_frame);
        }
        let pps = parse(&PPS);
        assert!(pps.start_of_frame && pps.pps && !pps.key_frame);
        // CRA, delimiter, prefix SEI, suffix SEI.
        assert!(parse(&[0x2a, 0x01, 0x80]).key_frame);
        assert!(parse(&[0x46, 0x01, 0x50]).start_of_frame);
        assert!(parse(&[0x4e, 0x01, 0x01]).start_of_frame);
        assert!(!parse(&[0x50, 0x01, 0x01]).start_of_frame);
    }

    #[test]
    fn temporal_layer() {
        assert_eq!(parse(&[0x02, 0x03, 0xd0]).tid, 2);
        assert_eq!(Payload::parse(&[0x02, 0x00, 0xd0]), Err(PayloadError::Malformed));
    }

    #[test]
    fn later_segments_start_nothing() {
        let later = parse(&[0x26, 0x01, 0x2f]);
        assert!(later.irap && !later.key_frame && !later.start_of_frame);
        assert_eq!(parse(&[0x02, 0x01, 0x50]), Payload::default());
    }

    #[test]
    fn aggregates() {
        let key = parse(&aggregate(&[&VPS, &SPS, &PPS, &IDR]));
        assert!(key.start_of_frame && key.key_frame && key.irap && key.vps && key.sps && key.pps);
        let sets = parse(&aggregate(&[&VPS, &SPS, &PPS]));
        assert!(sets.key_frame && !sets.irap);
        assert!(!parse(&aggregate(&[&VPS, &SPS, &PPS, &TRAIL])).key_frame);
    }

    #[test]
    fn fragments() {
        let first = parse(&[0x62, 0x01, 0x93, 0xaf]);
        assert!(first.start_of_frame && first.key_frame && first.irap);
        assert_eq!(parse(&[0x62, 0x01, 0x13, 0xaf]), Payload::default());
        assert_eq!(parse(&[0x62, 0x01, 0x53, 0xaf]), Payload::default());
        let delta = parse(&[0x62, 0x02, 0x81, 0xd0]);
        assert!(delta.start_of_frame && !delta.key_frame && delta.tid == 1);
    }

    #[test]
    fn extended_header_holds_any_other_packet() {
        // cType IDR, three octets of header extension, then the unit without its two octets.
        assert!(parse(&[0x64, 0x01, 0x26, 0x38, 1, 2, 3, 0xaf, 0x08]).key_frame);
        // cType FU with no extension.
        assert!(parse(&[0x64, 0x01, 0x62, 0x00, 0x93, 0xaf]).key_frame);
        // Not another one inside.
        assert_eq!(
            Payload::parse(&[0x64, 0x01, 0x64, 0x00, 0x26, 0x00, 0xaf]),
            Err(PayloadError::Malformed)
        );
        assert_eq!(
            Payload::parse(&[0x64, 0x01, 0x26, 0x38, 1, 2]),
            Err(PayloadError::TooShort)
        );
    }

    #[test]
    fn refuses_unknown_packets() {
        for kind in 51..=63u8 {
            assert_eq!(
                Payload::parse(&[kind << 1, 1, 0xaf]),
                Err(PayloadError::Malformed)
            );
        }
        let nested = aggregate(&[&aggregate(&[&IDR])]);
        assert_eq!(Payload::parse(&nested), Err(PayloadError::Malformed));
        assert_eq!(
            Payload::parse(&aggregate(&[&IDR, &[0x26]])),
            Err(PayloadError::Malformed)
        );
    }

    #[test]
    fn truncation_is_an_error() {
        for payload in [
            &[][..],
            &[0x26],
            &[0x60, 0x01],
            &[0x60, 0x01, 0],
            &[0x62, 0x01],
            &[0x62, 0x01, 0x93],
        ] {
            assert_eq!(Payload::parse(payload), Err(PayloadError::TooShort));
        }
    }

    #[test]
    fn mutated_payloads_never_panic() {
        let mut random = Random(1);
        let seeds = [
            aggregate(&[&VPS, &SPS, &PPS, &IDR]),
            vec![0x62, 0x01, 0x93, 0xaf],
            vec![0x64, 0x01, 0x60, 0x10, 1, 0, 3, 0x26, 0x01, 0x80],
            TRAIL.to_vec(),
        ];
        let mut parsed = 0;
        for _ in 0..300_000 {
            let mut payload = seeds[random.below(seeds.len())].clone();
            random.mutate(&mut payload);
            if let Ok(payload) = Payload::parse(&payload) {
                parsed += 1;
                assert!(!payload.key_frame || payload.irap || payload.sps || payload.vps);
                assert!(payload.tid < 7);
            }
        }
        assert!(parsed > 100_000);
    }
}
