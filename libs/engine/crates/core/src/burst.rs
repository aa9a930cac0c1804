//! The open burst of one video layer: packets of a frame held for at most 2 ms, so that each subscriber gets them as one run.
//!
//! Packets of a frame arrive spread over a millisecond or two; sent one by one each would cost a system call's share
//! of its own. A burst is closed by the frame's marker, by time or by size. How much padding makes its packets one
//! length is planned once for all subscribers.

use std::sync::Arc;
use std::time::Duration;

use crate::now::Now;
use crate::packet::MediaPacket;

/// Longest a packet is held.
pub(crate) const HOLD: Duration = Duration::from_millis(2);
/// Packets in a burst.
pub(crate) const MAX_BURST: usize = 32;
/// Most padding a packet gets.
pub(crate) const MAX_PADDING: usize = 32;

#[derive(Debug, Default)]
pub(crate) struct Burst {
    packets: Vec<Arc<MediaPacket>>,
    opened: Now,
}

impl Burst {
    /// Hold a packet. True: the burst is to be closed now.
    pub(crate) fn push(&mut self, now: Now, packet: Arc<MediaPacket>) -> bool {
        if self.packets.is_empty() {
            self.opened = now;
        }
        let close = packet.marker;
        self.packets.push(packet);
        close || self.packets.len() >= MAX_BURST
    }

    /// When it is to be closed at the latest.
    pub(crate) fn due(&self) -> Option<Now> {
        (!self.packets.is_empty()).then(|| self.opened + HOLD)
    }

    /// Take the packets out; give the vector back with `recycle`.
    pub(crate) fn take(&mut self) -> Vec<Arc<MediaPacket>> {
        std::mem::take(&mut self.packets)
    }

    pub(crate) fn recycle(&mut self, mut packets: Vec<Arc<MediaPacket>>) {
        packets.clear();
        if self.packets.is_empty() {
            self.packets = packets;
        }
    }
}

/// Padding bytes for each packet of a burst.
pub(crate) fn plan(packets: &[Arc<MediaPacket>]) -> [u8; MAX_BURST] {
    let size = |packet: &MediaPacket| {
        packet.payload.len() + packet.passthrough.size() + packet.dependency_descriptor.len()
    };
    let longest = packets.iter().map(|packet| size(packet)).max().unwrap_or(0);
    let mut padding = [0; MAX_BURST];
    // The last one may be shorter without ending the run early.
    let body = packets.len().saturating_sub(1);
    for (packet, padding) in packets.iter().take(body).zip(&mut padding) {
        let short = longest - size(packet);
        if short <= MAX_PADDING {
            *padding = short as u8;
        }
    }
    padding
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(len: usize, marker: bool) -> Arc<MediaPacket> {
        Arc::new(MediaPacket {
            payload: vec![0; len],
            marker,
            ..MediaPacket::default()
        })
    }

    #[test]
    fn closed_by_marker_size_or_time() {
        let mut burst = Burst::default();
        assert!(!burst.push(Now::from_millis(10), packet(1, false)));
        assert!(!burst.push(Now::from_millis(11), packet(1, false)));
        assert_eq!(burst.due(), Some(Now::from_millis(12)));
        assert!(burst.push(Now::from_millis(11), packet(1, true)));
        let packets = burst.take();
        assert_eq!((packets.len(), burst.due()), (3, None));
        burst.recycle(packets);
        let closed = (0..MAX_BURST)
            .filter(|_| burst.push(Now::default(), packet(1, false)))
            .count();
        assert_eq!(closed, 1);
    }

    #[test]
    fn padding_reaches_the_longest_and_no_further() {
        let lengths = |lengths: &[usize]| {
            let packets: Vec<_> = lengths.iter().map(|len| packet(*len, false)).collect();
            plan(&packets)[..lengths.len()].to_vec()
        };
        assert_eq!(lengths(&[1100, 1099, 1101, 700]), [1, 2, 0, 0]);
        assert_eq!(lengths(&[1100, 1067, 1068, 1099]), [0, 0, 32, 0]);
        assert_eq!(lengths(&[10]), [0]);
    }
}
