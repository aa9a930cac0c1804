//! Writing RTP headers.

use super::extension::{ONE_BYTE, TWO_BYTE};
use super::{FIXED_HEADER_LEN, RtpError};
use crate::bytes::put;

/// A header to write: no CSRCs, extensions given beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderWriter {
    /// Payload type, 0..=127.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// P bit; the caller appends the padding itself.
    pub padding: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Media timestamp.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

/// What a set of extensions needs: the form, and the padded length of the data behind the block's own header.
fn measure<'a>(extensions: impl Iterator<Item = (u8, &'a [u8])>) -> Result<Option<(u16, usize)>, RtpError> {
    let (mut count, mut bytes, mut profile) = (0, 0, ONE_BYTE);
    for (id, value) in extensions {
        if id == 0 || value.len() > 255 {
            return Err(RtpError::Extension);
        }
        if id > 14 || value.is_empty() || value.len() > 16 {
            profile = TWO_BYTE;
        }
        count += 1;
        bytes += value.len();
    }
    if count == 0 {
        return Ok(None);
    }
    let element_header = if profile == ONE_BYTE { 1 } else { 2 };
    Ok(Some((
        profile,
        (bytes + count * element_header).next_multiple_of(4),
    )))
}

impl HeaderWriter {
    /// Length of a header that carries these extensions.
    #[inline]
    pub fn len<'a>(extensions: impl IntoIterator<Item = (u8, &'a [u8])>) -> Result<usize, RtpError> {
        Ok(FIXED_HEADER_LEN + measure(extensions.into_iter())?.map_or(0, |(_, len)| 4 + len))
    }

    /// Writes the header to the start of `out` and returns its length. Extensions are (id, value) in the order
    /// given; the two-byte form is used only when an id above 14, or a value empty or above 16 bytes, needs it.
    /// `out` is in no defined state after an error.
    #[inline]
    pub fn write<'a, E>(&self, out: &mut [u8], extensions: E) -> Result<usize, RtpError>
    where
        E: IntoIterator<Item = (u8, &'a [u8])>,
        E::IntoIter: Clone,
    {
        let extensions = extensions.into_iter();
        let block = measure(extensions.clone())?;
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [i0, i1, i2, i3] = self.ssrc.to_be_bytes();
        let first = 0x80 | (u8::from(self.padding) << 5) | (u8::from(block.is_some()) << 4);
        let second = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        put(out, 0, &[first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3]).ok_or(RtpError::NoRoom)?;
        let Some((profile, len)) = block else {
            return Ok(FIXED_HEADER_LEN);
        };
        let words = u16::try_from(len / 4).map_err(|_| RtpError::NoRoom)?;
        let [p0, p1] = profile.to_be_bytes();
        let [w0, w1] = words.to_be_bytes();
        put(out, FIXED_HEADER_LEN, &[p0, p1, w0, w1]).ok_or(RtpError::NoRoom)?;
        let start = FIXED_HEADER_LEN + 4;
        let block = out.get_mut(start..start + len).ok_or(RtpError::NoRoom)?;
        let mut at = 0;
        for (id, value) in extensions {
            if profile == ONE_BYTE {
                put(
                    block,
                    at,
                    &[(id << 4) | (value.len().wrapping_sub(1) as u8 & 0x0f)],
                )
                .ok_or(RtpError::NoRoom)?;
                at += 1;
            } else {
                put(block, at, &[id, value.len() as u8]).ok_or(RtpError::NoRoom)?;
                at += 2;
            }
            put(block, at, value).ok_or(RtpError::NoRoom)?;
            at += value.len();
        }
        block.get_mut(at..).unwrap_or_default().fill(0);
        Ok(start + len)
    }
}
