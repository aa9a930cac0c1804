//! What the kernel accepts with `UDP_SEGMENT`: equal segments of which only the last may be shorter.

use super::rule::{Fault, Rule};

/// Largest payload of one message: 65535 less the IPv4 and UDP headers.
pub const LARGEST: usize = 65_507;
/// `UDP_MAX_SEGMENTS` of the oldest kernels that know the option.
pub const SEGMENTS: usize = 64;

/// Splits a run into its datagrams, or says why the kernel would refuse it.
pub fn segments(bytes: &[u8], segment: usize) -> Result<Vec<&[u8]>, Fault> {
    if segment == 0 || bytes.is_empty() || bytes.len() < segment {
        return Err(Fault::new(
            Rule::RunShape,
            format!("{} bytes in segments of {segment}", bytes.len()),
        ));
    }
    let count = bytes.len().div_ceil(segment);
    if count > 1 && (bytes.len() > LARGEST || count > SEGMENTS) {
        return Err(Fault::new(
            Rule::RunShape,
            format!("{count} segments, {} bytes", bytes.len()),
        ));
    }
    Ok(bytes.chunks(segment).collect())
}
