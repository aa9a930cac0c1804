//! The truth a simulated publisher writes into every media payload, so that whoever sees a packet later can tell
//! which packet of which frame it is and whether a byte of it changed.

/// Bytes in front of the tag: room for the codec's own payload header.
pub const HEAD: usize = 10;
/// Bytes of an encoded tag.
pub const TAG: usize = 32;
const MAGIC: u16 = 0x5EED;

/// What a packet is, as its publisher knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tag {
    /// The RTP stream it was sent on: changes when a publisher takes a new SSRC.
    pub stream: u16,
    /// Number of the frame in its track, never repeated.
    pub frame: u32,
    /// Index of the packet in the frame.
    pub packet: u8,
    /// Packets of the frame.
    pub count: u8,
    /// A key frame.
    pub key: bool,
    /// Temporal layer.
    pub tid: u8,
    /// The frame refers to the base layer only, so that a receiver may move up here.
    pub sync: bool,
    /// The frame this one refers to (itself for a key frame).
    pub reference: u32,
    /// Base-layer frames up to and including this one.
    pub base: u32,
    /// The publisher's RTP sequence number without wraps (the SRTP index).
    pub sequence: u32,
    /// The publisher's RTP timestamp.
    pub timestamp: u32,
}

impl Tag {
    /// Appends codec head, tag and fill: `length` bytes in all, at least `HEAD + TAG`.
    pub fn write(&self, head: [u8; HEAD], length: usize, out: &mut Vec<u8>) {
        let length = length.max(HEAD + TAG);
        out.extend_from_slice(&head);
        out.extend_from_slice(&MAGIC.to_be_bytes());
        out.extend_from_slice(&self.stream.to_be_bytes());
        out.extend_from_slice(&self.frame.to_be_bytes());
        out.extend_from_slice(&[self.packet, self.count]);
        out.push(u8::from(self.key) | (u8::from(self.sync) << 1) | (self.tid << 2));
        out.push(0);
        for field in [self.reference, self.base, self.sequence, self.timestamp] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        out.extend_from_slice(&(length as u16).to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        let seed = self.fill();
        out.extend((HEAD + TAG..length).map(|i| seed.wrapping_add(i as u8)));
    }

    /// Reads a tag back from a payload without its RTP payload descriptor; `None` if any byte after the head differs
    /// from what `write` made.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let tag = payload.get(HEAD..HEAD + TAG)?;
        let half = |at: usize| u16::from_be_bytes([tag[at], tag[at + 1]]);
        let word = |at: usize| u32::from_be_bytes([tag[at], tag[at + 1], tag[at + 2], tag[at + 3]]);
        let flags = tag[10];
        let read = Self {
            stream: half(2),
            frame: word(4),
            packet: tag[8],
            count: tag[9],
            key: flags & 1 != 0,
            sync: flags & 2 != 0,
            tid: flags >> 2,
            reference: word(12),
            base: word(16),
            sequence: word(20),
            timestamp: word(24),
        };
        let seed = read.fill();
        let filled = payload
            .iter()
            .enumerate()
            .skip(HEAD + TAG)
            .all(|(i, b)| *b == seed.wrapping_add(i as u8));
        (half(0) == MAGIC && half(28) as usize == payload.len() && filled).then_some(read)
    }

    /// The last packet of its frame.
    pub fn is_last(&self) -> bool {
        self.packet + 1 == self.count
    }

    fn fill(&self) -> u8 {
        (self.sequence as u8)
            .wrapping_mul(31)
            .wrapping_add(self.stream as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_back_and_any_changed_byte_is_noticed() {
        let tag = Tag {
            stream: 3,
            frame: 70_000,
            packet: 2,
            count: 5,
            key: true,
            tid: 1,
            sync: true,
            reference: 9,
            base: 4,
            sequence: 80_000,
            timestamp: 7,
        };
        let mut payload = Vec::new();
        tag.write([0; HEAD], 200, &mut payload);
        assert_eq!((payload.len(), Tag::read(&payload)), (200, Some(tag)));
        for at in HEAD + TAG..200 {
            let mut altered = payload.clone();
            altered[at] ^= 1;
            assert_eq!(Tag::read(&altered), None);
        }
        assert_eq!(Tag::read(&payload[..199]), None);
        payload.push(0);
        assert_eq!(Tag::read(&payload), None);
    }
}
