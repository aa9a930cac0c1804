//! Binding requests: ICE connectivity checks (RFC 8445 §7.3).

use super::message::Message;
use super::{BINDING_REQUEST, IntegrityKey, StunError, TRANSACTION_ID_LEN, attribute};
use crate::bytes::array;

/// A connectivity check, as its receiver sees it. Nothing in it is to be believed before `authenticate`.
#[derive(Debug, Clone)]
pub struct BindingRequest<'a> {
    /// To be repeated in the response.
    pub transaction_id: [u8; TRANSACTION_ID_LEN],
    /// User fragment of the receiver: ours.
    pub local_ufrag: &'a [u8],
    /// User fragment of the sender.
    pub remote_ufrag: &'a [u8],
    /// USE-CANDIDATE: the controlling side nominates this pair.
    pub use_candidate: bool,
    /// Value of a renomination: the highest wins.
    pub nomination: Option<u32>,
    /// Priority a peer-reflexive candidate learned from this check would have.
    pub priority: Option<u32>,
    /// Tie-breaker of a sender in the controlling role.
    pub controlling: Option<u64>,
    /// Tie-breaker of a sender in the controlled role.
    pub controlled: Option<u64>,
    message: Message<'a>,
}

impl<'a> BindingRequest<'a> {
    /// Parses a datagram and checks its FINGERPRINT. Of a repeated attribute the first counts (RFC 8489 §14).
    pub fn parse(datagram: &'a [u8]) -> Result<Self, StunError> {
        let message = Message::parse(datagram)?;
        if message.kind != BINDING_REQUEST {
            return Err(StunError::Type);
        }
        let mut username = None;
        let mut request = Self {
            transaction_id: message.transaction_id,
            local_ufrag: &[],
            remote_ufrag: &[],
            use_candidate: false,
            nomination: None,
            priority: None,
            controlling: None,
            controlled: None,
            message,
        };
        for (kind, value) in message.attributes() {
            match kind {
                attribute::USERNAME if username.is_none() => username = Some(value),
                attribute::USE_CANDIDATE => request.use_candidate = true,
                attribute::NOMINATION if request.nomination.is_none() => {
                    request.nomination = Some(u32::from_be_bytes(exactly(value)?));
                }
                attribute::PRIORITY if request.priority.is_none() => {
                    request.priority = Some(u32::from_be_bytes(exactly(value)?));
                }
                attribute::ICE_CONTROLLING if request.controlling.is_none() => {
                    request.controlling = Some(u64::from_be_bytes(exactly(value)?));
                }
                attribute::ICE_CONTROLLED if request.controlled.is_none() => {
                    request.controlled = Some(u64::from_be_bytes(exactly(value)?));
                }
                _ => {}
            }
        }
        let username = username.ok_or(StunError::Username)?;
        let colon = username
            .iter()
            .position(|byte| *byte == b':')
            .ok_or(StunError::Username)?;
        let (local, remote) = username.split_at_checked(colon).ok_or(StunError::Username)?;
        request.local_ufrag = local;
        request.remote_ufrag = remote.get(1..).unwrap_or_default();
        Ok(request)
    }

    /// True when the request carries a MESSAGE-INTEGRITY made with this key; compares in constant time.
    pub fn authenticate(&self, key: &IntegrityKey) -> bool {
        self.message.authenticate(key)
    }

    /// Attributes that must be understood and are not: to be answered with error 420 (RFC 8489 §6.3.1).
    pub fn unknown_attributes(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.message.attributes().map(|(kind, _)| kind).filter(|kind| {
            *kind < attribute::COMPREHENSION_OPTIONAL
                && !matches!(
                    *kind,
                    attribute::MAPPED_ADDRESS
                        | attribute::USERNAME
                        | attribute::ERROR_CODE
                        | attribute::UNKNOWN_ATTRIBUTES
                        | attribute::REALM
                        | attribute::NONCE
                        | attribute::MESSAGE_INTEGRITY_SHA256
                        | attribute::PASSWORD_ALGORITHM
                        | attribute::USERHASH
                        | attribute::XOR_MAPPED_ADDRESS
                        | attribute::PRIORITY
                        | attribute::USE_CANDIDATE
                )
        })
    }
}

fn exactly<const N: usize>(value: &[u8]) -> Result<[u8; N], StunError> {
    if value.len() == N {
        array(value, 0).ok_or(StunError::Attribute)
    } else {
        Err(StunError::Attribute)
    }
}
