//! The system clocks, read at the edge and handed inwards as values.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds from the NTP epoch (1900) to the Unix epoch (RFC 5905 §6).
const NTP_TO_UNIX_SECONDS: u64 = 2_208_988_800;

/// Time on the monotonic clock, which all threads of the machine share.
pub fn monotonic() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a local that outlives the call. It cannot fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// The NTP timestamp (32.32 fixed point seconds since 1900) of the moment the monotonic clock showed zero.
///
/// Read once per engine: steps of the system's clock then never tear the timestamps of a stream apart.
pub fn ntp_at_monotonic_zero() -> u64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let zero = wall.saturating_sub(monotonic());
    let fraction = (u64::from(zero.subsec_nanos()) << 32) / 1_000_000_000;
    // The 32-bit seconds wrap in 2036, as NTP's do.
    (zero.as_secs().wrapping_add(NTP_TO_UNIX_SECONDS) << 32) | fraction
}
