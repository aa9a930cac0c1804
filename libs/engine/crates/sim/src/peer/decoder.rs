//! A receiver's jitter buffer and decoder, as far as sequence numbers and references between frames go.

use std::collections::{BTreeMap, HashSet};

use crate::truth::Tag;

/// A media packet that reached a subscriber, as itself or by retransmission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Received {
    /// Sequence number without wraps.
    pub sequence: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// The payload starts a frame.
    pub start: bool,
    /// VP8 picture id, 15 bits.
    pub picture: Option<u16>,
    /// VP8 TL0PICIDX.
    pub tl0: Option<u8>,
    /// VP8 temporal layer.
    pub tid: Option<u8>,
    /// What the publisher wrote.
    pub tag: Tag,
}

/// Puts frames together strictly by what a browser sees (numbers, timestamp, start bit, marker), and then checks against
/// the publisher's truth whether the decoder would have had the frame it refers to.
#[derive(Debug, Default)]
pub struct Decoder {
    packets: BTreeMap<u64, Received>,
    next: Option<u64>,
    decoded: HashSet<(u16, u32)>,
    stuck: Option<u64>,
    asked: Option<u64>,
    broken: Vec<Tag>,
    first: Option<Tag>,
    keys: u32,
    last: Option<Received>,
}

impl Decoder {
    /// How long a frame may be incomplete before a key frame is asked for: retransmissions get their chance.
    const PATIENCE: u64 = 1_000_000;
    /// How long frames of higher temporal layers are waited for while the next base frame is there.
    const SKIP_PATIENCE: u64 = 250_000;
    /// How long a key frame is waited for before the first frame.
    const START_PATIENCE: u64 = 300_000;
    /// Time between such requests.
    const REPEAT: u64 = 500_000;

    /// Frames decoded.
    pub fn decoded(&self) -> &HashSet<(u16, u32)> {
        &self.decoded
    }

    /// Frames that looked decodable to the receiver but were not: the engine hid a loss from it.
    pub fn broken(&self) -> &[Tag] {
        &self.broken
    }

    /// The first frame decoded.
    pub fn first(&self) -> Option<Tag> {
        self.first
    }

    /// Key frames decoded.
    pub fn keys(&self) -> u32 {
        self.keys
    }

    /// Takes a packet; duplicates and packets of the past change nothing.
    pub fn insert(&mut self, packet: Received) {
        if self.next.is_none_or(|next| packet.sequence >= next) {
            self.packets.insert(packet.sequence, packet);
        }
    }

    /// Decodes what is complete. True: a key frame is needed and should be asked for now.
    pub fn advance(&mut self, now: u64) -> bool {
        if self.next.is_none()
            && let Some(start) = self
                .packets
                .values()
                .find(|p| p.start && p.tag.key)
                .map(|p| p.sequence)
        {
            self.packets = self.packets.split_off(&start);
            self.next = Some(start);
        }
        while let Some(after) = self
            .next
            .and_then(|next| self.complete(next))
            .or_else(|| self.following(false))
        {
            self.decode(after);
        }
        if self.packets.is_empty() {
            self.stuck = None;
            return false;
        }
        let since = *self.stuck.get_or_insert(now);
        if now - since >= Self::SKIP_PATIENCE
            && let Some(after) = self.following(true)
        {
            self.decode(after);
            return self.advance(now);
        }
        let patience = if self.first.is_some() {
            Self::PATIENCE
        } else {
            Self::START_PATIENCE
        };
        if now - since < patience {
            return false;
        }
        let from = self.next.map_or(0, |next| next + 1);
        let key = self
            .packets
            .range(from..)
            .find(|(at, p)| p.start && p.tag.key && self.complete(**at).is_some());
        if let Some((&at, _)) = key {
            self.packets = self.packets.split_off(&at);
            self.next = Some(at);
            return self.advance(now);
        }
        if self.asked.is_some_and(|asked| now - asked < Self::REPEAT) {
            return false;
        }
        self.asked = Some(now);
        true
    }

    /// Where numbers are missing but the ids of a later frame show that nothing it refers to is missing, goes on there, as
    /// browsers do: its picture id is the next one, or (`skip`, once waiting was in vain) it is of the base layer and its
    /// TL0PICIDX is the next one. The number after that frame.
    fn following(&mut self, skip: bool) -> Option<u64> {
        let (next, last) = (self.next?, self.last?);
        let picture = last.picture.map(|picture| (picture + 1) & 0x7FFF);
        let base = last.tl0.map(|tl0| tl0.wrapping_add(1));
        let follows = |p: &Received| {
            let picture = p.picture.is_some() && p.picture == picture;
            p.start && (picture || (skip && p.tid == Some(0) && p.tl0 == base && base.is_some()))
        };
        let start = *self.packets.range(next + 1..).find(|(_, p)| follows(p))?.0;
        let after = self.complete(start)?;
        self.packets = self.packets.split_off(&start);
        Some(after)
    }

    /// The number after the frame that starts at `first`, if all of it is there.
    fn complete(&self, first: u64) -> Option<u64> {
        let start = self.packets.get(&first).filter(|p| p.start)?;
        let mut expected = first;
        for (sequence, packet) in self.packets.range(first..) {
            if *sequence != expected || packet.timestamp != start.timestamp {
                return None;
            }
            expected += 1;
            if packet.marker {
                return Some(expected);
            }
        }
        None
    }

    fn decode(&mut self, after: u64) {
        let rest = self.packets.split_off(&after);
        let frame = std::mem::replace(&mut self.packets, rest);
        self.next = Some(after);
        self.stuck = None;
        let Some(first) = frame.into_values().next() else {
            return;
        };
        let tag = first.tag;
        self.last = Some(first);
        if !tag.key && !self.decoded.contains(&(tag.stream, tag.reference)) {
            return self.broken.push(tag);
        }
        self.first.get_or_insert(tag);
        self.keys += u32::from(tag.key);
        self.decoded.insert((tag.stream, tag.frame));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of three packets; frame 0 is a key frame and each refers to the one before.
    fn packet(sequence: u64) -> Received {
        let frame = (sequence / 3) as u32;
        let tag = Tag {
            frame,
            key: frame.is_multiple_of(10),
            reference: frame.saturating_sub(1),
            ..Tag::default()
        };
        Received {
            sequence,
            timestamp: frame * 3_000,
            marker: sequence % 3 == 2,
            start: sequence.is_multiple_of(3),
            tag,
            ..Received::default()
        }
    }

    #[test]
    fn reordered_packets_make_whole_frames() {
        let mut decoder = Decoder::default();
        for sequence in [1, 0, 2, 5, 4, 3, 3] {
            decoder.insert(packet(sequence));
            assert!(!decoder.advance(0));
        }
        assert_eq!((decoder.decoded().len(), decoder.broken().len()), (2, 0));
    }

    #[test]
    fn a_missing_packet_ends_in_a_key_frame_request_and_a_jump_to_the_key_frame() {
        let mut decoder = Decoder::default();
        for sequence in (0..28).filter(|s| *s != 4) {
            decoder.insert(packet(sequence));
        }
        assert!(!decoder.advance(0));
        assert!(decoder.advance(Decoder::PATIENCE));
        assert!(!decoder.advance(Decoder::PATIENCE + 1));
        for sequence in 28..36 {
            decoder.insert(packet(sequence));
        }
        assert!(!decoder.advance(Decoder::PATIENCE + 2));
        assert_eq!((decoder.decoded().len(), decoder.broken().len()), (3, 0));
    }

    #[test]
    fn what_is_left_of_a_frame_before_the_first_key_frame_is_no_part_of_it() {
        let mut decoder = Decoder::default();
        for sequence in (28..36).filter(|s| *s != 30) {
            decoder.insert(packet(sequence));
        }
        decoder.advance(0);
        decoder.insert(packet(30));
        for sequence in 60..66 {
            decoder.insert(packet(sequence));
        }
        decoder.advance(0);
        assert_eq!((decoder.decoded().len(), decoder.broken().len()), (2, 0));
    }

    #[test]
    fn a_gap_between_frames_whose_picture_ids_follow_on_each_other_is_no_loss() {
        let with_id = |sequence: u64, picture| Received {
            picture: Some(picture),
            ..packet(sequence)
        };
        for (picture, decoded) in [(0, 2), (1, 1)] {
            let mut decoder = Decoder::default();
            for sequence in [0, 1, 2, 3, 4, 5] {
                let place = if sequence < 3 { sequence } else { sequence + 1 };
                let picture = if sequence < 3 { 0x7FFF } else { picture };
                decoder.insert(Received {
                    sequence: place,
                    ..with_id(sequence, picture)
                });
            }
            decoder.advance(0);
            assert_eq!(decoder.decoded().len(), decoded);
        }
    }

    #[test]
    fn a_hidden_loss_is_seen_as_a_broken_frame() {
        let mut decoder = Decoder::default();
        for sequence in 0..9 {
            let mut packet = packet(sequence);
            packet.tag.frame += u32::from(sequence >= 3);
            packet.tag.reference += u32::from(sequence >= 3);
            decoder.insert(packet);
        }
        decoder.advance(0);
        assert_eq!((decoder.decoded().len(), decoder.broken().len()), (1, 2));
    }
}
