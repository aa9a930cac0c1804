//! The last packets of a layer, by sequence number: what joins start from and retransmissions are served from.

use std::sync::Arc;

use crate::caps::{RING_AGE, RING_PACKETS};
use crate::now::Now;
use crate::packet::{MediaPacket, PacketPool};

/// A key frame this old or younger starts a forward without asking the publisher.
const FRESH_KEY_FRAME: std::time::Duration = std::time::Duration::from_millis(500);

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Duplicate,
    TooLate,
}

#[derive(Debug, Default)]
pub(crate) struct Ring {
    /// Slot `sequence % RING_PACKETS`. Empty until the first packet.
    slots: Vec<Option<Arc<MediaPacket>>>,
    /// Oldest number that may still be in a slot.
    oldest: u64,
    newest: Option<u64>,
    /// First packet of the last key frame, and when it arrived.
    key_frame: Option<(u64, Now)>,
}

fn slot_of(sequence: u64) -> usize {
    (sequence % RING_PACKETS as u64) as usize
}

impl Ring {
    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Keep a packet. What falls out goes to the pool. True: it is the newest so far.
    pub(crate) fn insert(
        &mut self,
        packet: &Arc<MediaPacket>,
        pool: &mut PacketPool,
    ) -> Result<bool, Refused> {
        if self.slots.is_empty() {
            self.slots.resize(RING_PACKETS, None);
            self.oldest = packet.sequence;
        }
        let sequence = packet.sequence;
        let first_kept = self
            .newest
            .map_or(sequence, |newest| newest.max(sequence))
            .saturating_sub(RING_PACKETS as u64 - 1);
        if sequence < first_kept {
            return Err(Refused::TooLate);
        }
        self.evict(first_kept, packet.arrival, pool);
        // What was let go of, even just now, may have been sent: its number is never given to another packet.
        if self.newest.is_some_and(|newest| sequence <= newest) && sequence < self.oldest {
            return Err(Refused::TooLate);
        }
        let slot = self.slots.get_mut(slot_of(sequence)).ok_or(Refused::TooLate)?;
        if slot.as_ref().is_some_and(|held| held.sequence == sequence) {
            return Err(Refused::Duplicate);
        }
        if let Some(evicted) = slot.replace(Arc::clone(packet)) {
            pool.give(evicted);
        }
        let newest = self.newest.is_none_or(|newest| sequence > newest);
        if newest {
            self.newest = Some(sequence);
        }
        if packet.key_frame && self.starts_key_frame(packet) {
            self.key_frame = Some((sequence, packet.arrival));
        }
        Ok(newest)
    }

    /// A packet that starts a key frame starts one later than the last, or is an earlier packet of that: parameter sets
    /// may take several.
    fn starts_key_frame(&self, packet: &MediaPacket) -> bool {
        self.key_frame.is_none_or(|(last, _)| {
            let same = |held: &Arc<MediaPacket>| held.timestamp == packet.timestamp;
            (packet.sequence > last) != self.get(last).is_some_and(same)
        })
    }

    /// Let go of what is below `first_kept` or too old.
    fn evict(&mut self, first_kept: u64, now: Now, pool: &mut PacketPool) {
        if first_kept.saturating_sub(self.oldest) >= RING_PACKETS as u64 {
            for slot in &mut self.slots {
                if let Some(packet) = slot.take_if(|packet| packet.sequence < first_kept) {
                    pool.give(packet);
                }
            }
            self.oldest = first_kept;
        }
        let end = self.newest.map_or(self.oldest, |newest| newest.saturating_add(1));
        while self.oldest < end.max(first_kept) {
            let oldest = self.oldest;
            let Some(slot) = self.slots.get_mut(slot_of(oldest)) else {
                return;
            };
            match slot {
                Some(packet) if packet.sequence == oldest => {
                    if oldest >= first_kept && now.since(packet.arrival) <= RING_AGE {
                        return;
                    }
                    if let Some(packet) = slot.take() {
                        pool.give(packet);
                    }
                }
                _ => {
                    // Never arrived: it may still, while the packet before it would be kept.
                    if oldest >= first_kept && !self.next_is_old(oldest, end, now) {
                        return;
                    }
                }
            }
            self.oldest = oldest.saturating_add(1);
        }
    }

    /// The first packet held after a gap is too old, so the gap is too.
    fn next_is_old(&self, gap: u64, end: u64, now: Now) -> bool {
        (gap..end)
            .find_map(|sequence| self.get(sequence))
            .is_some_and(|packet| now.since(packet.arrival) > RING_AGE)
    }

    pub(crate) fn get(&self, sequence: u64) -> Option<&Arc<MediaPacket>> {
        self.slots
            .get(slot_of(sequence))?
            .as_ref()
            .filter(|packet| packet.sequence == sequence)
    }

    /// First packet of the last key frame, if it is fresh and still held.
    pub(crate) fn fresh_key_frame(&self, now: Now) -> Option<u64> {
        let (sequence, arrival) = self.key_frame?;
        (now.since(arrival) <= FRESH_KEY_FRAME && self.get(sequence).is_some()).then_some(sequence)
    }

    /// Held packets from `start` on, in order.
    pub(crate) fn from(&self, start: u64) -> impl Iterator<Item = &Arc<MediaPacket>> {
        let end = self.newest.map_or(start, |newest| newest.saturating_add(1));
        (start.max(self.oldest)..end).filter_map(|sequence| self.get(sequence))
    }

    /// Forget the key frame: what follows belongs to another stream.
    pub(crate) fn break_stream(&mut self) {
        self.key_frame = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u64, millis: u64) -> Arc<MediaPacket> {
        Arc::new(MediaPacket {
            sequence,
            arrival: Now::from_millis(millis),
            key_frame: sequence.is_multiple_of(100),
            ..MediaPacket::default()
        })
    }

    fn held(ring: &Ring) -> usize {
        ring.slots.iter().flatten().count()
    }

    #[test]
    fn holds_512_packets() {
        let (mut ring, mut pool) = (Ring::default(), PacketPool::default());
        for sequence in 1..2000 {
            assert_eq!(ring.insert(&packet(sequence, sequence), &mut pool), Ok(true));
        }
        assert_eq!(held(&ring), RING_PACKETS);
        assert!(ring.get(1999).is_some() && ring.get(1488).is_some() && ring.get(1487).is_none());
        assert_eq!(ring.insert(&packet(1487, 2000), &mut pool), Err(Refused::TooLate));
    }

    #[test]
    fn holds_two_seconds() {
        let (mut ring, mut pool) = (Ring::default(), PacketPool::default());
        for sequence in 0..300 {
            let _ = ring.insert(&packet(sequence, sequence * 20), &mut pool);
        }
        assert_eq!(held(&ring), 101);
    }

    #[test]
    fn late_packets_fill_gaps_once() {
        let (mut ring, mut pool) = (Ring::default(), PacketPool::default());
        let _ = ring.insert(&packet(10, 0), &mut pool);
        let _ = ring.insert(&packet(13, 0), &mut pool);
        assert_eq!(ring.insert(&packet(12, 1), &mut pool), Ok(false));
        assert_eq!(ring.insert(&packet(12, 1), &mut pool), Err(Refused::Duplicate));
        assert_eq!(ring.insert(&packet(9, 1), &mut pool), Err(Refused::TooLate));
        assert_eq!(
            ring.from(10).map(|packet| packet.sequence).collect::<Vec<_>>(),
            [10, 12, 13]
        );
    }

    #[test]
    fn a_number_is_not_taken_again_once_its_packet_is_too_old() {
        for again in 10..=12 {
            let (mut ring, mut pool) = (Ring::default(), PacketPool::default());
            for sequence in 10..=12 {
                assert_eq!(ring.insert(&packet(sequence, 0), &mut pool), Ok(true));
            }
            // Nothing has come in between that would have emptied the slots.
            assert_eq!(
                ring.insert(&packet(again, 2001), &mut pool),
                Err(Refused::TooLate)
            );
            assert_eq!(
                ring.insert(&packet(again, 2002), &mut pool),
                Err(Refused::TooLate)
            );
            assert_eq!(ring.insert(&packet(13, 2003), &mut pool), Ok(true));
        }
    }

    #[test]
    fn a_jump_empties_it() {
        let (mut ring, mut pool) = (Ring::default(), PacketPool::default());
        for sequence in 0..100 {
            let _ = ring.insert(&packet(sequence, 0), &mut pool);
        }
        assert_eq!(ring.insert(&packet(1_000_000, 0), &mut pool), Ok(true));
        assert_eq!(held(&ring), 1);
        assert_eq!(ring.insert(&packet(1_000_001, 0), &mut pool), Ok(true));
    }

    #[test]
    fn a_key_frame_starts_at_the_first_of_its_packets_that_may() {
        let (mut ring, mut pool) = (Ring::default(), PacketPool::default());
        let key = |sequence, timestamp| {
            Arc::new(MediaPacket {
                sequence,
                timestamp,
                key_frame: true,
                ..MediaPacket::default()
            })
        };
        let first = |ring: &Ring| ring.fresh_key_frame(Now::default());
        for (sequence, timestamp, expected) in
            [(10, 1, 10), (11, 1, 10), (9, 1, 10), (14, 2, 14), (13, 2, 13)]
        {
            let _ = ring.insert(&key(sequence, timestamp), &mut pool);
            assert_eq!(first(&ring), Some(expected));
        }
    }

    #[test]
    fn a_key_frame_is_fresh_for_half_a_second() {
        let (mut ring, mut pool) = (Ring::default(), PacketPool::default());
        let _ = ring.insert(&packet(100, 1000), &mut pool);
        let _ = ring.insert(&packet(101, 1400), &mut pool);
        assert_eq!(ring.fresh_key_frame(Now::from_millis(1500)), Some(100));
        assert_eq!(ring.fresh_key_frame(Now::from_millis(1501)), None);
    }
}
