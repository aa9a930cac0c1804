//! A track as one subscriber receives it: what is sent, and under which numbers.
//!
//! Numbers follow the publisher's by offsets, so that loss, order and time stay what they were. A break (first packet,
//! resume, another publisher stream) sets new offsets at a key frame: sequence numbers go on after the last one sent,
//! with a gap of one if its frame was cut short, and time never goes back (`timeline`). A layer is left for another in the
//! same way: it flows on until the other one's key frame.

use std::time::Duration;

use crate::caps::MAX_LAYERS;
use crate::codec::Rewrite;
use crate::gate::RequestLimit;
use crate::ids::{ForwardId, TrackId};
use crate::meter::{RateMeter, TokenBucket};
use crate::now::Now;
use crate::offset_map::OffsetMap;
use crate::packet::MediaPacket;
use crate::parameters::{Codec, ForwardParameters, Kind};
use crate::pictures::{PictureRewriter, SentIds};
use crate::random::Random;
use crate::sent_ring::SentRing;
use crate::source::{Layer, TrackDescription};
use crate::timeline::{Moment, Origin, Timeline};

/// Retransmissions may always take this much, bits per second, ...
const RETRANSMISSION_FLOOR: u64 = 256_000;
/// ... and this many bytes at once.
const RETRANSMISSION_BURST: u64 = 128 * 1024;
/// Sender reports remembered for round trips.
const REPORTS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// By command.
    Paused,
    /// For a packet to start at: a key frame's first.
    Waiting,
    Flowing,
}

/// Where one packet goes in the outgoing stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Sequence number with rollover counter: the SRTP index.
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) ids: SentIds,
}

/// The track a forward sends, as far as placing its packets needs it.
#[derive(Clone, Copy)]
pub(crate) struct Sending<'a> {
    pub(crate) description: &'a TrackDescription,
    pub(crate) layers: &'a [Layer],
}

fn origin_of(packet: &MediaPacket) -> Origin {
    Origin {
        layer: packet.layer,
        epoch: packet.epoch,
    }
}

/// The newest packet sent.
#[derive(Clone, Copy, Debug)]
struct Last {
    moment: Moment,
    marker: bool,
}

/// Counters for statistics and sender reports.
#[derive(Debug, Default)]
pub(crate) struct ForwardCounters {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) nacks_received: u64,
    pub(crate) retransmitted: u64,
    pub(crate) key_frame_requests: u64,
    pub(crate) packets_lost: u64,
}

#[derive(Debug)]
pub(crate) struct Forward {
    pub(crate) id: ForwardId,
    pub(crate) track: TrackId,
    /// Slot of its source.
    pub(crate) source: usize,
    /// Slot of its transport.
    pub(crate) transport: usize,
    pub(crate) parameters: ForwardParameters,
    pub(crate) state: State,
    /// Next packet to send from the ring, until live packets are caught up with.
    pub(crate) catch_up: Option<u64>,
    /// Layer that is sent, or waited for.
    pub(crate) layer: u8,
    /// Layer to be sent: from its next key frame on, until when `layer` flows on.
    target: u8,
    spatial_limit: u8,
    sequence: OffsetMap,
    next_index: u64,
    /// Highest number of each layer sent so far.
    newest_input: [Option<u64>; MAX_LAYERS],
    timeline: Timeline,
    last: Option<Last>,
    /// The subscriber asked for a key frame since it last got one.
    pub(crate) asked: bool,
    pub(crate) pictures: PictureRewriter,
    pub(crate) sent: SentRing,
    /// Next SRTP index of retransmissions.
    pub(crate) rtx_index: u64,
    retransmission_budget: TokenBucket,
    pub(crate) request_limit: RequestLimit,
    /// When a key frame was last sent.
    pub(crate) key_frame_sent: Option<Now>,
    /// A sender report was sent since the last break.
    pub(crate) reported: bool,
    /// Packets sent when sender reports were last due.
    packets_reported: u64,
    reports: [Option<(u32, Now)>; REPORTS],
    next_report: usize,
    pub(crate) rate: RateMeter,
    pub(crate) counters: ForwardCounters,
}

impl Forward {
    /// `first_index` and `first_rtx_index` must be beyond every index ever used with the SSRCs under the same keys.
    pub(crate) fn new(
        id: ForwardId,
        track: TrackId,
        (source, transport): (usize, usize),
        parameters: ForwardParameters,
        (first_index, first_rtx_index): (u64, u64),
        random: &mut Random,
        now: Now,
    ) -> Self {
        Self {
            id,
            track,
            source,
            transport,
            state: if parameters.active {
                State::Waiting
            } else {
                State::Paused
            },
            parameters,
            catch_up: None,
            layer: 0,
            target: 0,
            spatial_limit: u8::MAX,
            sequence: OffsetMap::default(),
            next_index: first_index,
            newest_input: [None; MAX_LAYERS],
            timeline: Timeline::new(random.next_u32()),
            last: None,
            asked: false,
            pictures: PictureRewriter::new(random.next_u32() as u16, random.next_u32() as u8),
            sent: SentRing::default(),
            rtx_index: first_rtx_index,
            retransmission_budget: TokenBucket::new(RETRANSMISSION_FLOOR, RETRANSMISSION_BURST, now),
            request_limit: RequestLimit::default(),
            key_frame_sent: None,
            reported: false,
            packets_reported: 0,
            reports: [None; REPORTS],
            next_report: 0,
            rate: RateMeter::default(),
            counters: ForwardCounters::default(),
        }
    }

    pub(crate) fn set_layers(&mut self, spatial: u8, temporal: u8) {
        self.spatial_limit = spatial;
        self.pictures.set_limit(temporal);
    }

    pub(crate) fn pause(&mut self) {
        self.state = State::Paused;
        self.catch_up = None;
    }

    /// True if it was paused.
    pub(crate) fn resume(&mut self) -> bool {
        let paused = self.state == State::Paused;
        if paused {
            self.wait();
        }
        paused
    }

    /// Wait for a key frame of the layer to be sent.
    fn wait(&mut self) {
        self.state = State::Waiting;
        if self.layer != self.target {
            self.layer = self.target;
            self.catch_up = None;
        }
    }

    /// Highest spatial layer wished for.
    pub(crate) fn wished(&self) -> u8 {
        self.spatial_limit
    }

    /// Send this layer: at once, if nothing is sent, else from its next key frame on.
    pub(crate) fn set_target(&mut self, layer: u8) {
        self.target = layer;
        if self.state == State::Paused || self.waits() {
            self.layer = layer;
        }
    }

    /// The layer that is to be sent instead of the one that flows.
    pub(crate) fn pending(&self) -> Option<u8> {
        (self.state == State::Flowing && self.target != self.layer).then_some(self.target)
    }

    /// Packets of this layer may be for this forward.
    pub(crate) fn takes(&self, layer: u8) -> bool {
        self.state != State::Paused && (layer == self.layer || self.pending() == Some(layer))
    }

    /// A key frame of this layer would help.
    pub(crate) fn needs_key_frame_of(&self, layer: u8) -> bool {
        let waits = (self.waits() || self.asked && self.state == State::Flowing) && layer == self.layer;
        waits || self.pending() == Some(layer)
    }

    /// Start, or go on with another layer, from the ring.
    pub(crate) fn catch_up_from(&mut self, layer: u8, sequence: u64) {
        self.target = layer;
        self.layer = layer;
        self.state = State::Waiting;
        self.catch_up = Some(sequence);
    }

    /// It waits for a packet to start at and none in the ring serves.
    pub(crate) fn waits(&self) -> bool {
        self.state == State::Waiting && self.catch_up.is_none()
    }

    /// A live packet is left to the catching up from the ring.
    pub(crate) fn caught_up_later(&self, packet: &MediaPacket) -> bool {
        let later = |next| packet.sequence >= next || self.state == State::Waiting;
        packet.layer == self.layer && self.catch_up.is_some_and(later)
    }

    /// Next index of media, for whoever uses the SSRC after this forward.
    pub(crate) fn next_index(&self) -> u64 {
        self.next_index
    }

    /// Where a packet goes; `None`: it is not sent.
    pub(crate) fn place(&mut self, packet: &MediaPacket, track: &Sending<'_>) -> Option<Placed> {
        if !self.takes(packet.layer) {
            return None;
        }
        let epoch = self.timeline.origin().epoch;
        if self.state == State::Flowing && packet.layer == self.layer && packet.epoch != epoch {
            if packet.epoch < epoch {
                return None;
            }
            self.wait();
        }
        if self.state == State::Waiting || packet.layer != self.layer {
            if !self.takes(packet.layer) || !self.may_start_at(packet) {
                return None;
            }
            self.start(packet, track);
        }
        let mut sent = Some(SentIds::default());
        if let Some(ids) = &packet.ids {
            sent = self.pictures.rewrite(packet, ids);
        }
        // RED around nothing is nothing to a subscriber without RED.
        let Some(ids) = sent.filter(|_| !self.body(packet).is_empty()) else {
            self.sequence.leave_out(packet.sequence);
            return None;
        };
        let index = self.sequence.map(packet.sequence)?;
        let timestamp = self.timeline.frame(packet.timestamp);
        if index >= self.next_index {
            self.next_index = index.saturating_add(1);
            if let Some(newest) = self.newest_input.get_mut(usize::from(packet.layer)) {
                *newest = Some(packet.sequence);
            }
            self.last = Some(Last {
                moment: Moment {
                    timestamp,
                    arrival: packet.arrival,
                },
                marker: packet.marker,
            });
        }
        Some(Placed {
            index,
            timestamp,
            ids,
        })
    }

    /// Sending may start at this packet: a key frame's first, later than all that was sent.
    pub(crate) fn may_start_at(&self, packet: &MediaPacket) -> bool {
        let newest = self
            .newest_input
            .get(usize::from(packet.layer))
            .copied()
            .flatten();
        packet.key_frame && newest.is_none_or(|newest| packet.sequence > newest)
    }

    fn start(&mut self, packet: &MediaPacket, track: &Sending<'_>) {
        let (description, origin) = (track.description, origin_of(packet));
        if self.layer != packet.layer {
            self.layer = packet.layer;
            self.catch_up = None;
        }
        if let Some(last) = self.last {
            if description.kind == Kind::Video && !last.marker {
                self.next_index = self.next_index.saturating_add(1);
            }
            if origin != self.timeline.origin() {
                let first = Moment {
                    timestamp: packet.timestamp,
                    arrival: packet.arrival,
                };
                let clock_rate = description.clock_rate;
                self.timeline
                    .join(origin, first, last.moment, track.layers, clock_rate);
                self.reported = false;
            }
        } else {
            self.timeline.start(origin);
        }
        self.sequence.start(packet.sequence, self.next_index);
        if let Some(ids) = &packet.ids {
            self.pictures.start(description.codec, ids);
        }
        self.state = State::Flowing;
    }

    /// A packet was written.
    pub(crate) fn wrote(&mut self, packet: &MediaPacket, placed: &Placed, now: Now) {
        let bytes = self.body(packet).len();
        self.counters.packets += 1;
        self.counters.bytes = self.counters.bytes.saturating_add(bytes as u64);
        self.rate.add(now, bytes);
        if packet.key_frame {
            self.key_frame_sent = Some(now);
            self.asked = false;
        }
        // The retransmission payload type belongs to the codec's own one.
        if self.retransmits() && packet.red_primary.is_none() {
            self.sent.insert(
                placed.index,
                packet.sequence,
                placed.timestamp,
                packet.layer,
                placed.ids,
                now,
            );
        }
    }

    /// The packet's payload as this subscriber gets it, but for what `rewrite` changes.
    pub(crate) fn body<'a>(&self, packet: &'a MediaPacket) -> &'a [u8] {
        if self.parameters.red_payload_type.is_some() {
            &packet.payload
        } else {
            packet.primary()
        }
    }

    /// The payload type a packet goes out under.
    pub(crate) fn payload_type(&self, packet: &MediaPacket) -> u8 {
        self.parameters
            .red_payload_type
            .filter(|_| packet.red_primary.is_some())
            .unwrap_or(self.parameters.payload_type)
    }

    /// What is different in this subscriber's copy of a packet sent under these numbers.
    pub(crate) fn rewrite(&self, codec: Codec, packet: &MediaPacket, ids: SentIds) -> Rewrite {
        if packet.ids.is_some() {
            Rewrite::Ids(codec, ids)
        } else if packet.red_primary.is_some() && self.parameters.red_payload_type.is_some() {
            Rewrite::Red(self.parameters.payload_type)
        } else {
            Rewrite::None
        }
    }

    /// RTX and NACK were negotiated.
    pub(crate) fn retransmits(&self) -> bool {
        self.parameters.nack
            && self.parameters.rtx_ssrc.is_some()
            && self.parameters.rtx_payload_type.is_some()
    }

    /// There is budget for a retransmission of this size; it is taken.
    pub(crate) fn take_retransmission(&mut self, now: Now, bytes: usize) -> bool {
        self.retransmission_budget
            .set_rate(RETRANSMISSION_FLOOR.saturating_add(self.rate.rate(now) / 2));
        self.retransmission_budget.take(now, bytes)
    }

    /// The full number of a sequence number the subscriber names.
    pub(crate) fn unwrap(&self, sequence: u16) -> u64 {
        let newest = self.next_index.saturating_sub(1);
        newest.saturating_sub(u64::from((newest as u16).wrapping_sub(sequence)))
    }

    /// Media is sent that belongs to this break of the layer.
    pub(crate) fn flows(&self, epoch: u32) -> bool {
        self.state == State::Flowing && self.timeline.origin().epoch == epoch && self.last.is_some()
    }

    /// RTP time of the outgoing stream for one of the layer.
    pub(crate) fn timestamp(&self, timestamp: u32) -> u32 {
        self.timeline.shifted(timestamp)
    }

    /// Packets were sent since this was last asked.
    pub(crate) fn active_since_report(&mut self) -> bool {
        std::mem::replace(&mut self.packets_reported, self.counters.packets) != self.counters.packets
    }

    /// A sender report with this NTP time was sent.
    pub(crate) fn report_sent(&mut self, ntp: u64, now: Now) {
        self.reported = true;
        if let Some(slot) = self.reports.get_mut(self.next_report) {
            *slot = Some(((ntp >> 16) as u32, now));
        }
        self.next_report = (self.next_report + 1) % REPORTS;
    }

    /// The round trip a reception report tells (RFC 3550 §6.4.1).
    pub(crate) fn round_trip(&self, last_sr: u32, delay: u32, now: Now) -> Option<Duration> {
        let (_, sent) = self
            .reports
            .iter()
            .flatten()
            .find(|(middle, _)| *middle == last_sr && last_sr != 0)?;
        let delay = Duration::from_micros(u64::from(delay).saturating_mul(1_000_000) >> 16);
        now.since(*sent).checked_sub(delay)
    }

    /// Why what is sent is sent, for statistics.
    pub(crate) fn layer_reason(&self, layers: usize) -> &'static str {
        let highest = u8::try_from(layers.saturating_sub(1)).unwrap_or(u8::MAX);
        match self.state {
            State::Paused => "paused",
            State::Waiting => "waiting-key-frame",
            State::Flowing if self.pending().is_some() => "waiting-key-frame",
            State::Flowing if highest == 0 && self.pictures.limited() => "limited",
            State::Flowing if highest == 0 => "only-layer",
            State::Flowing if self.layer == self.spatial_limit.min(highest) => "preferred",
            State::Flowing => "not-received",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ssrc;
    use crate::packet::FrameIds;
    use crate::parameters::ExtensionIds;

    fn forward(active: bool) -> Forward {
        let parameters = ForwardParameters {
            mid: "0".into(),
            ssrc: Ssrc(1),
            payload_type: 96,
            rtx_ssrc: Some(Ssrc(2)),
            rtx_payload_type: Some(97),
            red_payload_type: None,
            nack: true,
            padding: false,
            extensions: ExtensionIds::default(),
            active,
        };
        let mut random = Random::new([1; 32]);
        Forward::new(
            ForwardId(1),
            TrackId(1),
            (0, 0),
            parameters,
            (100, 200),
            &mut random,
            Now::default(),
        )
    }

    fn packet(sequence: u64, key_frame: bool, marker: bool) -> MediaPacket {
        let ids = FrameIds {
            picture_id: Some(sequence),
            tl0_pic_idx: Some(sequence as u8),
            ..FrameIds::default()
        };
        MediaPacket {
            sequence,
            timestamp: (sequence * 3000) as u32,
            arrival: Now::from_millis(sequence * 33),
            marker,
            key_frame,
            ids: Some(ids),
            payload: vec![0; 10],
            ..MediaPacket::default()
        }
    }

    fn track() -> TrackDescription {
        TrackDescription {
            kind: Kind::Video,
            codec: Codec::Vp8,
            clock_rate: 90_000,
            layers: 1,
            cname: String::new(),
        }
    }

    fn sending(description: &TrackDescription) -> Sending<'_> {
        let layers = &[];
        Sending { description, layers }
    }

    fn index(forward: &mut Forward, sequence: u64, key_frame: bool, marker: bool) -> Option<u64> {
        forward
            .place(&packet(sequence, key_frame, marker), &sending(&track()))
            .map(|placed| placed.index)
    }

    #[test]
    fn starts_at_a_key_frame_and_keeps_order_and_gaps() {
        let mut forward = forward(true);
        assert_eq!(index(&mut forward, 10, false, true), None);
        assert_eq!(index(&mut forward, 11, true, true), Some(100));
        assert_eq!(index(&mut forward, 14, false, true), Some(103));
        assert_eq!(index(&mut forward, 12, false, true), Some(101));
        assert_eq!(index(&mut forward, 10, false, true), None);
    }

    #[test]
    fn a_cut_frame_is_followed_by_a_gap() {
        let mut forward = forward(true);
        assert_eq!(index(&mut forward, 1, true, true), Some(100));
        assert_eq!(index(&mut forward, 2, false, false), Some(101));
        forward.pause();
        assert_eq!(index(&mut forward, 3, false, true), None);
        assert!(forward.resume());
        assert_eq!(index(&mut forward, 4, true, true), Some(103));
    }

    #[test]
    fn another_stream_goes_on_in_time_and_number() {
        let mut forward = forward(true);
        let before = forward
            .place(&packet(1, true, true), &sending(&track()))
            .expect("starts");
        let other = MediaPacket {
            epoch: 1,
            timestamp: 7,
            ..packet(5000, true, true)
        };
        let other = MediaPacket {
            arrival: Now::from_millis(1033),
            ..other
        };
        let after = forward.place(&other, &sending(&track())).expect("starts again");
        assert_eq!(after.index, before.index + 1);
        assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 90_000);
        assert_eq!(index(&mut forward, 2, false, true), None);
    }

    #[test]
    fn round_trip_from_a_reception_report() {
        let mut forward = forward(true);
        forward.report_sent(0x0001_0002_0003_0004, Now::from_millis(1000));
        let rtt = forward.round_trip(0x0002_0003, 65_536 / 2, Now::from_millis(1580));
        assert_eq!(rtt, Some(Duration::from_millis(80)));
        assert_eq!(forward.round_trip(5, 0, Now::from_millis(1580)), None);
    }
}
