//! From a source to its subscribers: bursts, catching up from the ring, one packet written for one forward.
//!
//! A subscriber's part of the work is contained: a panic in it closes the subscriber and not the publisher.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::Worker;
use crate::burst::{MAX_BURST, plan};
use crate::counters::Counters;
use crate::egress::Egress;
use crate::forward::{Forward, Sending, State};
use crate::now::Now;
use crate::packet::MediaPacket;
use crate::source::SenderClock;
use crate::timers::TimerOwner;
use crate::transport::{Outgoing, Transport};

/// A forward that starts from the ring gets this many packets ...
const CATCH_UP_PACKETS: usize = 16;
/// ... this often: 30 Mbit/s of full packets.
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(5);
/// Sender reports: this often, jittered (RFC 3550 §6.2 allows what 5 % of the bandwidth pays for).
pub(super) const SENDER_REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Where one forward's packets are written to.
struct Output<'a> {
    now: Now,
    egress: &'a mut Egress,
    counters: &'a mut Counters,
    rtcp: &'a mut Vec<u8>,
}

impl Worker {
    /// Send what a burst holds.
    pub(super) fn close_burst(&mut self, now: Now, slot: usize, layer: u8) {
        let Some(held) = self
            .sources
            .get_mut(slot)
            .and_then(|source| source.layer_mut(layer))
        else {
            return;
        };
        let packets = held.burst.take();
        self.fan_out(now, slot, &packets, false);
        if let Some(held) = self
            .sources
            .get_mut(slot)
            .and_then(|source| source.layer_mut(layer))
        {
            held.burst.recycle(packets);
        }
    }

    /// Send packets of one layer, at most a burst, to every forward that takes them. `late`: newer ones went before.
    pub(super) fn fan_out(&mut self, now: Now, slot: usize, packets: &[Arc<MediaPacket>], late: bool) {
        let Some(source) = self.sources.get_mut(slot) else {
            return;
        };
        let (Some(first), Some(description)) = (packets.first(), source.description.clone()) else {
            return;
        };
        let number = first.layer;
        let clock = source.layer(number).and_then(|layer| layer.clock);
        let padding = if packets.len() > 1 {
            plan(packets)
        } else {
            [0; MAX_BURST]
        };
        let video = source.is_video();
        let track = Sending {
            description: &description,
            layers: &source.layers,
        };
        let mut waiting = false;
        for forward_slot in &source.forwards {
            let Some(forward) = self.forwards.get_mut(*forward_slot) else {
                continue;
            };
            if !forward.takes(number) {
                continue;
            }
            let Some(transport) = self.transports.get_mut(forward.transport) else {
                continue;
            };
            if !transport.can_send() {
                continue;
            }
            let starts = forward.waits() || forward.pending() == Some(number);
            if late && video && starts && forward.may_start_at(first) {
                // What follows the key frame has gone by already: both come from the ring.
                forward.catch_up_from(number, first.sequence);
                source.catch_up_due = Some(now);
                continue;
            }
            let output = Output {
                now,
                egress: &mut self.egress,
                counters: &mut self.counters,
                rtcp: &mut self.scratch.bytes,
            };
            #[cfg(test)]
            let sabotaged = self.sabotaged == Some(transport.id);
            let sent = catch_unwind(AssertUnwindSafe(|| {
                #[cfg(test)]
                assert!(!sabotaged, "sabotaged transport");
                send_all(forward, transport, packets, &padding, &track, clock, output)
            }));
            match sent {
                Ok(sent) => waiting |= video && !sent && forward.needs_key_frame_of(number),
                Err(_) => self.failed.push(transport.id),
            }
            if transport.sender_reports_due.is_none() && forward.state == State::Flowing {
                let due = now + SENDER_REPORT_INTERVAL;
                transport.sender_reports_due = Some(due);
                self.timers
                    .arm(due, TimerOwner::Transport(transport.id), &mut transport.armed);
            }
        }
        if let Some(due) = source.catch_up_due {
            self.timers
                .arm(due, TimerOwner::Source(source.track), &mut source.armed);
        }
        if waiting {
            self.want_key_frame(now, slot, number);
        }
    }

    /// Serve the forwards of a source that catch up from its rings.
    pub(super) fn catch_up(&mut self, now: Now, slot: usize) {
        // A ring also holds what open bursts hold: those go first, so that nothing is sent twice.
        for layer in 0..self.sources.get(slot).map_or(0, |source| source.layers.len()) {
            self.close_burst(now, slot, layer as u8);
        }
        let Some(source) = self.sources.get_mut(slot) else {
            return;
        };
        source.catch_up_due = None;
        let Some(description) = source.description.clone() else {
            return;
        };
        let track = Sending {
            description: &description,
            layers: &source.layers,
        };
        let mut unfinished = false;
        for forward_slot in &source.forwards {
            let Some(forward) = self.forwards.get_mut(*forward_slot) else {
                continue;
            };
            let Some(start) = forward.catch_up else { continue };
            let Some(transport) = self.transports.get_mut(forward.transport) else {
                continue;
            };
            let output = Output {
                now,
                egress: &mut self.egress,
                counters: &mut self.counters,
                rtcp: &mut self.scratch.bytes,
            };
            let done = catch_unwind(AssertUnwindSafe(|| {
                send_from_ring(forward, transport, &track, start, output)
            }));
            match done {
                Ok(done) => unfinished |= !done,
                Err(_) => self.failed.push(transport.id),
            }
            if transport.sender_reports_due.is_none() {
                let due = now + SENDER_REPORT_INTERVAL;
                transport.sender_reports_due = Some(due);
                self.timers
                    .arm(due, TimerOwner::Transport(transport.id), &mut transport.armed);
            }
        }
        if unfinished {
            source.catch_up_due = Some(now + CATCH_UP_INTERVAL);
        }
    }
}

/// Send a few packets of the ring from `start` on. True: the newest is sent, the forward goes on with live ones.
fn send_from_ring(
    forward: &mut Forward,
    transport: &mut Transport,
    track: &Sending<'_>,
    start: u64,
    mut output: Output<'_>,
) -> bool {
    let Some(layer) = track.layers.get(usize::from(forward.layer)) else {
        return true;
    };
    let mut packets = layer.ring.from(start);
    for packet in packets.by_ref().take(CATCH_UP_PACKETS) {
        send(forward, transport, packet, 0, track, layer.clock, &mut output);
        forward.catch_up = Some(packet.sequence.saturating_add(1));
    }
    let done = packets.next().is_none();
    if done {
        forward.catch_up = None;
    }
    done
}

/// Send live packets to one forward. True: at least one was sent.
fn send_all(
    forward: &mut Forward,
    transport: &mut Transport,
    packets: &[Arc<MediaPacket>],
    padding: &[u8; MAX_BURST],
    track: &Sending<'_>,
    clock: Option<SenderClock>,
    mut output: Output<'_>,
) -> bool {
    let mut sent = false;
    for (packet, padding) in packets.iter().zip(padding) {
        if !forward.caught_up_later(packet) {
            let padding = if forward.parameters.padding { *padding } else { 0 };
            sent |= send(forward, transport, packet, padding, track, clock, &mut output);
        }
    }
    sent
}

/// Write one packet for one forward, with a sender report beside the first one. False: it is not for this forward now.
fn send(
    forward: &mut Forward,
    transport: &mut Transport,
    packet: &MediaPacket,
    padding: u8,
    track: &Sending<'_>,
    clock: Option<SenderClock>,
    output: &mut Output<'_>,
) -> bool {
    let Some(placed) = forward.place(packet, track) else {
        return false;
    };
    let description = track.description;
    let parameters = &forward.parameters;
    let outgoing = Outgoing {
        payload_type: forward.payload_type(packet),
        marker: packet.marker,
        index: placed.index,
        timestamp: placed.timestamp,
        ssrc: parameters.ssrc,
        extensions: &parameters.extensions,
        mid: &parameters.mid,
        passthrough: &packet.passthrough,
        original: None,
        payload: forward.body(packet),
        dependency_descriptor: &packet.dependency_descriptor,
        rewrite: forward.rewrite(description.codec, packet, placed.ids),
        padding,
    };
    if !transport.send_media(output.now, &outgoing, output.egress, output.counters) {
        return false;
    }
    forward.wrote(packet, &placed, output.now);
    if !forward.reported
        && let Some(clock) = clock
    {
        output.rtcp.clear();
        if super::reports::write_sender_report(output.rtcp, forward, description, clock, output.now) {
            transport.send_rtcp(output.rtcp, output.egress, output.counters);
        }
    }
    true
}
