//! STUN binding requests and responses as ICE uses them (RFC 8489, RFC 8445 §7): short-term credentials,
//! MESSAGE-INTEGRITY with HMAC-SHA1, and FINGERPRINT on every message.

mod integrity;
mod message;
mod request;
mod response;
mod writer;

use std::fmt;

pub use integrity::IntegrityKey;
pub use request::BindingRequest;
pub use response::BindingResponse;
pub use writer::{
    Check, Role, write_binding_error, write_binding_request, write_binding_success, write_unknown_attributes,
};

/// Length of a transaction id in bytes.
pub const TRANSACTION_ID_LEN: usize = 12;

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER_LEN: usize = 20;
const ATTRIBUTE_HEADER_LEN: usize = 4;

/// Attribute types (RFC 8489 §18.3, RFC 8445 §16.1).
mod attribute {
    pub(super) const MAPPED_ADDRESS: u16 = 0x0001;
    pub(super) const USERNAME: u16 = 0x0006;
    pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(super) const ERROR_CODE: u16 = 0x0009;
    pub(super) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub(super) const REALM: u16 = 0x0014;
    pub(super) const NONCE: u16 = 0x0015;
    pub(super) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
    pub(super) const PASSWORD_ALGORITHM: u16 = 0x001d;
    pub(super) const USERHASH: u16 = 0x001e;
    pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(super) const PRIORITY: u16 = 0x0024;
    pub(super) const USE_CANDIDATE: u16 = 0x0025;
    pub(super) const FINGERPRINT: u16 = 0x8028;
    pub(super) const ICE_CONTROLLED: u16 = 0x8029;
    pub(super) const ICE_CONTROLLING: u16 = 0x802a;
    /// Renomination (draft-thatcher-ice-renomination-01), the type browsers use.
    pub(super) const NOMINATION: u16 = 0xc001;
    /// Types from here on may be ignored when unknown.
    pub(super) const COMPREHENSION_OPTIONAL: u16 = 0x8000;
}

/// Why bytes are not the STUN message that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StunError {
    /// Not a STUN message: header, magic cookie or length are wrong.
    NotStun,
    /// A STUN message of another method or class.
    Type,
    /// An attribute leaves the message or has the wrong length.
    Attribute,
    /// FINGERPRINT is missing, not last, or wrong.
    Fingerprint,
    /// USERNAME is missing or has not the form "ufrag:ufrag".
    Username,
    /// A response says neither an address nor an error.
    Outcome,
}

impl fmt::Display for StunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotStun => "not a STUN message",
            Self::Type => "unexpected STUN message type",
            Self::Attribute => "malformed STUN attribute",
            Self::Fingerprint => "missing or wrong FINGERPRINT",
            Self::Username => "missing or malformed USERNAME",
            Self::Outcome => "STUN response without outcome",
        })
    }
}

impl std::error::Error for StunError {}

#[cfg(test)]
mod tests;
