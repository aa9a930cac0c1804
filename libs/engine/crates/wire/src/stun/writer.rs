//! Writing checks and their answers. Every message ends in MESSAGE-INTEGRITY and FINGERPRINT.

use std::net::{IpAddr, SocketAddr};

use super::integrity::{IntegrityKey, fingerprint};
use super::response::{FAMILY_V4, FAMILY_V6, mask};
use super::{
    ATTRIBUTE_HEADER_LEN, BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, HEADER_LEN, MAGIC_COOKIE,
    TRANSACTION_ID_LEN, attribute,
};
use crate::bytes::put;

/// Our role in ICE and the tie-breaker that goes with it (RFC 8445 §16.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We nominate.
    Controlling(u64),
    /// The other side nominates.
    Controlled(u64),
}

/// A connectivity check to send.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// Fresh and unpredictable for every request.
    pub transaction_id: [u8; TRANSACTION_ID_LEN],
    /// User fragment of whom this goes to.
    pub receiver_ufrag: &'a str,
    /// Our own user fragment.
    pub sender_ufrag: &'a str,
    /// Priority of a peer-reflexive candidate learned from this check.
    pub priority: u32,
    /// Our role.
    pub role: Role,
    /// Nominate this pair.
    pub use_candidate: bool,
    /// Renomination value.
    pub nomination: Option<u32>,
}

/// One message being written at the end of a buffer.
struct MessageWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> MessageWriter<'a> {
    fn new(out: &'a mut Vec<u8>, kind: u16, transaction_id: &[u8; TRANSACTION_ID_LEN]) -> Self {
        let start = out.len();
        out.extend_from_slice(&kind.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&MAGIC_COOKIE);
        out.extend_from_slice(transaction_id);
        Self { out, start }
    }

    /// Appends an attribute whose value is given in parts.
    fn attribute(&mut self, kind: u16, parts: &[&[u8]]) {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        self.out.extend_from_slice(&kind.to_be_bytes());
        self.out.extend_from_slice(&(len as u16).to_be_bytes());
        for part in parts {
            self.out.extend_from_slice(part);
        }
        for _ in len..len.next_multiple_of(4) {
            self.out.push(0);
        }
    }

    fn finish(mut self, key: &IntegrityKey) {
        let message = self.out.get(self.start..).unwrap_or_default();
        if let Some(mac) = key.sign(message) {
            self.attribute(attribute::MESSAGE_INTEGRITY, &[&mac]);
        }
        // The fingerprint covers a length field that counts the fingerprint itself.
        let len = self.out.len() - self.start - HEADER_LEN + ATTRIBUTE_HEADER_LEN + 4;
        put(self.out, self.start + 2, &(len as u16).to_be_bytes());
        let crc = fingerprint(self.out.get(self.start..).unwrap_or_default());
        self.attribute(attribute::FINGERPRINT, &[&crc.to_be_bytes()]);
    }
}

/// Appends a binding request; `key` is made from the receiver's password.
pub fn write_binding_request(out: &mut Vec<u8>, check: &Check<'_>, key: &IntegrityKey) {
    let mut message = MessageWriter::new(out, BINDING_REQUEST, &check.transaction_id);
    let username = [
        check.receiver_ufrag.as_bytes(),
        b":",
        check.sender_ufrag.as_bytes(),
    ];
    message.attribute(attribute::USERNAME, &username);
    message.attribute(attribute::PRIORITY, &[&check.priority.to_be_bytes()]);
    match check.role {
        Role::Controlling(tie_breaker) => {
            message.attribute(attribute::ICE_CONTROLLING, &[&tie_breaker.to_be_bytes()]);
        }
        Role::Controlled(tie_breaker) => {
            message.attribute(attribute::ICE_CONTROLLED, &[&tie_breaker.to_be_bytes()]);
        }
    }
    if check.use_candidate {
        message.attribute(attribute::USE_CANDIDATE, &[]);
    }
    if let Some(nomination) = check.nomination {
        message.attribute(attribute::NOMINATION, &[&nomination.to_be_bytes()]);
    }
    message.finish(key);
}

/// Appends a success response that tells the requester its address. An IPv4-mapped IPv6 address, as a dual-stack
/// socket gives it, is told as IPv4.
pub fn write_binding_success(
    out: &mut Vec<u8>,
    transaction_id: &[u8; TRANSACTION_ID_LEN],
    mapped: SocketAddr,
    key: &IntegrityKey,
) {
    let mask = mask(transaction_id);
    let port = (mapped.port() ^ (mask >> 112) as u16).to_be_bytes();
    let mut message = MessageWriter::new(out, BINDING_SUCCESS, transaction_id);
    match mapped.ip().to_canonical() {
        IpAddr::V4(ip) => {
            let ip = (ip.to_bits() ^ (mask >> 96) as u32).to_be_bytes();
            message.attribute(attribute::XOR_MAPPED_ADDRESS, &[&[0, FAMILY_V4], &port, &ip]);
        }
        IpAddr::V6(ip) => {
            let ip = (ip.to_bits() ^ mask).to_be_bytes();
            message.attribute(attribute::XOR_MAPPED_ADDRESS, &[&[0, FAMILY_V6], &port, &ip]);
        }
    }
    message.finish(key);
}

fn error<'a>(
    out: &'a mut Vec<u8>,
    transaction_id: &[u8; TRANSACTION_ID_LEN],
    code: u16,
) -> MessageWriter<'a> {
    let reason: &[u8] = match code {
        400 => b"Bad Request",
        401 => b"Unauthenticated",
        420 => b"Unknown Attribute",
        487 => b"Role Conflict",
        _ => b"Server Error",
    };
    let mut message = MessageWriter::new(out, BINDING_ERROR, transaction_id);
    // Class and number as §14.8 has them, the class three bits wide.
    message.attribute(
        attribute::ERROR_CODE,
        &[&[0, 0, ((code / 100) & 0x07) as u8, (code % 100) as u8], reason],
    );
    message
}

/// Appends an error response, such as 400 (bad request) or 487 (role conflict).
pub fn write_binding_error(
    out: &mut Vec<u8>,
    transaction_id: &[u8; TRANSACTION_ID_LEN],
    code: u16,
    key: &IntegrityKey,
) {
    error(out, transaction_id, code).finish(key);
}

/// Appends the error response 420 with the attributes of the request that were not understood, 16 at most.
pub fn write_unknown_attributes(
    out: &mut Vec<u8>,
    transaction_id: &[u8; TRANSACTION_ID_LEN],
    unknown: impl IntoIterator<Item = u16>,
    key: &IntegrityKey,
) {
    let mut list = [0; 32];
    let mut len = 0;
    for kind in unknown.into_iter().take(16) {
        put(&mut list, len, &kind.to_be_bytes());
        len += 2;
    }
    let mut message = error(out, transaction_id, 420);
    message.attribute(
        attribute::UNKNOWN_ATTRIBUTES,
        &[list.get(..len).unwrap_or_default()],
    );
    message.finish(key);
}
