//! A short list of numbers that lives where it is put.

use std::fmt;
use std::ops::Deref;

use super::DescriptorError;

/// Up to `N` values (at most 255).
#[derive(Clone, Copy)]
pub struct List<T, const N: usize> {
    values: [T; N],
    len: u8,
}

impl<T: Copy + Default, const N: usize> List<T, N> {
    /// Appends a value; an error where the list is full.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), DescriptorError> {
        let slot = self
            .values
            .get_mut(usize::from(self.len))
            .ok_or(DescriptorError::Malformed)?;
        *slot = value;
        self.len += 1;
        Ok(())
    }
}

impl<T: Copy + Default, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self {
            values: [T::default(); N],
            len: 0,
        }
    }
}

impl<T, const N: usize> Deref for List<T, N> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.values.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl<T: PartialEq, const N: usize> PartialEq for List<T, N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq, const N: usize> Eq for List<T, N> {}

impl<T: fmt::Debug, const N: usize> fmt::Debug for List<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Copy + Default, const N: usize> TryFrom<&[T]> for List<T, N> {
    type Error = DescriptorError;

    fn try_from(values: &[T]) -> Result<Self, DescriptorError> {
        let mut list = Self::default();
        values.iter().try_for_each(|value| list.push(*value))?;
        Ok(list)
    }
}
