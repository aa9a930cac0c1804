//! Everything one forward ever sent, and the rules that hold for it in order of sequence numbers.

use std::collections::{BTreeMap, HashMap, HashSet};

use rheon_engine_wire::rtcp::SenderInfo;

use super::rule::{Fault, Rule};
use super::timeline::{self, Run};
use super::vp8;
use crate::log::Log;
use crate::truth::Tag;

/// How often a packet may be resent.
pub const RESENDS: u8 = 3;

/// What a forward was told to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Name for reports.
    pub forward: u32,
    /// Video: frames, markers and key frames are judged.
    pub video: bool,
    /// The publisher is hostile: its payloads carry no truth, and only what needs none is judged.
    pub opaque: bool,
    /// RTP clock.
    pub clock_rate: u32,
    /// Main SSRC and payload type.
    pub ssrc: u32,
    /// Payload type of the main stream.
    pub payload_type: u8,
    /// RTX SSRC and payload type.
    pub rtx: Option<(u32, u8)>,
    /// Value of the mid extension.
    pub mid: String,
    /// Extension id of mid, if negotiated.
    pub mid_id: Option<u8>,
}

/// One decrypted packet of the main stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// When it left.
    pub at: u64,
    /// Sequence number without wraps.
    pub sequence: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// What the publisher wrote into it.
    pub tag: Tag,
    /// VP8 ids as sent.
    pub ids: vp8::Ids,
}

/// A packet, how often it was resent, and how many boundaries were before it.
#[derive(Debug, Clone, Copy)]
struct Kept {
    record: Record,
    resent: u8,
    era: usize,
}

/// A sender report that left.
#[derive(Debug, Clone, Copy)]
struct Report {
    at: u64,
    ntp: u64,
    timestamp: u32,
    /// Newest number sent before.
    newest: u64,
}

/// The ledger of one forward.
#[derive(Debug)]
pub struct Forward {
    /// What it should send.
    pub expected: Expected,
    records: BTreeMap<u64, Kept>,
    /// Times at which it was paused, resumed or moved to another layer or source.
    boundaries: Vec<Boundary>,
    paused: bool,
    rtx_next: Option<u64>,
    report: Option<(u64, u32, u32)>,
    reports: Vec<Report>,
    opaque: HashSet<u64>,
    continues: bool,
    faults: Vec<Fault>,
}

/// A command that may interrupt a forward's continuity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// When.
    pub at: u64,
    /// What.
    pub kind: BoundaryKind,
}

/// Kinds of interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundaryKind {
    /// Nothing may leave from now on.
    Paused,
    /// The next frame is a key frame.
    Resumed,
    /// Its track is muted: nothing may leave from now on.
    Muted,
    /// Its track is muted no longer: the next frame is a key frame, at the time it arrives.
    Unmuted,
    /// No frame above this temporal layer from now on.
    Temporal(u8),
}

impl Forward {
    /// An empty ledger.
    pub fn new(expected: Expected, active: bool) -> Self {
        Self {
            expected,
            records: BTreeMap::new(),
            boundaries: Vec::new(),
            paused: !active,
            rtx_next: None,
            report: None,
            reports: Vec::new(),
            opaque: HashSet::new(),
            continues: false,
            faults: Vec::new(),
        }
    }

    /// The forward was told something.
    pub fn boundary(&mut self, at: u64, kind: BoundaryKind) {
        match kind {
            BoundaryKind::Paused | BoundaryKind::Muted => self.paused = true,
            BoundaryKind::Resumed | BoundaryKind::Unmuted => self.paused = false,
            BoundaryKind::Temporal(_) => {}
        }
        self.boundaries.push(Boundary { at, kind });
    }

    /// Another forward used the SSRC before: numbers do not start in the lower half.
    pub fn continues(&mut self) {
        self.continues = true;
    }

    /// Packets sent on the main stream.
    pub fn sent(&self) -> usize {
        self.records.len()
    }

    /// The packets sent, by sequence number.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values().map(|kept| &kept.record)
    }

    fn fault(&mut self, rule: Rule, detail: &str) {
        self.faults.push(Fault::new(
            rule,
            format!("forward {}: {detail}", self.expected.forward),
        ));
    }

    /// A packet of the main stream left.
    pub fn main(&mut self, record: Record) {
        if self.paused {
            self.fault(Rule::PausedForward, &format!("{record:?}"));
        }
        if !self.continues && self.records.is_empty() && record.sequence > 0x7FFF {
            self.fault(Rule::SequenceStart, &format!("{}", record.sequence));
        }
        let kept = Kept {
            record,
            resent: 0,
            era: self.boundaries.len(),
        };
        if self.records.insert(record.sequence, kept).is_some() {
            self.fault(Rule::SequenceUsedTwice, &format!("{record:?}"));
        }
    }

    /// A packet of the main stream left of whose contents nothing is known.
    pub fn opaque(&mut self, sequence: u64) {
        if self.paused {
            self.fault(Rule::PausedForward, &format!("{sequence}"));
        }
        if !self.opaque.insert(sequence) {
            self.fault(Rule::SequenceUsedTwice, &format!("{sequence}"));
        }
    }

    /// A packet of the RTX stream left: its own index, the original number it names and what it carries.
    pub fn rtx(&mut self, index: u64, original: u16, record: Record) {
        if self.rtx_next.is_some_and(|next| next != index) {
            self.fault(Rule::RtxSequence, &format!("{index} after {:?}", self.rtx_next));
        }
        self.rtx_next = Some(index + 1);
        let named = self
            .records
            .iter_mut()
            .rev()
            .find(|(sequence, _)| **sequence as u16 == original);
        let Some((
            _,
            Kept {
                record: sent, resent, ..
            },
        )) = named
        else {
            return self.fault(Rule::RtxUnsent, &format!("number {original} was never sent"));
        };
        *resent += 1;
        let often = *resent;
        let same = Record {
            at: sent.at,
            sequence: sent.sequence,
            ..record
        } == *sent;
        if !same {
            let sent = *sent;
            self.fault(Rule::RtxUnsent, &format!("{record:?} instead of {sent:?}"));
        }
        if often > RESENDS {
            self.fault(Rule::RtxTooOften, &format!("number {original}, {often} times"));
        }
    }

    /// A sender report of the main stream left.
    pub fn sender_report(&mut self, at: u64, info: SenderInfo) {
        let SenderInfo {
            ntp,
            rtp_timestamp: timestamp,
            packets,
            ..
        } = info;
        let sent = (self.records.len() + self.opaque.len()) as u32;
        if sent.abs_diff(packets) > 64 {
            self.fault(
                Rule::SenderReport,
                &format!("{packets} packets reported of {sent}"),
            );
        }
        if let Some((last_ntp, last_timestamp, last_packets)) = self.report {
            let back = ntp < last_ntp || is_negative(timestamp.wrapping_sub(last_timestamp));
            if back || packets < last_packets {
                self.fault(
                    Rule::SenderReport,
                    &format!("went back to {ntp:#x} {timestamp} {packets}"),
                );
            }
        }
        self.report = Some((ntp, timestamp, packets));
        if let Some((newest, _)) = self.records.last_key_value() {
            self.reports.push(Report {
                at,
                ntp,
                timestamp,
                newest: *newest,
            });
        }
    }

    /// Sender reports tell the publisher's clock, and streams join by it.
    fn judge_clocks(&self, runs: &[Run], log: &Log) -> Vec<Fault> {
        let mut faults = Vec::new();
        let name = self.expected.forward;
        let apart = |a: u32, b: u32| a.wrapping_sub(b).min(b.wrapping_sub(a));
        for report in &self.reports {
            let run = runs.iter().rev().find(|run| run.start <= report.newest);
            let Some(run) = run.filter(|run| run.settled) else {
                continue;
            };
            let Some(clock) = log.reported_clock(run.stream, report.at) else {
                continue;
            };
            let expected = clock.timestamp_at(report.ntp).wrapping_add(run.offset);
            if apart(report.timestamp, expected) > self.expected.clock_rate / 200 {
                let detail = format!("forward {name}: {report:?} beside the publisher's clock, {expected}");
                faults.push(Fault::new(Rule::SenderReport, detail));
            }
        }
        for pair in runs.windows(2) {
            let [before, after] = pair else { continue };
            let at = self.records.get(&after.start).map_or(0, |kept| kept.record.at);
            let clocks = log
                .reported_clock(before.stream, at)
                .zip(log.reported_clock(after.stream, at));
            let Some((old, new)) = clocks.filter(|_| before.stream != after.stream) else {
                continue;
            };
            let time =
                |run: &Run, clock: crate::log::Clock| clock.timestamp_at(old.ntp).wrapping_add(run.offset);
            let off_by = apart(time(before, old), time(after, new));
            if before.settled && after.settled && off_by > self.expected.clock_rate / 1000 {
                let detail = format!("forward {name}: {off_by} ticks between {before:?} and {after:?}");
                faults.push(Fault::new(Rule::Alignment, detail));
            }
        }
        faults
    }

    /// All broken rules of this forward; the order rules are judged over everything sent.
    pub fn judge(&self, log: &Log) -> Vec<Fault> {
        let mut faults = self.faults.clone();
        let mut first_eras: HashMap<(u16, u32), usize> = HashMap::new();
        for kept in self.records.values() {
            let tag = &kept.record.tag;
            let era = first_eras.entry((tag.stream, tag.frame)).or_insert(kept.era);
            *era = kept.era.min(*era);
        }
        let eras = |record: &Record| self.records.get(&record.sequence).map_or(0, |kept| kept.era);
        let unmuted = |before: &Record, record: &Record| {
            self.boundaries_between(eras(before), eras(record))
                .iter()
                .any(|boundary| boundary.kind == BoundaryKind::Unmuted)
        };
        let runs = timeline::runs(self.records(), unmuted);
        faults.extend(self.judge_clocks(&runs, log));
        let mut ahead = runs.iter().peekable();
        let mut run = None;
        let mut previous: Option<&Kept> = None;
        for kept in self.records.values() {
            let record = &kept.record;
            run = ahead.next_if(|next| next.start == record.sequence).or(run);
            let mut fault = |rule, detail: &str| {
                let before = previous.map(|kept| kept.record);
                let detail = format!(
                    "forward {}: {detail}: {before:?} then {record:?}",
                    self.expected.forward
                );
                faults.push(Fault::new(rule, detail));
            };
            if run.is_some_and(|run| run.expected(record) != record.timestamp) {
                fault(Rule::TimestampDrift, "timestamps");
            }
            if self.expected.video && record.marker != record.tag.is_last() {
                fault(Rule::Marker, "marker");
            }
            // A frame once begun may be completed.
            let era = first_eras
                .get(&(record.tag.stream, record.tag.frame))
                .copied()
                .unwrap_or(kept.era);
            if self.limit(era).is_some_and(|limit| record.tag.tid > limit) {
                fault(Rule::LayerTooHigh, "above the limit");
            }
            match previous {
                None if self.expected.video && !(record.tag.key && record.tag.packet == 0) => {
                    fault(Rule::StartsOnKeyFrame, "first packet");
                }
                None => {}
                Some(previous) => self.judge_pair(previous, kept, log, &mut fault),
            }
            previous = Some(kept);
        }
        faults
    }

    fn boundaries_between(&self, before: usize, now: usize) -> &[Boundary] {
        &self.boundaries[before.min(now)..before.max(now)]
    }

    /// The temporal layer the forward was limited to when this many boundaries were behind it.
    fn limit(&self, era: usize) -> Option<u8> {
        self.boundaries
            .iter()
            .take(era)
            .rev()
            .find_map(|boundary| match boundary.kind {
                BoundaryKind::Temporal(layer) => Some(layer),
                _ => None,
            })
    }

    fn judge_pair(&self, before: &Kept, now: &Kept, log: &Log, fault: &mut dyn FnMut(Rule, &str)) {
        let (previous, record) = (&before.record, &now.record);
        let between = self.boundaries_between(before.era, now.era);
        let (sent, tag) = (&previous.tag, &record.tag);
        let step = record.sequence - previous.sequence;
        let same_stream = sent.stream == tag.stream;
        let same_frame = same_stream && sent.frame == tag.frame;
        let ticks = record.timestamp.wrapping_sub(previous.timestamp);
        if is_negative(ticks) {
            fault(Rule::TimeWentBack, "timestamps");
        }
        if same_frame != (ticks == 0) {
            fault(Rule::TimestampReused, "one frame, one timestamp");
        }
        if same_frame {
            if u64::from(tag.packet.wrapping_sub(sent.packet)) != step {
                fault(Rule::PacketOrder, "distance within a frame");
            }
            if previous.ids != record.ids {
                fault(Rule::PictureId, "two ids in one frame");
            }
            return;
        }
        if self.expected.video && step == 1 && !(sent.is_last() && tag.packet == 0) {
            fault(Rule::CutWithoutGap, "no gap");
        }
        let broken = !between.is_empty() || !same_stream;
        let resumed = |b: &Boundary| matches!(b.kind, BoundaryKind::Resumed | BoundaryKind::Unmuted);
        let restart = !same_stream || between.iter().any(resumed);
        if self.expected.video && restart && !(tag.key && tag.packet == 0) {
            fault(Rule::StartsOnKeyFrame, "after an interruption");
        }
        if same_stream && !broken {
            let stream = tag.stream;
            if step == 1 && log.missing_between(stream, sent.sequence, tag.sequence, record.at) > 0 {
                fault(Rule::HiddenLoss, "no gap where packets are missing");
            }
            let unlimited = self.limit(before.era).is_none_or(|limit| limit > 2);
            let places = ((sent.frame, sent.sequence), (tag.frame, tag.sequence));
            if unlimited && log.present_between(stream, places.0, places.1) > 0 {
                fault(Rule::Swallowed, "packets that arrived were not forwarded");
            }
            let open = log.open_between(stream, sent.sequence, tag.sequence);
            if step - 1 > open + u64::from(!sent.is_last()) {
                fault(Rule::PhantomGap, "a gap where nothing is missing");
            }
        }
        if self.expected.video {
            let continuous = (same_stream && !broken).then_some(log);
            vp8::judge(previous, record, continuous, fault);
        }
    }
}

/// A wrapping difference of timestamps that goes back.
fn is_negative(ticks: u32) -> bool {
    ticks > u32::MAX / 2
}
