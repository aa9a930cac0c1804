//! RTCP in: reports, NACKs, key-frame requests, transport-wide feedback, extended reports. RTCP ends here.

use std::time::Duration;

use rheon_engine_wire::rtcp::{self, Packet, ReportBlock, SenderInfo, XrBlock};
use rheon_engine_wire::srtp;

use super::Worker;
use super::media::srtp_reason;
use crate::caps::MAX_SSRCS;
use crate::counters::DropReason;
use crate::ice::Tuple;
use crate::now::Now;
use crate::parameters::Kind;
use crate::reception::{ReferenceTime, Role};
use crate::shared::SharedMessage;
use crate::source::{Origin, SenderClock};

impl Worker {
    pub(super) fn receive_rtcp(
        &mut self,
        now: Now,
        slot: usize,
        tuple: Tuple,
        bytes: &mut [u8],
    ) -> Result<(), DropReason> {
        let ssrc = bytes
            .get(4..)
            .and_then(|rest| rest.first_chunk())
            .ok_or(DropReason::TooShort)?;
        let ssrc = u32::from_be_bytes(*ssrc);
        let transport = self.transports.get_mut(slot).ok_or(DropReason::UnknownTuple)?;
        let (keys, reception) = transport.receiving().ok_or(DropReason::NotConnected)?;
        let known = reception.rtcp_windows.get_mut(&ssrc);
        let is_new = known.is_none();
        let mut fresh = srtp::RtcpReplay::default();
        let plain = keys
            .unprotect_rtcp(bytes, known.unwrap_or(&mut fresh))
            .map_err(srtp_reason)?;
        if is_new {
            if reception.rtcp_windows.len() >= MAX_SSRCS {
                return Err(DropReason::SsrcCap);
            }
            reception.rtcp_windows.insert(ssrc, fresh);
        }
        transport.ice.authenticated_from(tuple);
        for packet in rtcp::packets(bytes.get(..plain).unwrap_or_default()) {
            match packet {
                Ok(packet) => self.rtcp_packet(now, slot, packet),
                Err(_) => self.counters.drop(DropReason::RtcpMalformed),
            }
        }
        Ok(())
    }

    fn rtcp_packet(&mut self, now: Now, slot: usize, packet: Packet<'_>) {
        match packet {
            Packet::SenderReport { ssrc, info, reports } => {
                self.sender_report(now, slot, ssrc, info);
                reports.for_each(|report| self.reception_report(now, slot, &report));
            }
            Packet::ReceiverReport { reports, .. } => {
                reports.for_each(|report| self.reception_report(now, slot, &report));
            }
            Packet::Nack { media, items, .. } => {
                let Some(forward) = self.forward_of(slot, media) else {
                    return;
                };
                for sequence in items {
                    if let Err(reason) = self.retransmit(now, forward, sequence) {
                        self.counters.drop(reason);
                    }
                }
            }
            Packet::Pli { media, .. } => {
                if let Some(forward) = self.forward_of(slot, media) {
                    self.key_frame_asked(now, forward);
                }
            }
            Packet::Fir { entries, .. } => {
                for entry in entries {
                    if let Some(forward) = self.forward_of(slot, entry.ssrc) {
                        self.key_frame_asked(now, forward);
                    }
                }
            }
            Packet::TransportFeedback(feedback) => {
                let Some(transport) = self.transports.get_mut(slot) else {
                    return;
                };
                let received = feedback
                    .statuses()
                    .filter(|status| status.delta.is_some())
                    .count() as u64;
                let counters = &mut transport.counters;
                counters.feedback_received = counters.feedback_received.saturating_add(received);
                let lost = u64::from(feedback.status_count).saturating_sub(received);
                counters.feedback_lost = counters.feedback_lost.saturating_add(lost);
            }
            Packet::ExtendedReport { ssrc, blocks } => {
                blocks.for_each(|block| self.extended(now, slot, ssrc, &block));
            }
            Packet::SourceDescription(_)
            | Packet::Bye { .. }
            | Packet::Remb { .. }
            | Packet::Other { .. } => {}
        }
    }

    /// The forward a transport is sent under this SSRC, if it is no retransmission one.
    fn forward_of(&self, slot: usize, ssrc: u32) -> Option<usize> {
        let sender = self.transports.get(slot)?.senders.get(&ssrc)?;
        (!sender.retransmission).then_some(sender.forward)
    }

    /// The publisher tells how its clock and RTP time go together.
    fn sender_report(&mut self, now: Now, slot: usize, ssrc: u32, info: SenderInfo) {
        let Some(transport) = self.transports.get_mut(slot) else {
            return;
        };
        let reception = &mut transport.reception;
        let Some(stream) = reception.streams.get_mut(&ssrc) else {
            return;
        };
        stream.statistics.sender_report(info.ntp, now);
        let Role::Media { source, layer } = stream.role else {
            return;
        };
        if reception.media_ssrc(source, layer) != Some(ssrc) {
            return;
        }
        let Some(source) = self.sources.get_mut(source) else {
            return;
        };
        let track = source.track;
        let Some(state) = source.layer_mut(layer) else {
            return;
        };
        let report = SenderClock {
            ntp: info.ntp,
            rtp: info.rtp_timestamp,
            arrival: now,
            epoch: state.epoch,
        };
        state.clock = Some(report);
        for reader in 0..source.readers.len() {
            if let Some(worker) = source.readers.get(reader) {
                self.outbox
                    .push_back((*worker, SharedMessage::SenderReport { track, layer, report }));
            }
        }
    }

    /// A subscriber tells what of a forward arrived.
    fn reception_report(&mut self, now: Now, slot: usize, report: &ReportBlock) {
        let Some(forward) = self
            .forward_of(slot, report.ssrc)
            .and_then(|forward| self.forwards.get_mut(forward))
        else {
            return;
        };
        forward.counters.packets_lost = u64::try_from(report.cumulative_lost).unwrap_or(0);
        let rtt = forward.round_trip(report.last_sender_report, report.delay_since_last, now);
        if let (Some(rtt), Some(transport)) = (rtt, self.transports.get_mut(slot)) {
            transport.round_trip.measure(rtt);
        }
        let Some(source) = self.sources.get_mut(forward.source) else {
            return;
        };
        if source
            .description
            .as_ref()
            .is_none_or(|description| description.kind != Kind::Audio)
        {
            return;
        }
        source.loss_reported(report.fraction_lost, now);
        if let Origin::Remote(worker) = source.origin {
            let (track, fraction) = (source.track, report.fraction_lost);
            if fraction > 0 {
                self.post(worker, SharedMessage::Loss { track, fraction });
            }
        }
    }

    fn extended(&mut self, now: Now, slot: usize, ssrc: u32, block: &XrBlock<'_>) {
        let Some(transport) = self.transports.get_mut(slot) else {
            return;
        };
        match block {
            XrBlock::ReferenceTime { ntp } => {
                transport.reception.reference_time = Some(ReferenceTime {
                    ssrc,
                    middle: (ntp >> 16) as u32,
                    arrival: now,
                });
            }
            XrBlock::Dlrr(entries) => {
                let own = transport.rtcp_ssrc.0;
                let Some((middle, sent)) = transport.reception.own_reference else {
                    return;
                };
                let entry = entries
                    .clone()
                    .find(|entry| entry.ssrc == own && entry.last_receiver_report == middle);
                let Some(entry) = entry else { return };
                let delay =
                    Duration::from_micros(u64::from(entry.delay_since_last).saturating_mul(1_000_000) >> 16);
                if let Some(rtt) = now.since(sent).checked_sub(delay) {
                    transport.round_trip.measure(rtt);
                }
            }
            XrBlock::Other { .. } => {}
        }
    }
}
