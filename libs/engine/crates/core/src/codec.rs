//! What the engine reads of each codec's payload on the way in, and rewrites of it on the way out. All that differs
//! between codecs is here, but for which temporal layers are sent (`pictures`).

use rheon_engine_wire::{av1, dependency_descriptor, h264, h265, red, vp8, vp9};

use crate::packet::{FrameIds, MediaPacket};
use crate::pictures::SentIds;

/// Codec of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// Opus (RFC 7587).
    #[default]
    Opus,
    /// G.711 µ-law (RFC 3551 §4.5.14).
    Pcmu,
    /// G.711 A-law (RFC 3551 §4.5.14).
    Pcma,
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9 (RFC 9628).
    Vp9,
    /// H.264 (RFC 6184).
    H264,
    /// H.265 (RFC 7798).
    H265,
    /// AV1 (RTP Payload Format for AV1).
    Av1,
}

/// What reading the payloads of one incoming stream has to remember.
#[derive(Debug, Default)]
pub(crate) struct PayloadReader {
    pictures: Unwrapper,
    /// Key frames bring their parameter sets: a packet without them starts none.
    parameter_sets: bool,
}

/// A payload as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawPayload<'a> {
    pub(crate) codec: Codec,
    pub(crate) bytes: &'a [u8],
    /// The bytes are RED (RFC 2198) around payloads of this type.
    pub(crate) red_around: Option<u8>,
    /// Dependency descriptor that came with it.
    pub(crate) dependency_descriptor: &'a [u8],
}

impl PayloadReader {
    /// Write the payload into the packet in the form in which rewriting never changes its size, with what it says. False:
    /// it is none of this codec.
    pub(crate) fn read(&mut self, payload: &RawPayload<'_>, packet: &mut MediaPacket) -> bool {
        self.try_read(payload, packet).is_some()
    }

    fn try_read(&mut self, payload: &RawPayload<'_>, packet: &mut MediaPacket) -> Option<()> {
        let bytes = payload.bytes;
        match payload.codec {
            Codec::Opus | Codec::Pcmu | Codec::Pcma => {
                packet.key_frame = true;
                if let Some(payload_type) = payload.red_around {
                    packet.red_primary = Some(primary_offset(bytes, payload_type)?);
                }
            }
            Codec::Vp8 => {
                let bits = picture_bits(vp8::Descriptor::parse(bytes).ok()?.picture_id_wide);
                let descriptor = vp8::normalise(bytes, &mut packet.payload).ok()?;
                packet.key_frame = descriptor.key_frame;
                let picture = descriptor.picture_id;
                packet.ids = Some(FrameIds {
                    picture_id: picture.map(|picture| self.pictures.unwrap(picture, bits)),
                    tl0_pic_idx: descriptor.tl0_pic_idx,
                    tid: descriptor.tid,
                    layer_sync: descriptor.layer_sync,
                });
                return Some(());
            }
            Codec::Vp9 => {
                let bits = picture_bits(vp9::Descriptor::parse(bytes).ok()?.picture_id_wide);
                let descriptor = vp9::normalise(bytes, &mut packet.payload).ok()?;
                packet.key_frame = descriptor.starts_key_picture();
                let picture = descriptor.picture_id;
                packet.ids = Some(FrameIds {
                    picture_id: picture.map(|picture| self.pictures.unwrap(picture, bits)),
                    tl0_pic_idx: descriptor.tl0_pic_idx,
                    tid: descriptor.layer.map(|layer| layer.tid),
                    layer_sync: descriptor.layer.is_some_and(|layer| layer.switching_up),
                });
                return Some(());
            }
            Codec::H264 => {
                let read = h264::Payload::parse(bytes).ok()?;
                packet.key_frame = self.starts_key_frame(read.key_frame, read.sps);
            }
            Codec::H265 => {
                let read = h265::Payload::parse(bytes).ok()?;
                packet.key_frame = self.starts_key_frame(read.key_frame, read.vps || read.sps);
            }
            Codec::Av1 => {
                let header = av1::AggregationHeader::parse(bytes).ok()?;
                packet.key_frame = header.new_sequence;
                let descriptor = payload.dependency_descriptor;
                if let Ok(fields) = dependency_descriptor::MandatoryFields::parse(descriptor) {
                    packet.key_frame |= fields.start_of_frame && attaches_structure(descriptor);
                    packet.dependency_descriptor.extend_from_slice(descriptor);
                    packet.ids = Some(FrameIds {
                        picture_id: Some(self.pictures.unwrap(fields.frame_number, 16)),
                        ..FrameIds::default()
                    });
                }
            }
        }
        packet.payload.extend_from_slice(bytes);
        Some(())
    }

    /// Parameter sets may come in a packet ahead of the picture they belong to, and who starts has to start there. Only
    /// where a publisher never sends any (they were negotiated) the picture itself is the start.
    fn starts_key_frame(&mut self, key_frame: bool, parameter_sets: bool) -> bool {
        self.parameter_sets |= parameter_sets;
        key_frame && (parameter_sets || !self.parameter_sets)
    }
}

/// Width of a picture id in VP8 and VP9.
fn picture_bits(wide: bool) -> u32 {
    if wide { 15 } else { 7 }
}

/// The template dependency structure comes with the first packet of a coded video sequence (AV1 payload format, A.8.1):
/// the first flag behind the mandatory fields tells.
fn attaches_structure(descriptor: &[u8]) -> bool {
    descriptor.get(3).is_some_and(|flags| flags & 0x80 != 0)
}

/// Where the primary block of a RED payload starts, all of whose blocks have this payload type.
fn primary_offset(bytes: &[u8], payload_type: u8) -> Option<u16> {
    let read = red::Payload::parse(bytes).ok()?;
    let known = read.primary.payload_type == payload_type
        && read.redundant().all(|block| block.payload_type == payload_type);
    u16::try_from(bytes.len() - read.primary.data.len())
        .ok()
        .filter(|_| known)
}

/// What is different in one subscriber's copy of a payload.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rewrite {
    /// Nothing.
    None,
    /// The codec's frame numbers.
    Ids(Codec, SentIds),
    /// The payload type of every block of a RED payload.
    Red(u8),
}

impl Rewrite {
    /// Rewrite a copy of a normalised payload in place.
    #[inline]
    pub(crate) fn payload(self, payload: &mut [u8]) {
        match self {
            Self::Ids(Codec::Vp8, sent) => vp8::patch(payload, sent.picture, sent.tl0),
            Self::Ids(Codec::Vp9, sent) => vp9::patch(payload, sent.picture, sent.tl0),
            Self::Ids(..) | Self::None => {}
            Self::Red(payload_type) => {
                let mut rest = payload;
                while let Some((first, after)) = rest.split_first_mut() {
                    let follows = *first & 0x80;
                    *first = follows | payload_type;
                    let Some(next) = after.get_mut(3..).filter(|_| follows != 0) else {
                        return;
                    };
                    rest = next;
                }
            }
        }
    }

    /// Rewrite a copy of a dependency descriptor in place.
    #[inline]
    pub(crate) fn dependency_descriptor(self, descriptor: &mut [u8]) {
        if let (Self::Ids(Codec::Av1, sent), Some(number)) = (self, descriptor.get_mut(1..3)) {
            number.copy_from_slice(&sent.picture.to_be_bytes());
        }
    }
}

/// Picture ids and frame numbers of a few bits as running numbers.
#[derive(Debug, Default)]
pub(crate) struct Unwrapper {
    highest: Option<u64>,
}

impl Unwrapper {
    /// The number nearest to the highest so far; `bits` is the width the publisher uses.
    pub(crate) fn unwrap(&mut self, number: u16, bits: u32) -> u64 {
        let size = 1u64 << bits;
        let number = u64::from(number) & (size - 1);
        let number = self.highest.map_or(size + number, |highest| {
            let ahead = number.wrapping_sub(highest) & (size - 1);
            if ahead < size / 2 {
                highest + ahead
            } else {
                highest.saturating_sub(size - ahead)
            }
        });
        self.highest = self.highest.max(Some(number));
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut PayloadReader, codec: Codec, bytes: &[u8]) -> Option<MediaPacket> {
        let mut packet = MediaPacket::default();
        let payload = RawPayload {
            codec,
            bytes,
            red_around: None,
            dependency_descriptor: &[],
        };
        reader.read(&payload, &mut packet).then_some(packet)
    }

    fn key(reader: &mut PayloadReader, codec: Codec, bytes: &[u8]) -> bool {
        read(reader, codec, bytes).expect("a payload").key_frame
    }

    #[test]
    fn numbers_of_every_width_run_on() {
        for bits in [7, 15, 16] {
            let mut unwrapper = Unwrapper::default();
            let mask = ((1u32 << bits) - 1) as u16;
            let first = unwrapper.unwrap(3, bits);
            for step in 1..100_000u64 {
                assert_eq!(unwrapper.unwrap((3 + step) as u16 & mask, bits), first + step);
            }
            assert_eq!(
                unwrapper.unwrap((3 + 99_990u64) as u16 & mask, bits),
                first + 99_990
            );
        }
    }

    #[test]
    fn h264_starts_at_its_parameter_sets_or_without_any_at_the_picture() {
        const SPS: [u8; 5] = [0x67, 0x42, 0xc0, 0x1f, 0x8c];
        const IDR: [u8; 4] = [0x65, 0xb8, 0x40, 0x02];
        let mut reader = PayloadReader::default();
        assert!(key(&mut reader, Codec::H264, &IDR));
        assert!(key(&mut reader, Codec::H264, &SPS));
        assert!(!key(&mut reader, Codec::H264, &IDR));
        assert!(!key(&mut reader, Codec::H264, &[0x61, 0xe0, 0x22]));
        assert!(read(&mut reader, Codec::H264, &[0x78]).is_none());
    }

    #[test]
    fn h265_starts_at_its_parameter_sets() {
        let mut reader = PayloadReader::default();
        let vps = [0x40, 0x01, 0x0c, 0x01];
        let idr = [0x26, 0x01, 0xaf, 0x08];
        assert!(key(&mut reader, Codec::H265, &vps));
        assert!(!key(&mut reader, Codec::H265, &idr));
    }

    #[test]
    fn vp9_key_pictures_and_ids() {
        let mut reader = PayloadReader::default();
        // I, B, E; picture 5 of 7 bits.
        let first = read(&mut reader, Codec::Vp9, &[0x8c, 5, 1, 2]).expect("VP9");
        assert!(first.key_frame);
        assert_eq!(first.payload, [0x8c, 0x80, 5, 1, 2]);
        let next = read(&mut reader, Codec::Vp9, &[0xcc, 6, 1, 2]).expect("VP9");
        assert!(!next.key_frame);
        let picture = |packet: &MediaPacket| packet.ids.and_then(|ids| ids.picture_id);
        assert_eq!(picture(&next).zip(picture(&first)).map(|(b, a)| b - a), Some(1));
        let mut copy = next.payload.clone();
        let sent = SentIds {
            picture: 0x1234,
            tl0: 0,
        };
        Rewrite::Ids(Codec::Vp9, sent).payload(&mut copy);
        assert_eq!(copy, [0xcc, 0x92, 0x34, 1, 2]);
    }

    #[test]
    fn av1_key_frames_by_the_payload_or_the_descriptor() {
        let mut reader = PayloadReader::default();
        assert!(key(&mut reader, Codec::Av1, &[0x18, 0x0a, 1]));
        assert!(!key(&mut reader, Codec::Av1, &[0x10, 0x0a, 1]));
        let mut packet = MediaPacket::default();
        let payload = RawPayload {
            codec: Codec::Av1,
            bytes: &[0x10, 0x0a, 1],
            red_around: None,
            dependency_descriptor: &[0x80, 0, 9, 0x80, 0],
        };
        assert!(reader.read(&payload, &mut packet) && packet.key_frame);
        let mut copy = packet.dependency_descriptor.clone();
        let sent = SentIds {
            picture: 0xabcd,
            tl0: 0,
        };
        Rewrite::Ids(Codec::Av1, sent).dependency_descriptor(&mut copy);
        assert_eq!(copy, [0x80, 0xab, 0xcd, 0x80, 0]);
    }

    #[test]
    fn red_shows_its_primary_and_takes_the_subscribers_payload_type() {
        let mut reader = PayloadReader::default();
        let mut packet = MediaPacket::default();
        let bytes = [0xef, 0x0f, 0x00, 2, 0x6f, 1, 2, 3, 4, 5];
        let payload = |red_around| RawPayload {
            codec: Codec::Opus,
            bytes: &bytes,
            red_around: Some(red_around),
            dependency_descriptor: &[],
        };
        assert!(!reader.read(&payload(96), &mut packet));
        assert!(reader.read(&payload(111), &mut packet));
        let primary = packet.red_primary.expect("RED");
        assert_eq!(packet.payload[usize::from(primary)..], [3, 4, 5]);
        let mut copy = packet.payload.clone();
        Rewrite::Red(99).payload(&mut copy);
        assert_eq!(copy[..8], [0xe3, 0x0f, 0x00, 2, 0x63, 1, 2, 3]);
    }

    #[test]
    fn hostile_copies_are_rewritten_without_harm() {
        for len in 0..20 {
            Rewrite::Red(1).payload(&mut vec![0xff; len]);
            let sent = SentIds { picture: 1, tl0: 1 };
            for codec in [Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264] {
                Rewrite::Ids(codec, sent).payload(&mut vec![0xff; len]);
                Rewrite::Ids(codec, sent).dependency_descriptor(&mut vec![0xff; len]);
            }
        }
    }
}
