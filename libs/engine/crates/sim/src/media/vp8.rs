//! A VP8 encoder's output, as far as a packet engine can see it (RFC 7741 §4).

use std::ops::RangeInclusive;

use fastrand::Rng;

use super::Payload;
use crate::truth::{HEAD, TAG, Tag};

/// How the publisher writes picture ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureIdForm {
    /// Not at all.
    Absent,
    /// 7 bits.
    Short,
    /// 15 bits.
    Long,
}

/// A video track.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoSettings {
    /// Frames per second.
    pub rate: u64,
    /// Packets of a frame.
    pub packets: RangeInclusive<u8>,
    /// Payload bytes of a packet.
    pub length: RangeInclusive<usize>,
    /// Streams of the same pictures (simulcast), 1 to 3.
    pub simulcast: u8,
    /// Temporal layers, 1 to 3.
    pub layers: u8,
    /// Form of the picture ids.
    pub picture_id: PictureIdForm,
    /// First picture id.
    pub first_picture_id: u16,
    /// First sequence number; near its end, wraps come early.
    pub first_sequence: u16,
    /// First timestamp.
    pub first_timestamp: u32,
    /// Probability that a packet of padding alone follows a frame.
    pub padding_only: f64,
    /// Probability that a media packet carries RTP padding.
    pub padding: f64,
    /// Whether lost packets are resent on an RTX stream.
    pub rtx: bool,
}

impl Default for VideoSettings {
    fn default() -> Self {
        Self {
            rate: 30,
            packets: 1..=12,
            length: 200..=1_100,
            simulcast: 1,
            layers: 1,
            picture_id: PictureIdForm::Long,
            first_picture_id: 0,
            first_sequence: 1_000,
            first_timestamp: 0,
            padding_only: 0.02,
            padding: 0.02,
            rtx: true,
        }
    }
}

/// Makes tagged frames.
#[derive(Debug)]
pub struct Vp8Source {
    settings: VideoSettings,
    rng: Rng,
    frame: u32,
    base: u32,
    /// Position in the pattern of temporal layers since the last key frame.
    position: u32,
    last_base: u32,
    last_middle: u32,
}

impl Vp8Source {
    /// A source whose first frame is a key frame.
    pub fn new(settings: VideoSettings, seed: u64) -> Self {
        Self {
            settings,
            rng: Rng::with_seed(seed),
            frame: 0,
            base: 0,
            position: 0,
            last_base: 0,
            last_middle: 0,
        }
    }

    /// The payloads of the next frame.
    pub fn frame(&mut self, stream: u16, key: bool) -> Vec<Payload> {
        let key = key || self.frame == 0;
        let mut tag = self.next_tag(stream, key);
        let many = *self.settings.packets.end();
        tag.count = self.rng.u8(self.settings.packets.clone());
        if key {
            tag.count = tag.count.saturating_mul(2).clamp(1, many.max(1));
        }
        // Encoders cut a frame into parts that are equal or differ by a byte.
        let length = self.rng.usize(self.settings.length.clone()).max(HEAD + TAG);
        let shorter = self.rng.u8(0..=tag.count);
        let picture = self.settings.first_picture_id.wrapping_add(tag.frame as u16) & 0x7FFF;
        (0..tag.count)
            .map(|packet| {
                let tag = Tag { packet, ..tag };
                let descriptor = self.descriptor(&tag, picture);
                let length = length - usize::from(packet >= shorter && length > HEAD + TAG);
                Payload {
                    descriptor,
                    head: head(&tag),
                    length,
                    marker: tag.is_last(),
                    tag,
                }
            })
            .collect()
    }

    fn next_tag(&mut self, stream: u16, key: bool) -> Tag {
        let frame = self.frame;
        self.frame += 1;
        if key {
            self.position = 0;
        }
        let (tid, reference, sync) = match (self.settings.layers, self.position % 4) {
            _ if key => (0, frame, false),
            (2, 1 | 3) | (3, 2) => (1, self.last_base, true),
            (3, 1) => (2, self.last_base, true),
            (3, 3) => (2, self.last_middle, false),
            _ => (0, self.last_base, false),
        };
        self.position += 1;
        if tid == 0 {
            self.last_base = frame;
            self.base += 1;
        }
        if tid < 2 {
            self.last_middle = frame;
        }
        Tag {
            stream,
            frame,
            key,
            tid,
            sync,
            reference,
            base: self.base,
            ..Tag::default()
        }
    }

    fn descriptor(&self, tag: &Tag, picture: u16) -> Vec<u8> {
        let first = if tag.packet == 0 { 0x10 } else { 0 };
        let layered = self.settings.layers > 1;
        let id = match self.settings.picture_id {
            PictureIdForm::Absent => 0,
            PictureIdForm::Short | PictureIdForm::Long => 0x80,
        };
        let control = id | if layered { 0x60 } else { 0 };
        if control == 0 {
            return vec![first];
        }
        let mut bytes = vec![first | 0x80, control];
        match self.settings.picture_id {
            PictureIdForm::Absent => {}
            PictureIdForm::Short => bytes.push(picture as u8 & 0x7F),
            PictureIdForm::Long => bytes.extend_from_slice(&(picture | 0x8000).to_be_bytes()),
        }
        if layered {
            bytes.push(self.settings.first_picture_id.wrapping_add(tag.base as u16) as u8);
            bytes.push((tag.tid << 6) | (u8::from(tag.sync) << 5));
        }
        bytes
    }
}

/// The payload header in front of the tag: the first packet of a frame starts with the frame tag (RFC 6386 §9.1), of
/// which the engine reads the bit that tells key frames from others.
fn head(tag: &Tag) -> [u8; HEAD] {
    match (tag.packet, tag.key) {
        (0, true) => [0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xB4, 0],
        (0, false) => [0x11; HEAD],
        _ => [0xA5; HEAD],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(settings: VideoSettings, count: usize) -> Vec<Vec<Payload>> {
        let mut source = Vp8Source::new(settings, 9);
        (0..count).map(|i| source.frame(0, i == 50)).collect()
    }

    #[test]
    fn frames_are_cut_into_packets_of_nearly_one_length() {
        for frame in frames(VideoSettings::default(), 200) {
            assert!((1..=12).contains(&frame.len()));
            assert!(frame.iter().all(|p| p.length.abs_diff(frame[0].length) <= 1));
            assert_eq!(frame.iter().filter(|p| p.marker).count(), 1);
        }
    }

    #[test]
    fn the_wire_format_agrees_with_the_parser_of_the_engine() {
        for (picture_id, layers) in [
            (PictureIdForm::Absent, 1),
            (PictureIdForm::Absent, 3),
            (PictureIdForm::Short, 1),
            (PictureIdForm::Short, 2),
            (PictureIdForm::Long, 3),
        ] {
            let settings = VideoSettings {
                picture_id,
                layers,
                first_picture_id: 32_700,
                ..VideoSettings::default()
            };
            for payload in frames(settings, 100).into_iter().flatten() {
                let bytes = payload.render(&payload.tag);
                let read = rheon_engine_wire::vp8::Descriptor::parse(&bytes).expect("a VP8 payload");
                assert_eq!(read.picture_id.is_some(), picture_id != PictureIdForm::Absent);
                assert_eq!(read.tid, (layers > 1).then_some(payload.tag.tid));
                assert_eq!(read.tl0_pic_idx.is_some(), layers > 1);
                assert_eq!(read.start_of_frame, payload.tag.packet == 0);
                assert_eq!(read.key_frame, payload.tag.packet == 0 && payload.tag.key);
                assert_eq!(Tag::read(&bytes[read.len..]), Some(payload.tag));
            }
        }
    }

    #[test]
    fn temporal_layers_refer_down() {
        for layers in 1..=3 {
            let all: Vec<Tag> = frames(
                VideoSettings {
                    layers,
                    ..VideoSettings::default()
                },
                100,
            )
            .iter()
            .map(|f| f[0].tag)
            .collect();
            for tag in &all {
                let reference = all[tag.reference as usize];
                assert!(reference.frame < tag.frame || tag.key);
                assert!(reference.tid <= tag.tid && tag.tid < layers);
                assert!(!tag.sync || reference.tid == 0);
            }
        }
    }
}
