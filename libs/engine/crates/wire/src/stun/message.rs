//! Framing: header and attributes (RFC 8489 §5, §14).

use super::integrity::fingerprint;
use super::{
    ATTRIBUTE_HEADER_LEN, HEADER_LEN, IntegrityKey, MAGIC_COOKIE, StunError, TRANSACTION_ID_LEN, attribute,
};
use crate::bytes::{array, u16_at, u32_at};

/// A message whose structure and fingerprint were checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) transaction_id: [u8; TRANSACTION_ID_LEN],
    bytes: &'a [u8],
    /// Where attributes end that count: at MESSAGE-INTEGRITY, as those behind it are to be ignored (§14.5).
    end: usize,
    integrity: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, StunError> {
        let kind = u16_at(datagram, 0).ok_or(StunError::NotStun)?;
        let len = u16_at(datagram, 2).ok_or(StunError::NotStun)?;
        let transaction_id = array(datagram, 8).ok_or(StunError::NotStun)?;
        let framed = usize::from(len) + HEADER_LEN == datagram.len() && len % 4 == 0;
        if kind >> 14 != 0 || array(datagram, 4) != Some(MAGIC_COOKIE) || !framed {
            return Err(StunError::NotStun);
        }
        let mut message = Self {
            kind,
            transaction_id,
            bytes: datagram,
            end: datagram.len(),
            integrity: None,
        };
        let mut fingerprinted = false;
        let mut attributes = Attributes {
            bytes: datagram,
            at: HEADER_LEN,
        };
        while attributes.at < datagram.len() {
            let start = attributes.at;
            let (kind, value) = attributes.next().ok_or(StunError::Attribute)?;
            match kind {
                attribute::MESSAGE_INTEGRITY if message.integrity.is_none() => {
                    message.integrity = Some(value);
                    message.end = start;
                }
                attribute::FINGERPRINT => {
                    let covered = datagram.get(..start).unwrap_or_default();
                    if value.len() != 4
                        || attributes.at != datagram.len()
                        || u32_at(value, 0) != Some(fingerprint(covered))
                    {
                        return Err(StunError::Fingerprint);
                    }
                    fingerprinted = true;
                    message.end = message.end.min(start);
                }
                _ => {}
            }
        }
        if fingerprinted {
            Ok(message)
        } else {
            Err(StunError::Fingerprint)
        }
    }

    /// The attributes that count, in order; FINGERPRINT and MESSAGE-INTEGRITY are not among them.
    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes {
            bytes: self.bytes.get(..self.end).unwrap_or_default(),
            at: HEADER_LEN,
        }
    }

    /// True when MESSAGE-INTEGRITY is there and made with this key.
    pub(super) fn authenticate(&self, key: &IntegrityKey) -> bool {
        let covered = self.bytes.get(..self.end).unwrap_or_default();
        self.integrity.is_some_and(|value| key.verify(covered, value))
    }
}

/// Iterator over (type, value). It ends where an attribute leaves the message.
#[derive(Debug, Clone)]
pub(super) struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let kind = u16_at(self.bytes, self.at)?;
        let len = usize::from(u16_at(self.bytes, self.at + 2)?);
        let start = self.at + ATTRIBUTE_HEADER_LEN;
        let next = start + len.next_multiple_of(4);
        if next > self.bytes.len() {
            return None;
        }
        self.at = next;
        Some((kind, self.bytes.get(start..start + len)?))
    }
}
