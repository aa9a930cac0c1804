//! Bytes an attacker could send.

use fastrand::Rng;
use rheon_engine_sim::peer::{Transport, published};
use rheon_engine_wire::rtcp::{self, DlrrEntry, FirEntry, ReportBlock, SenderInfo};
use rheon_engine_wire::rtp::HeaderWriter;
use rheon_engine_wire::stun::{self, IntegrityKey};

/// Random bytes.
fn noise(rng: &mut Rng, length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

/// Flips, cuts, inserts, repeats; the outcome is always another datagram.
pub fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let original = bytes.clone();
    for _ in 0..rng.usize(1..6) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.usize(0..bytes.len());
        match rng.u8(0..7) {
            0 => bytes[at] ^= 1 << rng.u8(0..8),
            1 => bytes[at] = [0, 0x7F, 0x80, 0xFF][rng.usize(0..4)],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, rng.u8(..)),
            4 => drop(bytes.remove(at)),
            5 => {
                let piece = bytes[at..(at + rng.usize(1..40)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
    }
    bytes.truncate(1_600);
    if *bytes == original {
        bytes[0] ^= 1;
    }
}

/// A binding request, right or nearly right, to a user fragment.
fn check(rng: &mut Rng, ufrag: &str, password: &str) -> Vec<u8> {
    let check = stun::Check {
        transaction_id: std::array::from_fn(|_| rng.u8(..)),
        receiver_ufrag: ufrag,
        sender_ufrag: "peer",
        priority: rng.u32(..),
        role: if rng.bool() {
            stun::Role::Controlling(rng.u64(..))
        } else {
            stun::Role::Controlled(rng.u64(..))
        },
        use_candidate: rng.bool(),
        nomination: rng.bool().then_some(rng.u32(..)),
    };
    let mut bytes = Vec::new();
    stun::write_binding_request(&mut bytes, &check, &IntegrityKey::new(password.as_bytes()));
    bytes
}

/// A datagram of somebody without any key.
pub fn datagram(rng: &mut Rng) -> Vec<u8> {
    let first = [0, 1, 3, 4, 20, 22, 63, 64, 128, 144, 191, 192, 255][rng.usize(0..13)];
    let length = match rng.u8(0..4) {
        0 => rng.usize(0..30),
        1 => rng.usize(1_400..5_000),
        _ => rng.usize(12..1_300),
    };
    let mut bytes = match rng.u8(0..5) {
        0 => check(rng, "u1", "not the password"),
        1 => rtcp(rng, 0x1000_0000, 0x2000_0000),
        _ => {
            let mut bytes = noise(rng, length);
            bytes.iter_mut().take(1).for_each(|byte| *byte = first);
            bytes
        }
    };
    if rng.bool() {
        mutate(rng, &mut bytes);
    }
    bytes
}

/// Compound RTCP with valid frames and hostile contents.
fn rtcp(rng: &mut Rng, own: u32, forwarded: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = rtcp::Writer::new(&mut bytes);
    let target = |rng: &mut Rng| match rng.u8(0..4) {
        0 => own,
        1 => rng.u32(..),
        _ => forwarded + 16 * rng.u32(0..8),
    };
    for _ in 0..rng.usize(1..5) {
        let (sender, media) = (target(rng), target(rng));
        let block = ReportBlock {
            ssrc: media,
            fraction_lost: rng.u8(..),
            cumulative_lost: rng.i32(..),
            highest_sequence: rng.u32(..),
            jitter: rng.u32(..),
            last_sender_report: rng.u32(..),
            delay_since_last: rng.u32(..),
        };
        match rng.u8(0..11) {
            0 => {
                let info = SenderInfo {
                    ntp: rng.u64(..),
                    rtp_timestamp: rng.u32(..),
                    packets: rng.u32(..),
                    octets: rng.u32(..),
                };
                writer.sender_report(sender, info, std::iter::repeat_n(block, rng.usize(0..31)));
            }
            1 => writer.receiver_report(sender, std::iter::repeat_n(block, rng.usize(0..31))),
            2 => writer.source_description(sender, "somebody else"),
            3 => writer.bye([sender, media]),
            4 => {
                let first = rng.u16(..);
                writer.nack(
                    sender,
                    media,
                    (0..rng.u16(1..400)).map(|i| first.wrapping_add(i.wrapping_mul(3))),
                );
            }
            5 => writer.pli(sender, media),
            6 => writer.fir(
                sender,
                [FirEntry {
                    ssrc: media,
                    sequence: rng.u8(..),
                }; 3],
            ),
            7 => writer.remb(sender, rng.u64(..), &[media]),
            8 => {
                let statuses: Vec<_> = (0..rng.usize(1..300))
                    .map(|_| rng.bool().then_some(rng.i16(..)))
                    .collect();
                writer.transport_feedback(sender, media, rng.u16(..), rng.i32(..), rng.u8(..), statuses);
            }
            9 => writer.extended_report_rrtr(sender, rng.u64(..)),
            _ => {
                let entry = DlrrEntry {
                    ssrc: media,
                    last_receiver_report: rng.u32(..),
                    delay_since_last: rng.u32(..),
                };
                writer.extended_report_dlrr(sender, [entry; 3]);
            }
        }
    }
    bytes
}

/// A participant that holds keys, publishes a track, and subscribes.
pub struct Insider {
    own: u32,
    sequence: u16,
}

impl Insider {
    /// `stream`: number of its declared stream.
    pub fn new(stream: u32) -> Self {
        Self {
            own: 0x1000_0000 + stream * 16,
            sequence: 1_000,
        }
    }

    /// The next datagram.
    pub fn datagram(&mut self, rng: &mut Rng, transport: &mut Transport) -> Vec<u8> {
        match rng.u8(0..10) {
            0 => {
                let settings = transport.settings();
                let mut bytes = check(rng, &settings.ufrag, &settings.password);
                if rng.bool() {
                    mutate(rng, &mut bytes);
                }
                bytes
            }
            1 => {
                let mut bytes = noise(rng, 200);
                bytes[0] = 22;
                bytes
            }
            2..=4 => {
                let mut bytes = rtcp(rng, self.own, 0x2000_0000);
                if rng.u8(0..3) == 0 {
                    mutate(rng, &mut bytes);
                }
                // What decides where it goes stays, so that it reaches the parser with a valid tag.
                bytes.resize(bytes.len().max(8), 0);
                bytes[0] = 0x80 | (bytes[0] & 0x3F);
                bytes[1] = 192 + bytes[1] % 32;
                transport.protect_rtcp(bytes)
            }
            _ => self.rtp(rng, transport),
        }
    }

    fn rtp(&mut self, rng: &mut Rng, transport: &Transport) -> Vec<u8> {
        self.sequence = match rng.u8(0..20) {
            0 => self.sequence.wrapping_add(rng.u16(..)),
            1 => self.sequence.wrapping_sub(rng.u16(0..200)),
            _ => self.sequence.wrapping_add(1),
        };
        let (ssrc, payload_type) = match rng.u8(0..10) {
            0 => (rng.u32(..), rng.u8(0..128)),
            1..=2 => (self.own + 1, 97),
            3 => (self.own + 2 + rng.u32(0..4), 96),
            _ => (self.own, 96),
        };
        let header = HeaderWriter {
            payload_type,
            marker: rng.bool(),
            padding: rng.u8(0..5) == 0,
            sequence: self.sequence,
            timestamp: rng.u32(..),
            ssrc,
        };
        let values: Vec<_> = (0..rng.usize(0..6))
            .map(|_| {
                let id = [
                    published::MID,
                    published::TRANSPORT_CC,
                    published::ORIENTATION,
                    rng.u8(1..=255),
                ][rng.usize(0..4)];
                let length = [0, 1, 2, 3, 16, 40][rng.usize(0..6)];
                (id, noise(rng, length))
            })
            .collect();
        let mut packet = vec![0; 600];
        let extensions: Vec<(u8, &[u8])> = values.iter().map(|(id, value)| (*id, value.as_slice())).collect();
        let length = header
            .write(&mut packet, extensions.iter().copied())
            .unwrap_or(12);
        packet.truncate(length);
        // Damage inside the extension block.
        if length > 16 && rng.u8(0..4) == 0 {
            let at = rng.usize(16..length);
            packet[at] = rng.u8(..);
        }
        let mut payload = match rng.u8(0..5) {
            0 => Vec::new(),
            1 => {
                let length = rng.usize(1..6);
                noise(rng, length)
            }
            _ => {
                // A VP8 descriptor and a payload header.
                let mut payload = vec![
                    rng.u8(..) | 0x90,
                    rng.u8(..),
                    rng.u8(..),
                    rng.u8(..),
                    rng.u8(..),
                    rng.u8(..),
                ];
                let length = rng.usize(0..1_000);
                payload.extend(noise(rng, length));
                payload
            }
        };
        packet.append(&mut payload);
        if header.padding && packet.len() > length {
            let last = packet.len() - 1;
            packet[last] = rng.u8(..);
        }
        transport.protect_rtp(packet, length, self.sequence.into())
    }
}
