//! Checked big-endian reads and in-place writes.

/// The `N` bytes at `at`.
#[inline]
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[inline]
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

#[inline]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

#[inline]
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_be_bytes)
}

/// Copies `value` to `at`; `None`, and nothing written, where it does not fit.
#[inline]
pub(crate) fn put(out: &mut [u8], at: usize, value: &[u8]) -> Option<()> {
    out.get_mut(at..)?.get_mut(..value.len())?.copy_from_slice(value);
    Some(())
}
