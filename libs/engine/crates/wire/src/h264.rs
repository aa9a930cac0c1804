//! What an H.264 payload starts (RFC 6184): frames, key frames, parameter sets. Nothing of it is ever rewritten.
//!
//! Packetisation modes 0 and 1 are read: single NAL units, STAP-A and FU-A. The interleaved mode is no part of WebRTC
//! (RFC 7742 §6.2), its packet types are refused.

use crate::payload::{Cursor, PayloadError};

/// NAL unit types (ITU-T H.264 table 7-1) and packet types (RFC 6184 table 1).
mod nal {
    pub(super) const NON_IDR: u8 = 1;
    pub(super) const PARTITION_A: u8 = 2;
    pub(super) const IDR: u8 = 5;
    pub(super) const SEI: u8 = 6;
    pub(super) const SPS: u8 = 7;
    pub(super) const PPS: u8 = 8;
    pub(super) const DELIMITER: u8 = 9;
    pub(super) const PREFIX: u8 = 14;
    pub(super) const RESERVED_18: u8 = 18;
    pub(super) const LAST_SINGLE: u8 = 23;
    pub(super) const STAP_A: u8 = 24;
    pub(super) const FU_A: u8 = 28;
}

/// What one payload holds the beginning of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Payload {
    /// Its first NAL unit may open a frame: a delimiter, SEI, a parameter set, or a picture's first slice. A frame may
    /// show several such packets; the one whose time stamp is new is its first.
    pub start_of_frame: bool,
    /// A key frame starts: here is an IDR picture's first slice, or the SPS that comes ahead of it (a packet with an SPS
    /// and a slice of another picture is no key frame). With the SPS in a packet of its own both show it: receivers
    /// start at the first of them.
    pub key_frame: bool,
    /// Contains the start of a slice of an IDR picture.
    pub idr: bool,
    /// Contains a sequence parameter set.
    pub sps: bool,
    /// Contains a picture parameter set.
    pub pps: bool,
}

impl Payload {
    /// Reads the NAL unit headers of an RTP payload.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let mut cursor = Cursor::new(payload);
        let mut summary = Summary::default();
        match cursor.u8()? & 0x1f {
            nal::STAP_A => {
                while !cursor.rest().is_empty() {
                    let len = cursor.u16()?;
                    let (header, body) = cursor
                        .take(len.into())?
                        .split_first()
                        .ok_or(PayloadError::Malformed)?;
                    let kind = header & 0x1f;
                    if kind > nal::LAST_SINGLE {
                        return Err(PayloadError::Malformed);
                    }
                    summary.unit(kind, body);
                }
                if summary.units == 0 {
                    return Err(PayloadError::TooShort);
                }
            }
            nal::FU_A => {
                let header = cursor.u8()?;
                if cursor.rest().is_empty() {
                    return Err(PayloadError::TooShort);
                }
                if header & 0x80 != 0 {
                    summary.unit(header & 0x1f, cursor.rest());
                }
            }
            kind @ 1..=nal::LAST_SINGLE => summary.unit(kind, cursor.rest()),
            _ => return Err(PayloadError::Malformed),
        }
        Ok(summary.finish())
    }
}

/// Gathers what the units of one packet say.
#[derive(Default)]
struct Summary {
    payload: Payload,
    units: u32,
    idr_start: bool,
    other_slice: bool,
}

impl Summary {
    /// The start of one NAL unit, without its header.
    fn unit(&mut self, kind: u8, body: &[u8]) {
        // The slice header starts with first_mb_in_slice in Exp-Golomb code: a leading one is zero.
        let first_slice = body.first().is_some_and(|byte| byte & 0x80 != 0);
        let opens = match kind {
            nal::NON_IDR | nal::PARTITION_A => {
                self.other_slice = true;
                first_slice
            }
            nal::IDR => {
                self.payload.idr = true;
                self.idr_start |= first_slice;
                first_slice
            }
            nal::SPS => {
                self.payload.sps = true;
                true
            }
            nal::PPS => {
                self.payload.pps = true;
                true
            }
            nal::SEI | nal::DELIMITER | nal::PREFIX..=nal::RESERVED_18 => true,
            _ => false,
        };
        self.payload.start_of_frame |= self.units == 0 && opens;
        self.units += 1;
    }

    fn finish(self) -> Payload {
        Payload {
            key_frame: self.idr_start || (self.payload.sps && !self.other_slice && !self.payload.idr),
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

    const SPS: [u8; 5] = [0x67, 0x42, 0xc0, 0x1f, 0x8c];
    const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];
    const IDR: [u8; 4] = [0x65, 0xb8, 0x40, 0x02];
    const SLICE: [u8; 3] = [0x61, 0xe0, 0x22];

    fn stap(units: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0x78];
        for unit in units {
            packet.extend_from_slice(&(unit.len() as u16).to_be_bytes());
            packet.extend_from_slice(unit);
        }
        packet
    }

    #[test]
    fn single_units() {
        let idr = parse(&IDR);
        assert!(idr.start_of_frame && idr.key_frame && idr.idr && !idr.sps);
        let slice = parse(&SLICE);
        assert_eq!(
            slice,
            Payload {
                start_of_frame: true,
                ..Payload::default()
            }
        );
        let sps = parse(&SPS);
        assert!(sps.start_of_frame && sps.key_frame && sps.sps && !sps.idr && !sps.pps);
        let pps = parse(&PPS);
        assert!(pps.start_of_frame && pps.pps && !pps.key_frame);
        for opens in [&[0x09, 0xf0][..], &[0x06, 0x05, 0x00], &[0x6e, 0x40]] {
            assert!(parse(opens).start_of_frame && !parse(opens).key_frame);
        }
    }

    #[test]
    fn later_slices_start_nothing() {
        // first_mb_in_slice 1 is coded 010.
        let later = parse(&[0x65, 0x58, 0x40]);
        assert!(later.idr && !later.key_frame && !later.start_of_frame);
        assert_eq!(parse(&[0x61, 0x48]), Payload::default());
        // End of sequence, filler data.
        assert_eq!(parse(&[0x0a]), Payload::default());
        assert_eq!(parse(&[0x0c, 0xff]), Payload::default());
    }

    #[test]
    fn aggregates() {
        let key = parse(&stap(&[&SPS, &PPS, &IDR]));
        assert!(key.start_of_frame && key.key_frame && key.idr && key.sps && key.pps);
        let sets = parse(&stap(&[&SPS, &PPS]));
        assert!(sets.start_of_frame && sets.key_frame && !sets.idr);
        // Parameter sets repeated ahead of a predicted picture.
        assert!(!parse(&stap(&[&SPS, &PPS, &SLICE])).key_frame);
        // A later slice first: the frame began before.
        assert!(!parse(&stap(&[&[0x61, 0x48], &[0x06, 0x05]])).start_of_frame);
    }

    #[test]
    fn fragments() {
        let first = parse(&[0x7c, 0x85, 0xb8, 0x40]);
        assert!(first.start_of_frame && first.key_frame && first.idr);
        assert_eq!(parse(&[0x7c, 0x05, 0xb8, 0x40]), Payload::default());
        assert_eq!(parse(&[0x7c, 0x45, 0xb8, 0x40]), Payload::default());
        let delta = parse(&[0x7c, 0x81, 0xe0, 0x22]);
        assert!(delta.start_of_frame && !delta.key_frame);
        // The start of an IDR picture's second slice.
        let second = parse(&[0x7c, 0x85, 0x18, 0x40]);
        assert!(second.idr && !second.key_frame && !second.start_of_frame);
    }

    #[test]
    fn refuses_what_is_not_of_mode_0_or_1() {
        for kind in [0, 25, 26, 27, 29, 30, 31] {
            assert_eq!(
                Payload::parse(&[0x60 | kind, 0, 1, 0x65, 0x80]),
                Err(PayloadError::Malformed)
            );
        }
        assert_eq!(
            Payload::parse(&stap(&[&stap(&[&IDR])])),
            Err(PayloadError::Malformed)
        );
        assert_eq!(Payload::parse(&stap(&[&IDR, &[]])), Err(PayloadError::Malformed));
    }

    #[test]
    fn truncation_is_an_error() {
        for payload in [&[][..], &[0x78], &[0x78, 0], &[0x7c], &[0x7c, 0x85]] {
            assert_eq!(Payload::parse(payload), Err(PayloadError::TooShort));
        }
        let full = stap(&[&SPS, &PPS]);
        for len in (2..full.len()).filter(|len| *len != 3 + SPS.len()) {
            assert_eq!(Payload::parse(&full[..len]), Err(PayloadError::TooShort));
        }
    }

    #[test]
    fn mutated_payloads_never_panic() {
        let mut random = Random(1);
        let seeds = [
            stap(&[&SPS, &PPS, &IDR]),
            stap(&[&SLICE, &SLICE]),
            vec![0x7c, 0x85, 0xb8, 0x40],
            SPS.to_vec(),
        ];
        let mut parsed = 0;
        for _ in 0..300_000 {
            let mut payload = seeds[random.below(seeds.len())].clone();
            random.mutate(&mut payload);
            if let Ok(payload) = Payload::parse(&payload) {
                parsed += 1;
                assert!(!payload.key_frame || payload.idr || payload.sps);
            }
        }
        assert!(parsed > 100_000);
    }
}
