//! Which layer each forward sends: the highest wished for that comes, and how to get there.

use super::Worker;
use crate::now::Now;
use crate::packet::MediaPacket;
use crate::timers::TimerOwner;
use crate::transport::Transport;

impl Worker {
    /// The newest packet of a layer arrived and is in its ring: layers that come or vanish change what is sent.
    pub(super) fn heard(&mut self, now: Now, slot: usize, packet: &MediaPacket) {
        let Some(source) = self.sources.get_mut(slot) else {
            return;
        };
        if !source.heard(now, packet.layer, packet.marker) {
            return;
        }
        for index in 0..source.forwards.len() {
            let Some(forward) = self
                .sources
                .get(slot)
                .and_then(|source| source.forwards.get(index))
            else {
                return;
            };
            self.choose_layer(now, *forward);
        }
    }

    /// Choose the layer of a forward, and move towards it: from the ring if that has a fresh key frame, else by asking for
    /// one while the present layer flows on.
    pub(super) fn choose_layer(&mut self, now: Now, slot: usize) {
        let Some(forward) = self.forwards.get_mut(slot) else {
            return;
        };
        let source_slot = forward.source;
        let Some(source) = self.sources.get_mut(source_slot) else {
            return;
        };
        let Some(target) = source.choose(forward.wished()).filter(|_| source.has_layers()) else {
            return;
        };
        forward.set_target(target);
        if forward.waits() {
            self.start_forward(now, slot);
            return;
        }
        if forward.pending().is_none()
            || !self
                .transports
                .get(forward.transport)
                .is_some_and(Transport::can_send)
        {
            return;
        }
        let ring = source.layer(target).map(|layer| &layer.ring);
        let fresh = ring
            .and_then(|ring| ring.get(ring.fresh_key_frame(now)?))
            .filter(|packet| forward.may_start_at(packet))
            .map(|packet| packet.sequence);
        let Some(sequence) = fresh else {
            self.want_key_frame(now, source_slot, target);
            return;
        };
        // What is held of the present layer goes out whole; the key frame may be in an open burst itself.
        for layer in 0..source.layers.len() {
            self.close_burst(now, source_slot, layer as u8);
        }
        let (Some(forward), Some(source)) = (self.forwards.get_mut(slot), self.sources.get_mut(source_slot))
        else {
            return;
        };
        if forward.pending() == Some(target) {
            forward.catch_up_from(target, sequence);
            source.catch_up_due = Some(now);
            let track = source.track;
            self.timers.arm(now, TimerOwner::Source(track), &mut source.armed);
        }
    }
}
