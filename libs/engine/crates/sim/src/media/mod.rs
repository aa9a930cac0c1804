//! What simulated publishers send: tagged VP8 frames and Opus packets.

mod opus;
mod vp8;

pub use opus::{AudioSettings, OpusSource};
pub use vp8::{PictureIdForm, VideoSettings, Vp8Source};

use crate::truth::{HEAD, Tag};

/// A payload to be sent in one RTP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Payload descriptor in front of the tagged part.
    pub descriptor: Vec<u8>,
    /// First bytes of the tagged part: the codec's own header.
    pub head: [u8; HEAD],
    /// Length of the tagged part.
    pub length: usize,
    /// Marker bit.
    pub marker: bool,
    /// What it is, but for sequence number and timestamp, which the stream that sends it knows.
    pub tag: Tag,
}

impl Payload {
    /// The bytes behind the RTP header.
    pub fn render(&self, tag: &Tag) -> Vec<u8> {
        let mut bytes = self.descriptor.clone();
        tag.write(self.head, self.length, &mut bytes);
        bytes
    }
}
