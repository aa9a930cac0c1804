//! The aggregation header of an AV1 payload (RTP Payload Format for AV1 §4.4). Nothing of the payload is ever rewritten;
//! layers and dependencies are told by the dependency descriptor.

use crate::payload::PayloadError;

/// What the aggregation header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggregationHeader {
    /// Z: the first OBU element continues a fragment of the packet before.
    pub continues: bool,
    /// Y: the last OBU element continues in the next packet.
    pub continued: bool,
    /// W: number of OBU elements, 1..=3, where only the last one has no length; `None`: any number, each with its length.
    pub elements: Option<u8>,
    /// N: first packet of a coded video sequence, so of a key frame.
    pub new_sequence: bool,
}

impl AggregationHeader {
    /// Parses the first byte of an RTP payload that carries at least one byte of an OBU element.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<Self, PayloadError> {
        let [first, _, ..] = payload else {
            return Err(PayloadError::TooShort);
        };
        let header = Self {
            continues: first & 0x80 != 0,
            continued: first & 0x40 != 0,
            elements: Some(first >> 4 & 0x03).filter(|count| *count > 0),
            new_sequence: first & 0x08 != 0,
        };
        // A sequence cannot start in the middle of an OBU.
        if header.new_sequence && header.continues {
            return Err(PayloadError::Malformed);
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header() {
        for first in 0..=u8::MAX {
            let parsed = AggregationHeader::parse(&[first, 0x0a]);
            if first & 0x88 == 0x88 {
                assert_eq!(parsed, Err(PayloadError::Malformed));
                continue;
            }
            let header = parsed.expect("parses");
            let back = u8::from(header.continues) << 7
                | u8::from(header.continued) << 6
                | header.elements.unwrap_or(0) << 4
                | u8::from(header.new_sequence) << 3;
            // The low three bits are reserved and ignored.
            assert_eq!(back, first & 0xf8);
        }
    }

    #[test]
    fn key_frame_of_one_packet() {
        // Sequence header and frame OBU: two elements, new sequence.
        let header = AggregationHeader::parse(&[0x28, 0x02, 0x0a, 0x00, 0x32]).expect("parses");
        assert!(header.new_sequence && !header.continues && !header.continued);
        assert_eq!(header.elements, Some(2));
    }

    #[test]
    fn nothing_behind_the_header_is_an_error() {
        assert_eq!(AggregationHeader::parse(&[]), Err(PayloadError::TooShort));
        assert_eq!(AggregationHeader::parse(&[0x18]), Err(PayloadError::TooShort));
    }
}
