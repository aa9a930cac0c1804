//! RTCP out: sender reports to subscribers; receiver reports, NACKs and transport-wide feedback to publishers.

use std::time::Duration;

use rheon_engine_wire::rtcp::{DlrrEntry, ReportBlock, SenderInfo, Writer};

use super::Worker;
use super::fanout::SENDER_REPORT_INTERVAL;
use crate::forward::Forward;
use crate::now::Now;
use crate::parameters::Kind;
use crate::reception::Role;
use crate::source::{SenderClock, TrackDescription};

/// Receiver reports: this often.
const RECEIVER_REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// A stream silent for longer is no longer reported on.
const ACTIVE: Duration = Duration::from_secs(5);
/// Report blocks in one packet (RFC 3550 §6.4.1: 5 bits).
const MAX_BLOCKS: usize = 31;
/// Compound packets are sent once they are this long.
const COMPOUND_BYTES: usize = 1000;
/// Sequence numbers in one NACK packet, so that it fits a datagram in the worst case.
const NACK_NUMBERS: usize = 250;
/// Statuses in one transport-wide feedback packet, for the same reason.
const FEEDBACK_STATUSES: usize = 400;
/// Our canonical name as a receiver: it says nothing, since RFC 7022 wants no more of it.
const RECEIVER_CNAME: &str = "sfu";

/// Append sender report and description of one forward. False: nothing can be told of it now.
pub(super) fn write_sender_report(
    out: &mut Vec<u8>,
    forward: &mut Forward,
    description: &TrackDescription,
    clock: SenderClock,
    now: Now,
) -> bool {
    if !forward.flows(clock.epoch) {
        return false;
    }
    let (ntp, rtp) = clock.at(now, description.clock_rate);
    let info = SenderInfo {
        ntp,
        rtp_timestamp: forward.timestamp(rtp),
        packets: forward.counters.packets as u32,
        octets: forward.counters.bytes as u32,
    };
    let ssrc = forward.parameters.ssrc.0;
    let mut writer = Writer::new(out);
    writer.sender_report(ssrc, info, []);
    writer.source_description(ssrc, &description.cname);
    forward.report_sent(ntp, now);
    true
}

/// Append an empty receiver report and a BYE for one forward.
pub(super) fn write_bye(out: &mut Vec<u8>, rtcp_ssrc: u32, forward: &Forward) {
    let mut writer = Writer::new(out);
    writer.receiver_report(rtcp_ssrc, []);
    let parameters = &forward.parameters;
    writer.bye(
        [Some(parameters.ssrc), parameters.rtx_ssrc]
            .into_iter()
            .flatten()
            .map(|ssrc| ssrc.0),
    );
}

impl Worker {
    /// An interval, jittered by half of it to either side (RFC 3550 §6.3.1).
    fn jittered(&mut self, interval: Duration) -> Duration {
        let micros = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros((micros / 2).saturating_add(self.random.below(micros)))
    }

    /// Report on every forward of a transport that sent something since the last time.
    pub(super) fn send_sender_reports(&mut self, now: Now, slot: usize) {
        let interval = self.jittered(SENDER_REPORT_INTERVAL);
        let Some(transport) = self.transports.get_mut(slot) else {
            return;
        };
        let out = &mut self.scratch.bytes;
        out.clear();
        let mut active = false;
        for index in 0..transport.forwards.len() {
            let Some(forward) = transport
                .forwards
                .get(index)
                .and_then(|slot| self.forwards.get_mut(*slot))
            else {
                continue;
            };
            active |= forward.active_since_report();
            let Some(source) = self.sources.get(forward.source) else {
                continue;
            };
            let clock = source.layer(forward.layer).and_then(|layer| layer.clock);
            let (Some(clock), Some(description)) = (clock, &source.description) else {
                continue;
            };
            write_sender_report(out, forward, description, clock, now);
            if out.len() >= COMPOUND_BYTES {
                transport.send_rtcp(out, &mut self.egress, &mut self.counters);
                out.clear();
            }
        }
        if !out.is_empty() {
            transport.send_rtcp(out, &mut self.egress, &mut self.counters);
        }
        transport.sender_reports_due = active.then(|| now + interval);
    }

    /// Report on the streams of a publisher; its reference time is answered and ours is told (RFC 3611 §4.4, §4.5).
    pub(super) fn send_receiver_reports(&mut self, now: Now, slot: usize) {
        let interval = self.jittered(RECEIVER_REPORT_INTERVAL);
        let Some(transport) = self.transports.get_mut(slot) else {
            return;
        };
        let own = transport.rtcp_ssrc.0;
        let mut blocks = [None; MAX_BLOCKS];
        let mut count = 0;
        for (ssrc, stream) in &mut transport.reception.streams {
            let Role::Media { source, .. } = stream.role else {
                continue;
            };
            if now.since(stream.statistics.last_packet) > ACTIVE {
                continue;
            }
            let source = self.sources.get(source);
            let audio = source.filter(|source| {
                source
                    .description
                    .as_ref()
                    .is_some_and(|it| it.kind == Kind::Audio)
            });
            let floor = audio.and_then(|source| source.worst_loss(now)).unwrap_or(0);
            let block = stream.statistics.block(now, floor);
            let Some(free) = blocks.get_mut(count) else { break };
            *free = Some(ReportBlock {
                ssrc: *ssrc,
                fraction_lost: block.fraction_lost,
                cumulative_lost: block.cumulative_lost,
                highest_sequence: block.highest_sequence,
                jitter: block.jitter,
                last_sender_report: block.last_sr,
                delay_since_last: block.delay_since_last_sr,
            });
            count += 1;
        }
        transport.reception.reports_due = (count > 0).then(|| now + interval);
        if count == 0 {
            return;
        }
        let ntp = now.to_ntp(self.config.ntp_at_zero);
        let out = &mut self.scratch.bytes;
        out.clear();
        let mut writer = Writer::new(out);
        writer.receiver_report(own, blocks.into_iter().flatten());
        writer.source_description(own, RECEIVER_CNAME);
        writer.extended_report_rrtr(own, ntp);
        if let Some(reference) = transport.reception.reference_time {
            let micros = now.since(reference.arrival).as_micros();
            let delay_since_last = u32::try_from(micros * 65_536 / 1_000_000).unwrap_or(u32::MAX);
            let entry = DlrrEntry {
                ssrc: reference.ssrc,
                last_receiver_report: reference.middle,
                delay_since_last,
            };
            writer.extended_report_dlrr(own, [entry]);
        }
        transport.reception.own_reference = Some(((ntp >> 16) as u32, now));
        transport.send_rtcp(out, &mut self.egress, &mut self.counters);
    }

    /// Ask for what is missing.
    pub(super) fn send_nacks(&mut self, now: Now, slot: usize) {
        let Some(transport) = self.transports.get_mut(slot) else {
            return;
        };
        let answer_time = transport.round_trip.answer_time();
        let mut missing = std::mem::take(&mut self.scratch.missing);
        transport.reception.nacks.collect(now, answer_time, &mut missing);
        for of_one_ssrc in missing.chunk_by(|a, b| a.0 == b.0) {
            let Some((media, _)) = of_one_ssrc.first() else {
                continue;
            };
            if let Some(stream) = transport.reception.streams.get_mut(media) {
                stream.statistics.nacks_sent = stream
                    .statistics
                    .nacks_sent
                    .saturating_add(of_one_ssrc.len() as u64);
            }
            for numbers in of_one_ssrc.chunks(NACK_NUMBERS) {
                let out = &mut self.scratch.bytes;
                out.clear();
                let sequences = numbers.iter().map(|(_, index)| *index as u16);
                Writer::new(out).nack(transport.rtcp_ssrc.0, *media, sequences);
                transport.send_rtcp(out, &mut self.egress, &mut self.counters);
            }
        }
        self.scratch.missing = missing;
    }

    /// Tell when packets arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
    pub(super) fn send_transport_feedback(&mut self, slot: usize) {
        let Some(transport) = self.transports.get_mut(slot) else {
            return;
        };
        transport.reception.feedback_due = None;
        if !transport.can_send() {
            return;
        }
        let mut statuses = std::mem::take(&mut self.scratch.statuses);
        let own = transport.rtcp_ssrc.0;
        while let Some((base, arrivals)) = transport.reception.transport_cc.report() {
            let tick = |at: Now| (at.as_micros() / 250).cast_signed();
            let Some(first) = arrivals.iter().flatten().next().copied() else {
                break;
            };
            let reference = tick(first) / 256;
            let mut before = reference * 256;
            statuses.clear();
            for arrival in arrivals.iter().take(FEEDBACK_STATUSES) {
                let Some(at) = arrival.map(tick) else {
                    statuses.push(None);
                    continue;
                };
                // A pause too long for a delta starts another packet.
                let Ok(delta) = i16::try_from(at - before) else {
                    break;
                };
                statuses.push(Some(delta));
                before = at;
            }
            let (count, media) = (statuses.len(), transport.reception.any_ssrc);
            let feedback_count = transport.reception.transport_cc.feedback_count;
            let out = &mut self.scratch.bytes;
            out.clear();
            let reference = (reference & 0xff_ffff) as i32;
            Writer::new(out).transport_feedback(
                own,
                media,
                base,
                reference,
                feedback_count,
                statuses.iter().copied(),
            );
            transport.reception.transport_cc.reported(count);
            transport.send_rtcp(out, &mut self.egress, &mut self.counters);
            if count == 0 {
                break;
            }
        }
        self.scratch.statuses = statuses;
    }
}
