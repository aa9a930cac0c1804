//! How inputs are changed: as damage on the wire would, and as somebody would who knows that formats have lengths.

use fastrand::Rng;

/// Values that are the edge of something.
const EDGES: [u8; 10] = [0, 1, 2, 0x0f, 0x10, 0x3f, 0x7f, 0x80, 0xfe, 0xff];

/// A changed copy of `input`, at most `max_len` bytes, with pieces of `other` at times.
pub fn mutate(rng: &mut Rng, input: &[u8], other: &[u8], max_len: usize) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..1 << rng.u8(0..4) {
        step(rng, &mut bytes, other);
    }
    bytes.truncate(max_len);
    bytes
}

fn step(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    if bytes.is_empty() {
        bytes.extend(other.iter().copied().chain([0]).take(rng.usize(1..64)));
        return;
    }
    let len = bytes.len();
    let at = rng.usize(0..len);
    match rng.u8(0..16) {
        0..=2 => bytes[at] ^= 1 << rng.u8(0..8),
        3 => bytes[at] = EDGES[rng.usize(0..EDGES.len())],
        4 => bytes[at] = rng.u8(..),
        5 => bytes[at] = bytes[at].wrapping_add(1),
        6 => bytes[at] = bytes[at].wrapping_sub(1),
        7 | 8 => length_field(rng, bytes, at),
        9 => bytes.truncate(at),
        10 => drop(bytes.drain(at..(at + rng.usize(1..16)).min(len))),
        11 => {
            let noise = rng.usize(1..16);
            bytes.splice(at..at, std::iter::repeat_with(|| rng.u8(..)).take(noise));
        }
        12 | 13 => {
            // A block again, right there or elsewhere.
            let block = bytes[at..(at + rng.usize(1..48)).min(len)].to_vec();
            let to = if rng.bool() { at } else { rng.usize(0..=len) };
            for _ in 0..rng.usize(1..4) {
                bytes.splice(to..to, block.iter().copied());
            }
        }
        14 => {
            // A piece of another input, in place of what is here or ahead of it.
            let from = rng.usize(0..=other.len());
            let piece = &other[from..(from + rng.usize(0..64)).min(other.len())];
            let end = if rng.bool() {
                at
            } else {
                (at + piece.len()).min(len)
            };
            bytes.splice(at..end, piece.iter().copied());
        }
        _ => {
            // Two halves of two inputs.
            bytes.truncate(at);
            bytes.extend_from_slice(&other[rng.usize(0..=other.len())..]);
        }
    }
}

/// Takes one or two bytes for a length and makes them right, nearly right, or extreme.
fn length_field(rng: &mut Rng, bytes: &mut [u8], at: usize) {
    let width = rng.usize(1..3).min(bytes.len() - at);
    let behind = bytes.len() - at - width;
    let value = match rng.u8(0..6) {
        0 => behind,
        1 => behind + 1,
        2 => behind.saturating_sub(1),
        3 => behind / 4,
        4 => rng.usize(0..=behind),
        _ => [0, 0xff, 0xffff, 0x7fff][rng.usize(0..4)],
    };
    if let Some(field) = bytes.get_mut(at..at + width) {
        field.copy_from_slice(&(value as u16).to_be_bytes()[2 - width..]);
    }
}
