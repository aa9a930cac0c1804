//! Lists of records of one fixed length.

use std::marker::PhantomData;

use super::RtcpError;
use crate::bytes::u32_at;

/// A record of fixed length on the wire.
pub trait Record: Sized {
    /// Its length in bytes.
    const LEN: usize;

    /// Reads the record from exactly `LEN` bytes.
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl Record for u32 {
    const LEN: usize = 4;

    fn read(bytes: &[u8]) -> Option<Self> {
        u32_at(bytes, 0)
    }
}

/// Iterator over the records of a packet; it borrows the packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records<'a, T> {
    rest: &'a [u8],
    record: PhantomData<T>,
}

impl<'a, T: Record> Records<'a, T> {
    /// As many records as the packet's count field says; what follows them is left to extensions.
    pub(super) fn counted(body: &'a [u8], at: usize, count: u8) -> Result<Self, RtcpError> {
        let rest = body
            .get(at..)
            .and_then(|rest| rest.get(..usize::from(count) * T::LEN));
        Ok(Self {
            rest: rest.ok_or(RtcpError::TooShort)?,
            record: PhantomData,
        })
    }

    /// All the whole records up to the end of the packet.
    pub(super) fn rest(body: &'a [u8], at: usize) -> Result<Self, RtcpError> {
        Ok(Self {
            rest: body.get(at..).ok_or(RtcpError::TooShort)?,
            record: PhantomData,
        })
    }
}

impl<T: Record> Iterator for Records<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let (record, rest) = self.rest.split_at_checked(T::LEN)?;
        self.rest = rest;
        T::read(record)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.rest.len() / T::LEN;
        (len, Some(len))
    }
}

impl<T: Record> ExactSizeIterator for Records<'_, T> {}
