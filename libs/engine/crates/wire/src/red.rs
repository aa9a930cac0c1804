//! Redundant audio data (RFC 2198): the primary block, and the redundant ones ahead of it.

use crate::payload::{Cursor, PayloadError};

/// The block a packet was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Primary<'a> {
    /// Payload type of the data, 0..=127.
    pub payload_type: u8,
    /// The data; its time stamp is the packet's.
    pub data: &'a [u8],
}

/// A copy of earlier data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redundant<'a> {
    /// Payload type of the data, 0..=127.
    pub payload_type: u8,
    /// How much earlier than the packet's time stamp, in units of the clock rate, 0..=16383.
    pub timestamp_offset: u16,
    /// The data, up to 1023 bytes.
    pub data: &'a [u8],
}

/// The blocks of one RED payload, checked to fit in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    /// Headers of the redundant blocks.
    headers: &'a [u8],
    /// Their data.
    redundant: &'a [u8],
    /// The primary block.
    pub primary: Primary<'a>,
}

/// F bit: another block header follows.
const FOLLOWS: u8 = 0x80;
/// Length of a redundant block's header; the primary's is its first byte alone.
const HEADER_LEN: usize = 4;

impl<'a> Payload<'a> {
    /// Parses an RTP payload (§3). The primary block may be empty, as audio in silence may be.
    #[inline]
    pub fn parse(payload: &'a [u8]) -> Result<Self, PayloadError> {
        let mut cursor = Cursor::new(payload);
        let mut redundant_len = 0;
        while cursor.rest().first().is_some_and(|first| first & FOLLOWS != 0) {
            redundant_len += fields(cursor.take(HEADER_LEN)?)?.2;
        }
        let headers_len = payload.len() - cursor.rest().len();
        let payload_type = cursor.u8()?;
        let redundant = cursor.take(redundant_len)?;
        Ok(Self {
            headers: payload.get(..headers_len).unwrap_or_default(),
            redundant,
            primary: Primary {
                payload_type,
                data: cursor.rest(),
            },
        })
    }

    /// The redundant blocks in the order of the packet, oldest first.
    pub fn redundant(&self) -> impl Iterator<Item = Redundant<'a>> + use<'a> {
        let mut data = Cursor::new(self.redundant);
        self.headers.chunks_exact(HEADER_LEN).map_while(move |header| {
            let (payload_type, timestamp_offset, len) = fields(header).ok()?;
            Some(Redundant {
                payload_type,
                timestamp_offset,
                data: data.take(len).ok()?,
            })
        })
    }
}

/// Payload type, time stamp offset and length of a redundant block's header.
fn fields(header: &[u8]) -> Result<(u8, u16, usize), PayloadError> {
    let &[first, high, middle, low] = header else {
        return Err(PayloadError::TooShort);
    };
    Ok((
        first & !FOLLOWS,
        u16::from_be_bytes([high, middle]) >> 2,
        u16::from_be_bytes([middle & 0x03, low]).into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    /// The shape of RFC 2198 §7's example: a redundant LPC block (7) 160 units back, and a DVI4 primary (5).
    fn example() -> Vec<u8> {
        let mut payload = vec![0x87, 0x02, 0x80, 0x0e, 0x05];
        payload.extend([0x11; 14]);
        payload.extend([0x22; 84]);
        payload
    }

    #[test]
    fn example_of_the_specification() {
        let payload = example();
        let parsed = Payload::parse(&payload).expect("parses");
        assert_eq!(
            parsed.primary,
            Primary {
                payload_type: 5,
                data: &[0x22; 84]
            }
        );
        let redundant: Vec<_> = parsed.redundant().collect();
        assert_eq!(
            redundant,
            [Redundant {
                payload_type: 7,
                timestamp_offset: 160,
                data: &[0x11; 14]
            }]
        );
    }

    #[test]
    fn primary_alone() {
        let parsed = Payload::parse(&[111, 1, 2, 3]).expect("parses");
        assert_eq!(
            (parsed.primary.payload_type, parsed.primary.data),
            (111, &[1, 2, 3][..])
        );
        assert_eq!(parsed.redundant().count(), 0);
        assert_eq!(
            Payload::parse(&[111]).map(|parsed| parsed.primary.data),
            Ok(&[][..])
        );
    }

    #[test]
    fn several_generations_and_the_largest_values() {
        let mut payload = vec![0xef, 0xff, 0xff, 0xff, 0xef, 0x0f, 0x00, 0x02, 0x6f];
        payload.extend([9; 1023]);
        payload.extend([8, 8, 7]);
        let parsed = Payload::parse(&payload).expect("parses");
        let sizes: Vec<_> = parsed
            .redundant()
            .map(|block| (block.payload_type, block.timestamp_offset, block.data.len()))
            .collect();
        assert_eq!(sizes, [(111, 16383, 1023), (111, 960, 2)]);
        assert_eq!(parsed.primary.data, [7]);
    }

    #[test]
    fn truncation_is_an_error_up_to_the_primary() {
        let payload = example();
        for len in 0..payload.len() {
            assert_eq!(Payload::parse(&payload[..len]).is_ok(), len >= 19, "{len}");
        }
    }

    #[test]
    fn mutated_payloads_never_panic() {
        let mut random = Random(1);
        let seeds = [
            example(),
            vec![111, 1],
            vec![0xef, 0, 0, 1, 0xef, 0, 0, 2, 0x6f, 1, 2, 2, 3],
        ];
        let mut parsed = 0;
        for _ in 0..300_000 {
            let mut payload = seeds[random.below(seeds.len())].clone();
            random.mutate(&mut payload);
            let Ok(blocks) = Payload::parse(&payload) else {
                continue;
            };
            parsed += 1;
            let redundant: usize = blocks
                .redundant()
                .map(|block| block.data.len() + HEADER_LEN)
                .sum();
            assert_eq!(redundant + 1 + blocks.primary.data.len(), payload.len());
        }
        assert!(parsed > 100_000);
    }
}
