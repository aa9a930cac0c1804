//! What one forward sent lately, so that it can be sent again as a retransmission: 24 bytes a packet, the payload stays
//! in the layer's ring.

use std::time::Duration;

use crate::now::Now;
use crate::pictures::SentIds;

/// Packets remembered: as many as the layer's ring.
const SENT_PACKETS: usize = crate::caps::RING_PACKETS;
/// Retransmissions of one packet.
const MAX_RESENDS: u8 = 3;

/// How one packet was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    /// Low 32 bits of the number it was sent under.
    output: u32,
    /// Low 32 bits of the number it has in the layer.
    input: u32,
    pub(crate) timestamp: u32,
    /// Milliseconds of the last time it was sent, wrapping.
    at_millis: u32,
    picture: u16,
    tl0: u8,
    pub(crate) layer: u8,
    /// 0: the entry is empty; else 1 and the number of resends, to which coming late counts as one.
    sends: u8,
}

/// Why a packet is not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotResent {
    Gone,
    Repeat,
}

impl Sent {
    pub(crate) fn ids(&self) -> SentIds {
        SentIds {
            picture: self.picture,
            tl0: self.tl0,
        }
    }

    /// Its number in the layer, given the newest one there.
    pub(crate) fn sequence(&self, newest: u64) -> u64 {
        newest.wrapping_sub(u64::from((newest as u32).wrapping_sub(self.input)))
    }
}

#[derive(Debug, Default)]
pub(crate) struct SentRing {
    /// Empty until the first packet.
    entries: Vec<Sent>,
    /// Highest number sent under.
    newest: u64,
}

fn millis(now: Now) -> u32 {
    (now.as_micros() / 1000) as u32
}

impl SentRing {
    pub(crate) fn insert(
        &mut self,
        output: u64,
        input: u64,
        timestamp: u32,
        layer: u8,
        ids: SentIds,
        now: Now,
    ) {
        if self.entries.is_empty() {
            self.entries.resize(SENT_PACKETS, Sent::default());
        }
        // Of a packet that comes late the gap was seen, and asked about: the first request is answered already.
        let sends = if output < self.newest { 2 } else { 1 };
        self.newest = self.newest.max(output);
        if let Some(entry) = self.entries.get_mut((output % SENT_PACKETS as u64) as usize) {
            *entry = Sent {
                output: output as u32,
                input: input as u32,
                timestamp,
                at_millis: millis(now),
                picture: ids.picture,
                tl0: ids.tl0,
                layer,
                sends,
            };
        }
    }

    /// The packet sent under this number, if it may be sent again now; the caller says so with `resent`.
    pub(crate) fn get(&self, output: u64, now: Now, rtt: Duration) -> Result<Sent, NotResent> {
        let entry = self
            .entries
            .get((output % SENT_PACKETS as u64) as usize)
            .ok_or(NotResent::Gone)?;
        if entry.sends == 0 || entry.output != output as u32 {
            return Err(NotResent::Gone);
        }
        let since = Duration::from_millis(u64::from(millis(now).wrapping_sub(entry.at_millis)));
        // The first request is always about a packet lost; from then on the answer may still be on its way.
        if entry.sends > MAX_RESENDS || (entry.sends > 1 && since < rtt) {
            return Err(NotResent::Repeat);
        }
        Ok(*entry)
    }

    pub(crate) fn resent(&mut self, output: u64, now: Now) {
        if let Some(entry) = self.entries.get_mut((output % SENT_PACKETS as u64) as usize) {
            entry.sends = entry.sends.saturating_add(1);
            entry.at_millis = millis(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(100);

    #[test]
    fn three_resends_a_round_trip_apart() {
        let mut ring = SentRing::default();
        ring.insert(70_000, 9, 1, 0, SentIds::default(), Now::from_millis(0));
        let resent: Vec<u64> = (10..1000)
            .filter(|t| {
                let now = Now::from_millis(*t);
                let may = ring.get(70_000, now, RTT).is_ok();
                if may {
                    ring.resent(70_000, now);
                }
                may
            })
            .collect();
        assert_eq!(resent, [10, 110, 210]);
    }

    #[test]
    fn a_packet_that_came_late_answers_the_request_for_it() {
        let mut ring = SentRing::default();
        for (output, millis) in [(1, 0), (3, 10), (2, 20)] {
            ring.insert(output, output, 1, 0, SentIds::default(), Now::from_millis(millis));
        }
        let asked = |output, millis| ring.get(output, Now::from_millis(millis), RTT).err();
        assert_eq!(asked(2, 25), Some(NotResent::Repeat));
        assert_eq!(asked(2, 120), None);
        assert_eq!(asked(3, 25), None);
    }

    #[test]
    fn overwritten_packets_are_gone() {
        let mut ring = SentRing::default();
        assert_eq!(ring.get(1, Now::default(), RTT).err(), Some(NotResent::Gone));
        for output in 0..600 {
            ring.insert(
                output,
                output + (1 << 33),
                0,
                0,
                SentIds::default(),
                Now::default(),
            );
        }
        assert_eq!(ring.get(1, Now::default(), RTT).err(), Some(NotResent::Gone));
        let sent = ring.get(599, Now::default(), RTT).expect("held");
        assert_eq!(sent.sequence(700 + (1 << 33)), 599 + (1 << 33));
        assert_eq!(size_of::<Sent>(), 24);
    }
}
