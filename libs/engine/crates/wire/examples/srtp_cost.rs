//! Prints what protecting and unprotecting one packet costs, per profile and packet length.
//!
//! `cargo run --release -p rheon-engine-wire --example srtp_cost`

use std::hint::black_box;
use std::time::Instant;

use rheon_engine_wire::rtp::{HeaderWriter, RtpHeader};
use rheon_engine_wire::srtp::{Profile, ReceiveContext, ReceiveStream, RtcpReplay, SendContext, SrtpError};

/// Packets per round: their plain and protected forms stay in the cache, as a burst's do.
const BATCH: u32 = 64;
const ROUNDS: u32 = 400;
const REPEATS: usize = 9;

fn main() -> Result<(), SrtpError> {
    println!(
        "{:<18} {:>6} {:>14} {:>14} {:>14}",
        "profile", "bytes", "protect ns", "unprotect ns", "RTCP pair ns"
    );
    for profile in Profile::ALL {
        for len in [150, 1100] {
            let (protect, unprotect) = rtp_cost(profile, len)?;
            let rtcp = rtcp_cost(profile, len)?;
            println!(
                "{:<18} {len:>6} {protect:>14.0} {unprotect:>14.0} {rtcp:>14.0}",
                profile.as_str()
            );
        }
    }
    Ok(())
}

fn master(profile: Profile) -> Vec<u8> {
    (0u8..).take(profile.key_len() + profile.salt_len()).collect()
}

/// Nanoseconds per packet for a duration over one repeat.
fn per_packet(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH * ROUNDS)
}

/// The least of several repeats, as noise only ever adds: (protect, unprotect).
fn rtp_cost(profile: Profile, len: usize) -> Result<(f64, f64), SrtpError> {
    let send = SendContext::new(profile, &master(profile))?;
    let receive = ReceiveContext::new(profile, &master(profile))?;
    let room = len + profile.rtp_overhead();
    let mut arena = vec![0; room * BATCH as usize];
    let (mut protect, mut unprotect) = (f64::MAX, f64::MAX);
    for _ in 0..REPEATS {
        let mut index = 0u64;
        let mut spent = [0.0, 0.0];
        let mut stream = ReceiveStream::default();
        for _ in 0..ROUNDS {
            let first = index;
            let mut header_len = 0;
            for buffer in arena.chunks_exact_mut(room) {
                let writer = HeaderWriter {
                    payload_type: 96,
                    marker: false,
                    padding: false,
                    sequence: index as u16,
                    timestamp: 3000,
                    ssrc: 1234,
                };
                header_len = writer
                    .write(buffer, [(3, &[1u8, 2][..])])
                    .map_err(|_| SrtpError::TooShort)?;
                index += 1;
            }
            let start = Instant::now();
            for (buffer, index) in arena.chunks_exact_mut(room).zip(first..) {
                send.protect_rtp(black_box(buffer), header_len, index)?;
            }
            spent[0] += per_packet(start);
            let start = Instant::now();
            for buffer in arena.chunks_exact_mut(room) {
                let header = RtpHeader::parse(buffer).map_err(|_| SrtpError::TooShort)?;
                black_box(receive.unprotect_rtp(black_box(buffer), &header, &mut stream)?);
            }
            spent[1] += per_packet(start);
        }
        protect = protect.min(spent[0]);
        unprotect = unprotect.min(spent[1]);
    }
    Ok((protect, unprotect))
}

/// Protecting and unprotecting one compound RTCP packet, together.
fn rtcp_cost(profile: Profile, len: usize) -> Result<f64, SrtpError> {
    let mut send = SendContext::new(profile, &master(profile))?;
    let receive = ReceiveContext::new(profile, &master(profile))?;
    let mut window = RtcpReplay::default();
    let mut packet = Vec::with_capacity(len + profile.rtcp_overhead());
    let mut best = f64::MAX;
    for _ in 0..REPEATS {
        let start = Instant::now();
        for _ in 0..BATCH * ROUNDS {
            packet.resize(len, 0x80);
            send.protect_rtcp(black_box(&mut packet))?;
            let plain = receive.unprotect_rtcp(black_box(&mut packet), &mut window)?;
            packet.truncate(plain);
        }
        best = best.min(per_packet(start));
    }
    Ok(best)
}
