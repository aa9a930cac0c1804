//! What is due: one timer per transport and one per source, each of which does all that has become due of its owner.

use std::time::Duration;

use super::Worker;
use crate::event::Event;
use crate::ids::{TrackId, TransportId};
use crate::now::Now;
use crate::timers::TimerOwner;

/// What is still due after its work was done waits this long: no owner can keep the loop busy.
const AGAIN: Duration = Duration::from_micros(100);

impl Worker {
    pub(super) fn run_timers(&mut self, now: Now) {
        while let Some((at, owner)) = self.timers.pop_due(now) {
            match owner {
                TimerOwner::Transport(id) => self.transport_timer(now, at, id),
                TimerOwner::Source(id) => self.source_timer(now, at, id),
                TimerOwner::EarlyReader(track) => self.give_up_early_readers(now, track),
            }
        }
    }

    fn transport_timer(&mut self, now: Now, at: Now, id: TransportId) {
        let Some(slot) = self.transports.slot(id) else {
            return;
        };
        let Some(transport) = self.transports.get_mut(slot) else {
            return;
        };
        if !transport.armed.fired(at) {
            return;
        }
        self.contained(slot, |worker| worker.transport_due(now, slot));
        if let Some(transport) = self.transports.get_mut(slot)
            && let Some(due) = transport.due()
        {
            self.timers
                .arm(due.max(now + AGAIN), owner_of(transport.id), &mut transport.armed);
        }
    }

    fn transport_due(&mut self, now: Now, slot: usize) {
        let Some(transport) = self.transports.get_mut(slot) else {
            return;
        };
        let is_due = |due: Option<Now>| due.is_some_and(|due| due <= now);
        let sender_reports = is_due(transport.sender_reports_due);
        let receiver_reports = is_due(transport.reception.reports_due);
        let feedback = is_due(transport.reception.feedback_due);
        let nacks = is_due(transport.reception.nacks.due());
        if transport.ice.expire(now) {
            let transport = transport.id;
            self.event(Event::ConsentLost { transport });
        }
        if nacks {
            self.send_nacks(now, slot);
        }
        if feedback {
            self.send_transport_feedback(slot);
        }
        if receiver_reports {
            self.send_receiver_reports(now, slot);
        }
        if sender_reports {
            self.send_sender_reports(now, slot);
        }
    }

    fn source_timer(&mut self, now: Now, at: Now, id: TrackId) {
        let Some(slot) = self.sources.slot(id) else { return };
        let Some(source) = self.sources.get_mut(slot) else {
            return;
        };
        if !source.armed.fired(at) {
            return;
        }
        for number in 0..source.layers.len() as u8 {
            let burst = self
                .sources
                .get(slot)
                .and_then(|source| source.layer(number)?.burst.due());
            if burst.is_some_and(|due| due <= now) {
                self.close_burst(now, slot, number);
            }
        }
        if self
            .sources
            .get(slot)
            .and_then(|source| source.catch_up_due)
            .is_some_and(|due| due <= now)
        {
            self.catch_up(now, slot);
        }
        self.run_gates(now, slot);
        let rtt = self.gate_rtt(slot);
        if let Some(source) = self.sources.get_mut(slot)
            && let Some(due) = source.due(rtt)
        {
            self.timers
                .arm(due.max(now + AGAIN), TimerOwner::Source(id), &mut source.armed);
        }
    }

    /// Make sure a transport's timer comes up when something of it is due.
    #[inline]
    pub(super) fn arm_transport(&mut self, slot: usize) {
        if let Some(transport) = self.transports.get_mut(slot)
            && let Some(due) = transport.due()
        {
            self.timers.arm(due, owner_of(transport.id), &mut transport.armed);
        }
    }

    /// Make sure a source's timer comes up when something of it is due.
    pub(super) fn arm_source(&mut self, slot: usize) {
        let rtt = self.gate_rtt(slot);
        if let Some(source) = self.sources.get_mut(slot)
            && let Some(due) = source.due(rtt)
        {
            self.timers
                .arm(due, TimerOwner::Source(source.track), &mut source.armed);
        }
    }
}

fn owner_of(transport: TransportId) -> TimerOwner {
    TimerOwner::Transport(transport)
}
