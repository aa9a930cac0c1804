//! What the readers of codec payloads share.

use std::fmt;

/// Why bytes are not the payload of a codec, or not the header extension that describes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadError {
    /// It ends inside a header, or carries nothing behind it.
    TooShort,
    /// A field has a value its specification rules out.
    Malformed,
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "payload too short",
            Self::Malformed => "payload malformed",
        })
    }
}

impl std::error::Error for PayloadError {}

/// Reads big-endian values from the front of a payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, PayloadError> {
        let (&byte, rest) = self.rest.split_first().ok_or(PayloadError::TooShort)?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, PayloadError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(PayloadError::TooShort)?;
        self.rest = rest;
        Ok(u16::from_be_bytes(*bytes))
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], PayloadError> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(PayloadError::TooShort)?;
        self.rest = rest;
        Ok(bytes)
    }
}
