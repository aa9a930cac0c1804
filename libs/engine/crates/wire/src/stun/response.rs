//! Responses to binding requests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::message::Message;
use super::{
    BINDING_ERROR, BINDING_SUCCESS, IntegrityKey, MAGIC_COOKIE, StunError, TRANSACTION_ID_LEN, attribute,
};
use crate::bytes::array;

pub(super) const FAMILY_V4: u8 = 1;
pub(super) const FAMILY_V6: u8 = 2;

/// The answer to one of our checks. Nothing in it is to be believed before `authenticate`.
#[derive(Debug, Clone)]
pub struct BindingResponse<'a> {
    /// Of the request this answers.
    pub transaction_id: [u8; TRANSACTION_ID_LEN],
    /// Our address as the other side sees it, or its error code.
    pub outcome: Result<SocketAddr, u16>,
    message: Message<'a>,
}

impl<'a> BindingResponse<'a> {
    /// Parses a datagram and checks its FINGERPRINT.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, StunError> {
        let message = Message::parse(datagram)?;
        let find = |wanted| {
            message
                .attributes()
                .find(|(kind, _)| *kind == wanted)
                .map(|(_, value)| value)
        };
        let outcome = match message.kind {
            BINDING_SUCCESS => {
                let value = find(attribute::XOR_MAPPED_ADDRESS).ok_or(StunError::Outcome)?;
                Ok(xor_address(value, &message.transaction_id).ok_or(StunError::Attribute)?)
            }
            BINDING_ERROR => {
                let value = find(attribute::ERROR_CODE).ok_or(StunError::Outcome)?;
                let [_, _, class, number] = array(value, 0).ok_or(StunError::Attribute)?;
                Err(u16::from(class & 0x07) * 100 + u16::from(number))
            }
            _ => return Err(StunError::Type),
        };
        Ok(Self {
            transaction_id: message.transaction_id,
            outcome,
            message,
        })
    }

    /// True when the response carries a MESSAGE-INTEGRITY made with this key; compares in constant time.
    pub fn authenticate(&self, key: &IntegrityKey) -> bool {
        self.message.authenticate(key)
    }
}

/// The mask of XOR-MAPPED-ADDRESS (RFC 8489 §14.2): the magic cookie and the transaction id.
pub(super) fn mask(transaction_id: &[u8; TRANSACTION_ID_LEN]) -> u128 {
    let id = transaction_id
        .iter()
        .fold(0, |id, byte| id << 8 | u128::from(*byte));
    u128::from(u32::from_be_bytes(MAGIC_COOKIE)) << 96 | id
}

fn xor_address(value: &[u8], transaction_id: &[u8; TRANSACTION_ID_LEN]) -> Option<SocketAddr> {
    let [_, family, p0, p1] = array(value, 0)?;
    let mask = mask(transaction_id);
    let ip = match (family, value.len()) {
        (FAMILY_V4, 8) => IpAddr::V4(Ipv4Addr::from_bits(
            u32::from_be_bytes(array(value, 4)?) ^ (mask >> 96) as u32,
        )),
        (FAMILY_V6, 20) => IpAddr::V6(Ipv6Addr::from_bits(u128::from_be_bytes(array(value, 4)?) ^ mask)),
        _ => return None,
    };
    Some(SocketAddr::new(
        ip,
        u16::from_be_bytes([p0, p1]) ^ (mask >> 112) as u16,
    ))
}
