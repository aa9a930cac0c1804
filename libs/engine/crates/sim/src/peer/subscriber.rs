//! A subscribing peer: receives forwards, asks for what is missing, reports, and decodes.

use std::collections::BTreeMap;

use rheon_engine_wire::rtcp;
use rheon_engine_wire::rtp::{RtpHeader, parse_transport_sequence};
use rheon_engine_wire::sequence::{SequenceUnwrapper, distance};
use rheon_engine_wire::vp8::Descriptor;

use super::Outgoing;
use super::decoder::{Decoder, Received};
use super::transport::{Input, Transport, TransportSettings};
use crate::truth::Tag;

/// Header extension ids on subscribing transports.
pub mod extension {
    /// Transport-wide sequence number.
    pub const TRANSPORT_CC: u8 = 5;
    /// Absolute send time.
    pub const ABS_SEND_TIME: u8 = 6;
    /// Mid.
    pub const MID: u8 = 9;
    /// Audio level.
    pub const AUDIO_LEVEL: u8 = 10;
    /// Video orientation.
    pub const ORIENTATION: u8 = 12;
}

/// A subscribing peer.
#[derive(Debug, Clone)]
pub struct SubscriberSettings {
    /// Its peer connection.
    pub transport: TransportSettings,
    /// SSRC of its reports.
    pub ssrc: u32,
    /// Time after which an unanswered NACK is repeated.
    pub nack_repeat: u64,
}

/// One forward as the subscriber expects it.
#[derive(Debug, Default)]
pub struct Subscription {
    /// Main SSRC.
    pub ssrc: u32,
    /// SSRC of retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// Video is decoded and repaired; audio is only counted.
    pub video: bool,
    /// The decoder, for video.
    pub decoder: Decoder,
    /// Packets received, by number.
    pub received: BTreeMap<u64, Tag>,
    /// Numbers asked for, counting repetitions.
    pub nacks: u64,
    /// Packets recovered by retransmission.
    pub recovered: u64,
    /// Sender reports received.
    pub reports: u64,
    /// BYE was received.
    pub ended: bool,
    missing: BTreeMap<u64, Missing>,
    highest: Option<u64>,
    last_report: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    since: u64,
    asked: Option<u64>,
    tries: u8,
}

impl Subscription {
    /// Nothing received yet.
    pub fn new(ssrc: u32, rtx_ssrc: Option<u32>, video: bool) -> Self {
        Self {
            ssrc,
            rtx_ssrc,
            video,
            ..Self::default()
        }
    }

    fn packet(&mut self, now: u64, sequence: u64, header: &RtpHeader, payload: &[u8]) {
        let descriptor = if self.video {
            Descriptor::parse(payload).ok()
        } else {
            None
        };
        let body = descriptor.map_or(0, |d| d.len);
        let Some(tag) = payload.get(body..).and_then(Tag::read) else {
            return;
        };
        if let Some(highest) = self.highest {
            for sequence in highest + 1..sequence.min(highest + 500) {
                self.missing.insert(
                    sequence,
                    Missing {
                        since: now,
                        asked: None,
                        tries: 0,
                    },
                );
            }
        }
        self.highest = self.highest.max(Some(sequence));
        self.missing.remove(&sequence);
        self.received.insert(sequence, tag);
        if self.video {
            let start = descriptor.is_some_and(|d| d.start_of_frame);
            let (timestamp, marker) = (header.timestamp, header.marker);
            self.decoder.insert(Received {
                sequence,
                timestamp,
                marker,
                start,
                picture: descriptor.and_then(|d| d.picture_id),
                tl0: descriptor.and_then(|d| d.tl0_pic_idx),
                tid: descriptor.and_then(|d| d.tid),
                tag,
            });
        }
    }

    fn original(&self, number: u16) -> Option<u64> {
        let highest = self.highest?;
        highest.checked_add_signed(distance(number, highest as u16).into())
    }

    /// Numbers to ask for now.
    fn nack(&mut self, now: u64, repeat: u64) -> Vec<u16> {
        self.missing
            .retain(|_, m| now - m.since < 1_500_000 && m.tries < 10);
        let due = self
            .missing
            .iter_mut()
            .filter(|(_, m)| now - m.since >= 5_000 && m.asked.is_none_or(|asked| now - asked >= repeat));
        let mut numbers = Vec::new();
        for (sequence, missing) in due.take(100) {
            missing.asked = Some(now);
            missing.tries += 1;
            numbers.push(*sequence as u16);
        }
        self.nacks += numbers.len() as u64;
        numbers
    }
}

/// A subscribing peer.
pub struct Subscriber {
    transport: Transport,
    settings: SubscriberSettings,
    /// Its forwards.
    pub subscriptions: Vec<Subscription>,
    next_tick: u64,
    next_report: u64,
    wide: SequenceUnwrapper,
    arrivals: BTreeMap<u64, u64>,
    feedback: u8,
    next_feedback: u64,
    /// PLIs sent.
    pub key_requests: u64,
}

impl Subscriber {
    const TICK: u64 = 20_000;
    const REPORT: u64 = 500_000;
    const FEEDBACK: u64 = 100_000;

    /// A subscriber that starts with a check.
    pub fn new(settings: SubscriberSettings, subscriptions: Vec<Subscription>, seed: u64) -> Self {
        Self {
            transport: Transport::new(settings.transport.clone(), seed),
            settings,
            subscriptions,
            next_tick: 0,
            next_report: 0,
            wide: SequenceUnwrapper::default(),
            arrivals: BTreeMap::new(),
            feedback: 0,
            next_feedback: 0,
            key_requests: 0,
        }
    }

    /// The bare transport.
    pub fn into_transport(self) -> Transport {
        self.transport
    }

    /// When `tick` has something to do.
    pub fn next(&self) -> u64 {
        let check = self.transport.next_check();
        if self.transport.connected() {
            check.min(self.next_tick)
        } else {
            check
        }
    }

    /// Sends what is due.
    pub fn tick(&mut self, now: u64) -> Vec<Outgoing> {
        let mut out: Vec<Outgoing> = self.transport.check(now).map(Outgoing::now).into_iter().collect();
        if !self.transport.connected() || now < self.next_tick {
            return out;
        }
        self.next_tick = now + Self::TICK;
        let mut bytes = Vec::new();
        let mut writer = rtcp::Writer::new(&mut bytes);
        let ssrc = self.settings.ssrc;
        let mut anything = false;
        if now >= self.next_report {
            self.next_report = now + Self::REPORT;
            let blocks: Vec<_> = self
                .subscriptions
                .iter()
                .filter_map(|s| report_block(s, now))
                .collect();
            writer.receiver_report(ssrc, blocks);
            anything = true;
        }
        if now >= self.next_feedback && !self.arrivals.is_empty() {
            self.next_feedback = now + Self::FEEDBACK;
            feedback(
                &mut writer,
                ssrc,
                self.feedback,
                &std::mem::take(&mut self.arrivals),
            );
            self.feedback = self.feedback.wrapping_add(1);
            anything = true;
        }
        for subscription in self.subscriptions.iter_mut().filter(|s| s.video && !s.ended) {
            if subscription.rtx_ssrc.is_some() {
                let numbers = subscription.nack(now, self.settings.nack_repeat);
                if !numbers.is_empty() {
                    writer.nack(ssrc, subscription.ssrc, numbers.iter().copied());
                    anything = true;
                }
            }
            if subscription.decoder.advance(now) {
                self.key_requests += 1;
                writer.pli(ssrc, subscription.ssrc);
                anything = true;
            }
        }
        if anything {
            out.push(Outgoing::now(self.transport.protect_rtcp(bytes)));
        }
        out
    }

    /// Takes a datagram from the engine.
    pub fn input(&mut self, now: u64, datagram: Vec<u8>) {
        match self.transport.input(datagram) {
            Input::Rtp(header, packet, index) => self.rtp(now, &header, &packet, index),
            Input::Rtcp(bytes) => self.rtcp(now, &bytes),
            Input::Checked | Input::Ignored => {}
        }
    }

    fn rtp(&mut self, now: u64, header: &RtpHeader, packet: &[u8], index: u64) {
        for (id, value) in header.extensions(packet) {
            if id == extension::TRANSPORT_CC
                && let Some(number) = parse_transport_sequence(value)
            {
                self.arrivals.entry(self.wide.unwrap(number)).or_insert(now);
            }
        }
        let Ok(range) = header.payload(packet) else { return };
        let payload = &packet[range];
        for subscription in &mut self.subscriptions {
            if subscription.ssrc == header.ssrc {
                return subscription.packet(now, index, header, payload);
            }
            if subscription.rtx_ssrc == Some(header.ssrc) {
                let Some((number, payload)) = payload.split_first_chunk() else {
                    return;
                };
                let Some(original) = subscription.original(u16::from_be_bytes(*number)) else {
                    return;
                };
                subscription.recovered += u64::from(!subscription.received.contains_key(&original));
                return subscription.packet(now, original, header, payload);
            }
        }
    }

    fn rtcp(&mut self, now: u64, bytes: &[u8]) {
        for packet in rtcp::packets(bytes).flatten() {
            match packet {
                rtcp::Packet::SenderReport { ssrc, info, .. } => {
                    for subscription in self.subscriptions.iter_mut().filter(|s| s.ssrc == ssrc) {
                        subscription.reports += 1;
                        subscription.last_report = Some((info.ntp, now));
                    }
                }
                rtcp::Packet::Bye { sources } => {
                    for source in sources {
                        for subscription in self.subscriptions.iter_mut().filter(|s| s.ssrc == source) {
                            subscription.ended = true;
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// Transport-wide feedback on the packets that arrived since the last one.
fn feedback(writer: &mut rtcp::Writer<'_>, ssrc: u32, count: u8, arrivals: &BTreeMap<u64, u64>) {
    let (Some((&first, &start)), Some((&last, _))) = (arrivals.first_key_value(), arrivals.last_key_value())
    else {
        return;
    };
    let reference = start / 64_000;
    let mut before = reference * 256;
    let statuses: Vec<Option<i16>> = (first..=last.min(first + 2_000))
        .map(|number| {
            let quarters = arrivals.get(&number)? / 250;
            let ahead = i16::try_from(quarters.saturating_sub(before)).ok()?;
            let behind = i16::try_from(before.saturating_sub(quarters)).ok()?;
            before = quarters;
            Some(ahead - behind)
        })
        .collect();
    writer.transport_feedback(ssrc, 0, first as u16, reference as i32, count, statuses);
}

fn report_block(subscription: &Subscription, now: u64) -> Option<rtcp::ReportBlock> {
    let highest = subscription.highest?;
    let (last, delay) = match subscription.last_report {
        Some((ntp, at)) => ((ntp >> 16) as u32, ((now - at) * 65_536 / 1_000_000) as u32),
        None => (0, 0),
    };
    Some(rtcp::ReportBlock {
        ssrc: subscription.ssrc,
        fraction_lost: 0,
        cumulative_lost: i32::try_from(subscription.missing.len()).ok()?,
        highest_sequence: highest as u32,
        jitter: 0,
        last_sender_report: last,
        delay_since_last: delay,
    })
}
