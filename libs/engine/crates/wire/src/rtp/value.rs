//! Values of the header extensions the engine itself reads or writes.

/// Client-to-mixer audio level (RFC 6464).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioLevel {
    /// The sender believes the packet contains speech.
    pub voice: bool,
    /// Level in -dBov: 0 is the loudest, 127 is silence.
    pub level: u8,
}

impl AudioLevel {
    /// Reads the extension's value; `None` when it is empty. Further bytes (the two-byte form's) are ignored.
    #[inline]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let first = *value.first()?;
        Some(Self {
            voice: first & 0x80 != 0,
            level: first & 0x7f,
        })
    }
}

/// The transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2).
#[inline]
pub fn parse_transport_sequence(value: &[u8]) -> Option<u16> {
    value.first_chunk().copied().map(u16::from_be_bytes)
}

/// The value of abs-send-time for a time in microseconds: 24 bits of seconds in 6.18 fixed point.
#[inline]
pub fn abs_send_time(micros: u64) -> [u8; 3] {
    // Seconds wrap every 64; taking them modulo 64 first keeps the shift from overflowing.
    let fixed = ((micros % 64_000_000) << 18) / 1_000_000;
    let [.., a, b, c] = fixed.to_be_bytes();
    [a, b, c]
}
