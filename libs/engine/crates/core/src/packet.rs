//! A media packet as the engine keeps it: decrypted, parsed once, shared by reference.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::now::Now;

/// What a packet says about its frame where its codec numbers frames (VP8, VP9, AV1), the running number unwrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameIds {
    /// Picture id, or frame number of AV1's dependency descriptor, unwrapped.
    pub picture_id: Option<u64>,
    /// Running number of base-layer frames.
    pub tl0_pic_idx: Option<u8>,
    /// Temporal layer.
    pub tid: Option<u8>,
    /// Higher temporal layers may be entered here. VP8: at this frame, which depends on the base layer only. VP9: behind
    /// this frame, by whatever layers are above its own.
    pub layer_sync: bool,
}

/// Longest extension value passed through: colour space with HDR metadata.
const MAX_VALUE: usize = 28;

/// One header extension value, copied out of the publisher's packet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExtensionValue {
    len: u8,
    bytes: [u8; MAX_VALUE],
}

impl ExtensionValue {
    /// Take a value; one too long is not passed on.
    pub(crate) fn set(&mut self, value: &[u8]) {
        self.len = 0;
        if let Some(room) = self.bytes.get_mut(..value.len()) {
            room.copy_from_slice(value);
            self.len = value.len() as u8;
        }
    }

    pub(crate) fn get(&self) -> Option<&[u8]> {
        self.bytes
            .get(..usize::from(self.len))
            .filter(|value| !value.is_empty())
    }
}

/// Extension values that go to subscribers as they came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passthrough {
    pub(crate) audio_level: ExtensionValue,
    pub(crate) video_orientation: ExtensionValue,
    pub(crate) playout_delay: ExtensionValue,
    pub(crate) abs_capture_time: ExtensionValue,
    pub(crate) color_space: ExtensionValue,
}

impl Passthrough {
    /// Bytes of the values with a one-byte element header each, as the run planner counts them.
    pub(crate) fn size(&self) -> usize {
        [
            &self.audio_level,
            &self.video_orientation,
            &self.playout_delay,
            &self.abs_capture_time,
            &self.color_space,
        ]
        .iter()
        .filter_map(|value| value.get())
        .map(|value| value.len() + 1)
        .sum()
    }
}

/// One media packet of a layer. Immutable once shared.
#[derive(Debug, Default)]
pub struct MediaPacket {
    /// Running number within the layer, unwrapped, the same for every reader.
    pub sequence: u64,
    /// Counts breaks in the layer: sequence and time of different epochs have nothing to do with each other.
    pub epoch: u32,
    /// RTP time stamp.
    pub timestamp: u32,
    /// When it arrived.
    pub arrival: Now,
    /// Layer, lowest first.
    pub layer: u8,
    /// RTP marker bit.
    pub marker: bool,
    /// First packet of a key frame (always true for audio, which may be joined anywhere).
    pub key_frame: bool,
    /// Numbers of its frame.
    pub ids: Option<FrameIds>,
    /// The payload is RED (RFC 2198), and its primary block starts here.
    pub(crate) red_primary: Option<u16>,
    /// Dependency descriptor; empty: none came.
    pub(crate) dependency_descriptor: Vec<u8>,
    pub(crate) passthrough: Passthrough,
    pub(crate) payload: Vec<u8>,
}

impl MediaPacket {
    /// The block a RED packet was sent for, or all of the payload.
    pub(crate) fn primary(&self) -> &[u8] {
        let start = usize::from(self.red_primary.unwrap_or(0));
        self.payload.get(start..).unwrap_or_default()
    }

    /// The payload, normalised (a picture id takes 15 bits), without padding.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// Packets nobody holds any more, to be filled again: in steady state nothing is allocated.
#[derive(Debug)]
pub(crate) struct PacketPool {
    /// Packets kept for reuse, and packets waited for; the rest is freed.
    limit: usize,
    free: Vec<Arc<MediaPacket>>,
    /// Evicted while another worker still held them; looked at again in order.
    lent: VecDeque<Arc<MediaPacket>>,
}

/// What a worker's pool keeps.
const POOL_PACKETS: usize = 1024;

impl Default for PacketPool {
    fn default() -> Self {
        Self {
            limit: POOL_PACKETS,
            free: Vec::new(),
            lent: VecDeque::new(),
        }
    }
}

impl PacketPool {
    /// A pool that keeps nothing.
    pub(crate) fn discarding() -> Self {
        Self {
            limit: 0,
            ..Self::default()
        }
    }

    /// A packet to fill; its payload is empty.
    pub(crate) fn take(&mut self) -> Arc<MediaPacket> {
        // While the oldest is still held, so most likely are the others.
        if self.free.is_empty()
            && self
                .lent
                .front()
                .is_some_and(|packet| Arc::strong_count(packet) == 1)
            && let Some(packet) = self.lent.pop_front()
        {
            self.free.push(packet);
        }
        while let Some(mut packet) = self.free.pop() {
            if let Some(free) = Arc::get_mut(&mut packet) {
                free.payload.clear();
                free.passthrough = Passthrough::default();
                free.ids = None;
                free.red_primary = None;
                free.dependency_descriptor.clear();
                free.key_frame = false;
                return packet;
            }
        }
        Arc::default()
    }

    /// Give a packet back that a ring no longer needs.
    pub(crate) fn give(&mut self, packet: Arc<MediaPacket>) {
        if Arc::strong_count(&packet) == 1 {
            if self.free.len() < self.limit {
                self.free.push(packet);
            }
        } else if self.lent.len() < self.limit {
            self.lent.push_back(packet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_packet_is_filled_again() {
        let mut pool = PacketPool::default();
        let packet = pool.take();
        let address = Arc::as_ptr(&packet);
        pool.give(packet);
        assert_eq!(Arc::as_ptr(&pool.take()), address);
    }

    #[test]
    fn a_lent_packet_is_not_touched_until_it_is_back() {
        let mut pool = PacketPool::default();
        let packet = pool.take();
        let reader = Arc::clone(&packet);
        let address = Arc::as_ptr(&packet);
        pool.give(packet);
        assert_ne!(Arc::as_ptr(&pool.take()), address);
        drop(reader);
        assert_eq!(Arc::as_ptr(&pool.take()), address);
    }

    #[test]
    fn values_too_long_are_not_passed_on() {
        let mut value = ExtensionValue::default();
        value.set(&[1; 28]);
        assert_eq!(value.get(), Some(&[1; 28][..]));
        value.set(&[1; 29]);
        assert_eq!(value.get(), None);
    }
}
