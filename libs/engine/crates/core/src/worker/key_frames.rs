//! Starting forwards, and asking publishers for key frames.

use std::time::Duration;

use rheon_engine_wire::rtcp;

use super::Worker;
use crate::counters::DropReason;
use crate::forward::State;
use crate::now::Now;
use crate::shared::SharedMessage;
use crate::source::Origin;
use crate::timers::TimerOwner;

/// Round trip assumed to another worker's publisher.
const REMOTE_RTT: Duration = Duration::from_millis(100);

impl Worker {
    /// A transport can send now: its forwards start.
    pub(super) fn start_forwards_of(&mut self, now: Now, transport: usize) {
        let Some(transport) = self.transports.get(transport) else {
            return;
        };
        let mut slots = std::mem::take(&mut self.scratch.slots);
        slots.clear();
        slots.extend_from_slice(&transport.forwards);
        for slot in &slots {
            self.start_forward(now, *slot);
        }
        self.scratch.slots = slots;
    }

    /// Start a forward that waits: from the ring, if that has a fresh key frame, else by asking for one.
    pub(super) fn start_forward(&mut self, now: Now, slot: usize) {
        let Some(forward) = self.forwards.get_mut(slot) else {
            return;
        };
        if !forward.waits()
            || !self
                .transports
                .get(forward.transport)
                .is_some_and(crate::transport::Transport::can_send)
        {
            return;
        }
        let (source_slot, number) = (forward.source, forward.layer);
        let Some(source) = self.sources.get_mut(source_slot) else {
            return;
        };
        if !source.is_video() {
            return;
        }
        let ring = source.layer(number).map(|layer| &layer.ring);
        let fresh = ring
            .and_then(|ring| ring.get(ring.fresh_key_frame(now)?))
            .filter(|packet| forward.may_start_at(packet));
        if let Some(packet) = fresh {
            forward.catch_up = Some(packet.sequence);
            source.catch_up_due = Some(now);
            let track = source.track;
            self.timers.arm(now, TimerOwner::Source(track), &mut source.armed);
        } else {
            self.want_key_frame(now, source_slot, number);
        }
    }

    /// A subscriber asks for a key frame.
    pub(super) fn key_frame_asked(&mut self, now: Now, slot: usize) {
        let Some(forward) = self.forwards.get_mut(slot) else {
            return;
        };
        let Some(transport) = self.transports.get(forward.transport) else {
            return;
        };
        forward.counters.key_frame_requests += 1;
        if forward.state == State::Paused {
            return;
        }
        // One is on its way to it, or it has not even started.
        let on_its_way = forward
            .key_frame_sent
            .is_some_and(|sent| now.since(sent) < transport.round_trip.typical());
        if on_its_way || forward.catch_up.is_some() {
            return;
        }
        if !forward.request_limit.allow(now) {
            self.counters.drop(DropReason::KeyFrameRequestLimit);
            return;
        }
        forward.asked = true;
        let (source, layer) = (forward.source, forward.layer);
        self.want_key_frame(now, source, layer);
    }

    /// Somebody needs a key frame of a layer; the gate decides when to ask.
    pub(super) fn want_key_frame(&mut self, now: Now, slot: usize, number: u8) {
        let rtt = self.gate_rtt(slot);
        let Some(source) = self.sources.get_mut(slot) else {
            return;
        };
        if !source.may_ask(number) {
            return;
        }
        let muted = source.muted;
        let Some(layer) = source.layer_mut(number) else {
            return;
        };
        if muted || !layer.started {
            layer.gate.want();
        } else if layer.gate.request(now, rtt) {
            self.ask_for_key_frame(slot, number);
        }
        self.arm_source(slot);
    }

    /// Gates whose time has come ask again.
    pub(super) fn run_gates(&mut self, now: Now, slot: usize) {
        let rtt = self.gate_rtt(slot);
        let Some(source) = self.sources.get_mut(slot) else {
            return;
        };
        for number in 0..source.layers.len() as u8 {
            let Some(source) = self.sources.get_mut(slot) else {
                return;
            };
            if source.muted || source.gate_due(number, rtt).is_none_or(|due| due > now) {
                continue;
            }
            let forwards = &self.forwards;
            let waited_for = source.forwards.iter().any(|forward| {
                forwards
                    .get(*forward)
                    .is_some_and(|forward| forward.needs_key_frame_of(number))
            });
            let wanted = source.may_ask(number) && (waited_for || source.wanted_elsewhere(now, number));
            let Some(layer) = source.layer_mut(number) else {
                return;
            };
            if !wanted {
                layer.gate.forget();
            } else if layer.gate.timeout(now, rtt) {
                self.ask_for_key_frame(slot, number);
            }
        }
    }

    /// Round trip to where a source's key frames come from.
    pub(super) fn gate_rtt(&self, slot: usize) -> Duration {
        match self.sources.get(slot).map(|source| source.origin) {
            Some(Origin::Local { transport }) => self
                .transports
                .get(transport)
                .map_or(REMOTE_RTT, |transport| transport.round_trip.typical()),
            _ => REMOTE_RTT,
        }
    }

    fn ask_for_key_frame(&mut self, slot: usize, layer: u8) {
        let Some(source) = self.sources.get(slot) else {
            return;
        };
        let track = source.track;
        match source.origin {
            Origin::Remote(worker) => self.post(worker, SharedMessage::KeyFrameWanted { track, layer }),
            Origin::Local { transport } => {
                let Some(transport) = self.transports.get_mut(transport) else {
                    return;
                };
                let pli = transport
                    .reception
                    .track(slot)
                    .is_some_and(|published| published.parameters.pli);
                let Some(media) = transport.reception.media_ssrc(slot, layer).filter(|_| pli) else {
                    return;
                };
                let out = &mut self.scratch.bytes;
                out.clear();
                rtcp::Writer::new(out).pli(transport.rtcp_ssrc.0, media);
                transport.send_rtcp(out, &mut self.egress, &mut self.counters);
            }
        }
    }
}
