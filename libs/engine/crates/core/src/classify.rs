//! What a datagram is, by its first bytes (RFC 7983, RFC 5761 §4), and whether its size can be right.

use crate::caps::{MAX_DATAGRAM, MAX_DTLS_DATAGRAM};
use crate::counters::DropReason;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

pub(crate) fn classify(datagram: &[u8]) -> Result<Protocol, DropReason> {
    let first = *datagram.first().ok_or(DropReason::TooShort)?;
    let (protocol, shortest, longest) = match first {
        0..=3 => (Protocol::Stun, 20, MAX_DATAGRAM),
        20..=63 => (Protocol::Dtls, 13, MAX_DTLS_DATAGRAM),
        128..=191 => match datagram.get(1) {
            Some(192..=223) => (Protocol::Rtcp, 8, MAX_DATAGRAM),
            _ => (Protocol::Rtp, 12, MAX_DATAGRAM),
        },
        _ => return Err(DropReason::UnknownProtocol),
    };
    if datagram.len() < shortest {
        return Err(DropReason::TooShort);
    }
    if datagram.len() > longest {
        return Err(DropReason::TooLong);
    }
    Ok(protocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_first_byte() {
        let kind = |first: u8, second: u8| {
            let mut datagram = [0; 100];
            datagram[0] = first;
            datagram[1] = second;
            classify(&datagram)
        };
        assert_eq!(kind(0, 1), Ok(Protocol::Stun));
        assert_eq!(kind(22, 254), Ok(Protocol::Dtls));
        assert_eq!(kind(0x80, 96), Ok(Protocol::Rtp));
        assert_eq!(kind(0x80, 0x60 | 0x80), Ok(Protocol::Rtp));
        assert_eq!(kind(0x80, 200), Ok(Protocol::Rtcp));
        for first in [4, 19, 64, 127, 192, 255] {
            assert_eq!(kind(first, 0), Err(DropReason::UnknownProtocol));
        }
    }

    #[test]
    fn by_size() {
        assert_eq!(classify(&[]), Err(DropReason::TooShort));
        assert_eq!(classify(&[0; 19]), Err(DropReason::TooShort));
        assert_eq!(classify(&[22; 4096]), Ok(Protocol::Dtls));
        assert_eq!(classify(&[22; 4097]), Err(DropReason::TooLong));
        assert_eq!(classify(&[128; 1501]), Err(DropReason::TooLong));
    }
}
