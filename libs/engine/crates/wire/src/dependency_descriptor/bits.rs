//! Reading and writing numbers of any number of bits, high bits first.

use super::DescriptorError;

/// Reads from the front of a value.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// f(n): a number of up to 32 bits.
    #[inline]
    pub(super) fn bits(&mut self, count: u32) -> Result<u32, DescriptorError> {
        let end = self.at + count as usize;
        if end > self.bytes.len() * 8 {
            return Err(DescriptorError::TooShort);
        }
        let mut window = [0; 8];
        let from = self.bytes.get(self.at / 8..).unwrap_or_default();
        for (slot, byte) in window.iter_mut().zip(from) {
            *slot = *byte;
        }
        let aligned = u64::from_be_bytes(window) << (self.at % 8);
        self.at = end;
        Ok(aligned.checked_shr(64 - count).unwrap_or(0) as u32)
    }

    pub(super) fn byte(&mut self, count: u32) -> Result<u8, DescriptorError> {
        Ok(self.bits(count)? as u8)
    }

    pub(super) fn flag(&mut self) -> Result<bool, DescriptorError> {
        Ok(self.bits(1)? != 0)
    }

    /// ns(n): a number below `limit`, 1..=33, the lower ones of which take a bit less.
    pub(super) fn non_symmetric(&mut self, limit: u32) -> Result<u8, DescriptorError> {
        let (width, short) = code(limit);
        let value = self.bits(width - 1)?;
        if value < short {
            return Ok(value as u8);
        }
        Ok(((value << 1) - short + self.bits(1)?) as u8)
    }
}

/// Of ns(n): bits of the longer codes, and how many numbers have the shorter ones.
fn code(limit: u32) -> (u32, u32) {
    let width = 32 - limit.leading_zeros();
    (width, (1 << width) - limit)
}

/// Appends to a vector; the last byte is filled with zeros.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Bits written.
    len: usize,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, len: 0 }
    }

    /// Bits written so far.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn bits(&mut self, value: u32, count: u32) {
        let mut left = count;
        while left > 0 {
            let used = (self.len % 8) as u32;
            if used == 0 {
                self.out.push(0);
            }
            let taken = left.min(8 - used);
            left -= taken;
            let chunk = (value >> left) & ((1 << taken) - 1);
            if let Some(last) = self.out.last_mut() {
                *last |= (chunk << (8 - used - taken)) as u8;
            }
            self.len += taken as usize;
        }
    }

    pub(super) fn flag(&mut self, value: bool) {
        self.bits(value.into(), 1);
    }

    pub(super) fn non_symmetric(&mut self, limit: u32, value: u8) {
        let (width, short) = code(limit);
        let value = value.into();
        if value < short {
            self.bits(value, width - 1);
        } else {
            self.bits(value + short, width);
        }
    }
}

/// Replaces `count` bits at a bit position; what lies beyond the end is left out.
pub(super) fn put_bits(bytes: &mut [u8], at: usize, value: u32, count: u32) {
    for number in 0..count as usize {
        let bit = (value >> (count as usize - 1 - number) & 1) as u8;
        let place = at + number;
        let shift = 7 - place % 8;
        if let Some(byte) = bytes.get_mut(place / 8) {
            *byte = *byte & !(1 << shift) | bit << shift;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn numbers_of_any_size_round_trip() {
        let mut random = Random(1);
        for _ in 0..2000 {
            let numbers: Vec<(u32, u32)> = (0..20)
                .map(|_| {
                    let count = random.below(33) as u32;
                    (
                        (u64::from(random.next() as u32) & ((1 << count) - 1)) as u32,
                        count,
                    )
                })
                .collect();
            let mut out = Vec::new();
            let mut writer = BitWriter::new(&mut out);
            for (value, count) in &numbers {
                writer.bits(*value, *count);
            }
            let len = writer.len();
            assert_eq!(out.len(), len.div_ceil(8));
            let mut reader = BitReader::new(&out);
            for (value, count) in &numbers {
                assert_eq!(reader.bits(*count), Ok(*value));
            }
            assert_eq!(reader.bits(8), Err(DescriptorError::TooShort));
        }
    }

    #[test]
    fn non_symmetric_codes_of_the_specification() {
        // A.8.2: the codes of ns(5).
        let codes = [(0b00, 2), (0b01, 2), (0b10, 2), (0b110, 3), (0b111, 3)];
        for (value, (code, width)) in (0u8..).zip(codes) {
            let mut out = Vec::new();
            let mut writer = BitWriter::new(&mut out);
            writer.non_symmetric(5, value);
            assert_eq!(writer.len(), width);
            assert_eq!(out, [code << (8 - width)]);
        }
    }

    #[test]
    fn non_symmetric_numbers_round_trip() {
        for limit in 1..=33 {
            for value in 0..limit as u8 {
                let mut out = Vec::new();
                BitWriter::new(&mut out).non_symmetric(limit, value);
                assert_eq!(BitReader::new(&out).non_symmetric(limit), Ok(value));
            }
        }
    }

    #[test]
    fn bits_are_replaced_in_place() {
        let mut bytes = [0xff, 0x00, 0xff];
        put_bits(&mut bytes, 6, 0b01_1001_0110, 10);
        assert_eq!(bytes, [0xfd, 0x96, 0xff]);
        put_bits(&mut bytes, 20, 0, 32);
        assert_eq!(bytes, [0xfd, 0x96, 0xf0]);
    }
}
