//! A track's two ends on different workers: attaching, packets one way, wishes the other.

use std::sync::Arc;
use std::time::Duration;

use super::Worker;
use crate::caps::{MAX_EARLY_READERS, MAX_SHARED};
use crate::counters::DropReason;
use crate::ids::{TrackId, WorkerId};
use crate::now::Now;
use crate::packet::{MediaPacket, PacketPool};
use crate::shared::SharedMessage;
use crate::source::Origin;
use crate::timers::TimerOwner;

/// A reader waits this long for its track.
const EARLY: Duration = Duration::from_secs(1);

impl Worker {
    /// Queue a message for another worker. Media is dropped when the queue is full.
    pub(super) fn post(&mut self, to: WorkerId, message: SharedMessage) {
        if message.is_media() && self.outbox.len() >= MAX_SHARED {
            self.counters.drop(DropReason::SharedFull);
            return;
        }
        self.outbox.push_back((to, message));
    }

    /// Give a packet to the workers that read its track.
    pub(super) fn share(&mut self, slot: usize, packet: &Arc<MediaPacket>) {
        let Some(source) = self.sources.get(slot) else {
            return;
        };
        for worker in &source.readers {
            if self.outbox.len() >= MAX_SHARED {
                self.counters.drop(DropReason::SharedFull);
                continue;
            }
            self.outbox.push_back((
                *worker,
                SharedMessage::Packet {
                    track: source.track,
                    packet: Arc::clone(packet),
                },
            ));
        }
    }

    pub(super) fn receive_shared(&mut self, now: Now, from: WorkerId, message: SharedMessage) {
        match message {
            SharedMessage::Attach { track } => self.attach(now, from, track),
            SharedMessage::Detach { track } => {
                self.early_readers
                    .retain(|(early, reader, _)| (*early, *reader) != (track, from));
                if let Some(source) = self
                    .sources
                    .slot(track)
                    .and_then(|slot| self.sources.get_mut(slot))
                {
                    source.readers.retain(|reader| *reader != from);
                }
            }
            SharedMessage::KeyFrameWanted { track, layer } => {
                let slot = self.sources.slot(track);
                let read = slot
                    .and_then(|slot| self.sources.get(slot))
                    .is_some_and(|source| source.readers.contains(&from));
                if let (Some(slot), true) = (slot, read) {
                    if let Some(layer) = self.sources.get_mut(slot).and_then(|it| it.layer_mut(layer)) {
                        layer.wanted_elsewhere = Some(now);
                    }
                    self.want_key_frame(now, slot, layer);
                }
            }
            SharedMessage::Loss { track, fraction } => {
                if let Some(source) = self
                    .sources
                    .slot(track)
                    .and_then(|slot| self.sources.get_mut(slot))
                {
                    source.loss_reported(fraction, now);
                }
            }
            SharedMessage::Described {
                track,
                description,
                recent,
            } => {
                let Some(slot) = self.source_from(from, track) else {
                    return;
                };
                if let Some(source) = self.sources.get_mut(slot) {
                    source.describe(description);
                    for packet in recent {
                        if let Some(layer) = source.layer_mut(packet.layer) {
                            layer.epoch = packet.epoch;
                            let _ = layer.ring.insert(&packet, &mut PacketPool::discarding());
                            source.heard(now, packet.layer, false);
                        }
                    }
                }
                self.start_forwards_from(now, slot);
            }
            SharedMessage::Ended { track } => {
                if self.source_from(from, track).is_some() {
                    self.remove_source(now, track);
                }
            }
            SharedMessage::Packet { track, packet } => self.shared_packet(now, from, track, packet),
            SharedMessage::SenderReport { track, layer, report } => {
                let source = self
                    .source_from(from, track)
                    .and_then(|slot| self.sources.get_mut(slot));
                if let Some(layer) = source.and_then(|source| source.layer_mut(layer)) {
                    layer.clock = Some(report);
                }
            }
        }
    }

    /// Slot of a source read from this worker.
    fn source_from(&self, from: WorkerId, track: TrackId) -> Option<usize> {
        let slot = self.sources.slot(track)?;
        (self.sources.get(slot)?.origin == Origin::Remote(from)).then_some(slot)
    }

    /// Another worker reads a track of ours from now on.
    fn attach(&mut self, now: Now, from: WorkerId, track: TrackId) {
        let slot = self.sources.slot(track);
        let source = slot.and_then(|slot| self.sources.get_mut(slot));
        let Some((source, description)) = source.and_then(|source| {
            let description = source.description.clone()?;
            matches!(source.origin, Origin::Local { .. }).then_some((source, description))
        }) else {
            self.attach_early(now, from, track);
            return;
        };
        if source.readers.contains(&from) {
            return;
        }
        source.readers.push(from);
        let video = source.layers.iter().filter(|_| source.is_video());
        let recent = video
            .filter_map(|layer| Some(layer.ring.from(layer.ring.fresh_key_frame(now)?)))
            .flatten()
            .map(Arc::clone)
            .collect();
        self.outbox.push_back((
            from,
            SharedMessage::Described {
                track,
                description,
                recent,
            },
        ));
        for (layer, number) in source.layers.iter().zip(0u8..) {
            if let Some(report) = layer.clock {
                self.outbox.push_back((
                    from,
                    SharedMessage::SenderReport {
                        track,
                        layer: number,
                        report,
                    },
                ));
            }
        }
    }

    /// The command that adds the track may still be on its way: the reader's message took another queue.
    fn attach_early(&mut self, now: Now, from: WorkerId, track: TrackId) {
        if self.early_readers.len() >= MAX_EARLY_READERS {
            self.post(from, SharedMessage::Ended { track });
            return;
        }
        self.early_readers.push((track, from, now));
        self.timers.once(now + EARLY, TimerOwner::EarlyReader(track));
    }

    /// A track is there now: who attached early reads it.
    pub(super) fn attach_early_readers(&mut self, now: Now, track: TrackId) {
        while let Some(at) = self.early_readers.iter().position(|(early, ..)| *early == track) {
            let (_, from, _) = self.early_readers.swap_remove(at);
            self.attach(now, from, track);
        }
    }

    /// Readers that waited long enough for a track learn that there is none.
    pub(super) fn give_up_early_readers(&mut self, now: Now, track: TrackId) {
        let waited =
            |(early, _, since): &(TrackId, WorkerId, Now)| *early == track && now.since(*since) >= EARLY;
        while let Some(at) = self.early_readers.iter().position(waited) {
            let (_, from, _) = self.early_readers.swap_remove(at);
            self.post(from, SharedMessage::Ended { track });
        }
    }

    fn shared_packet(&mut self, now: Now, from: WorkerId, track: TrackId, packet: Arc<MediaPacket>) {
        let Some(slot) = self.source_from(from, track) else {
            return;
        };
        let Some(source) = self.sources.get_mut(slot) else {
            return;
        };
        let video = source.is_video();
        let Some(layer) = source.layer_mut(packet.layer) else {
            return;
        };
        if packet.epoch != layer.epoch {
            layer.break_stream(packet.epoch);
        }
        layer.started = true;
        // Buffers go back to the worker that filled them, by being let go of.
        let Ok(newest) = layer.ring.insert(&packet, &mut PacketPool::discarding()) else {
            self.counters.drop(DropReason::Duplicate);
            return;
        };
        if video && packet.key_frame {
            layer.key_frames += 1;
            layer.gate.answered();
        }
        if newest {
            self.heard(now, slot, &packet);
        }
        self.distribute(now, slot, packet, newest);
    }

    fn start_forwards_from(&mut self, now: Now, slot: usize) {
        let forwards = self
            .sources
            .get(slot)
            .map(|source| source.forwards.clone())
            .unwrap_or_default();
        for forward in forwards {
            self.choose_layer(now, forward);
            self.start_forward(now, forward);
        }
    }
}
