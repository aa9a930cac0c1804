//! Decode target indications (table A.1).

use super::structure::MAX_DECODE_TARGETS;

/// What a frame is to a decode target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indication {
    /// No part of it.
    NotPresent,
    /// Part of it, and nothing of it refers to the frame.
    Discardable,
    /// Where this frame can be decoded, so can the target from here on.
    Switch,
    /// Part of it, referred to by later frames.
    Required,
}

impl From<u32> for Indication {
    /// From the low two bits.
    fn from(bits: u32) -> Self {
        match bits & 0x03 {
            0 => Self::NotPresent,
            1 => Self::Discardable,
            2 => Self::Switch,
            _ => Self::Required,
        }
    }
}

impl From<Indication> for u32 {
    fn from(indication: Indication) -> Self {
        match indication {
            Indication::NotPresent => 0,
            Indication::Discardable => 1,
            Indication::Switch => 2,
            Indication::Required => 3,
        }
    }
}

/// One indication for each decode target; `NotPresent` beyond their number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Indications(u64);

impl Indications {
    /// Of one decode target.
    #[inline]
    pub fn get(self, target: u8) -> Indication {
        let bits = self.0.checked_shr(2 * u32::from(target)).unwrap_or(0);
        Indication::from(bits as u32)
    }

    /// Sets that of one decode target, 0..=31; others do not exist.
    #[inline]
    pub fn set(&mut self, target: u8, indication: Indication) {
        if usize::from(target) < MAX_DECODE_TARGETS {
            let shift = 2 * u32::from(target);
            self.0 = self.0 & !(0x03 << shift) | u64::from(u32::from(indication)) << shift;
        }
    }

    /// Bit mask of the decode targets the frame is part of.
    #[inline]
    pub fn present(self) -> u32 {
        // One bit of each pair, then the gaps between them closed in steps.
        let mut bits = (self.0 | self.0 >> 1) & 0x5555_5555_5555_5555;
        for (shift, mask) in [
            (1, 0x3333_3333_3333_3333),
            (2, 0x0f0f_0f0f_0f0f_0f0f),
            (4, 0x00ff_00ff_00ff_00ff),
            (8, 0x0000_ffff_0000_ffff),
            (16, 0x0000_0000_ffff_ffff),
        ] {
            bits = (bits | bits >> shift) & mask;
        }
        bits as u32
    }
}

impl FromIterator<Indication> for Indications {
    fn from_iter<I: IntoIterator<Item = Indication>>(indications: I) -> Self {
        let mut all = Self::default();
        for (target, indication) in (0..MAX_DECODE_TARGETS as u8).zip(indications) {
            all.set(target, indication);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn present_is_what_is_not_absent() {
        let mut random = Random(1);
        for _ in 0..1000 {
            let indications = Indications(random.next() & random.next());
            let expected = (0..32u8)
                .filter(|target| indications.get(*target) != Indication::NotPresent)
                .fold(0u32, |mask, target| mask | 1 << target);
            assert_eq!(indications.present(), expected);
        }
    }

    #[test]
    fn targets_that_do_not_exist_are_not_present() {
        let mut indications = Indications::default();
        indications.set(31, Indication::Required);
        indications.set(32, Indication::Required);
        assert_eq!(indications.present(), 1 << 31);
        assert_eq!(indications.get(32), Indication::NotPresent);
    }
}
