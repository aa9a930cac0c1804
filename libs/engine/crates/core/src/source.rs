//! A track as seen on one worker: per layer a ring, an open burst and a key-frame gate; who is sent it.
//!
//! On its publisher's worker a source is fed by ingress, elsewhere by `SharedMessage`. Forwards never care which.

use std::sync::Arc;
use std::time::Duration;

use crate::burst::Burst;
use crate::codec::PayloadReader;
use crate::gate::KeyFrameGate;
use crate::ids::{TrackId, WorkerId};
use crate::now::{Now, micros_to_ntp};
use crate::offset_map::OffsetMap;
use crate::parameters::{Codec, Kind};
use crate::ring::Ring;
use crate::timers::Armed;

/// A loss report counts for this long.
const LOSS_AGE: Duration = Duration::from_secs(5);
/// Numbers skipped at a break: more than a ring holds, so that nothing of both sides is ever held together.
const BREAK_GAP: u64 = 2 * crate::caps::RING_PACKETS as u64;
/// A layer of several is gone once nothing of it came for this long ...
const VANISHED: Duration = Duration::from_millis(500);
/// ... while the others brought this many frames: a still screen makes few on any layer.
const VANISHED_FRAMES: u32 = 10;
/// A key frame another worker wants is wanted for this long.
const WANTED: Duration = Duration::from_secs(5);
/// First number of a layer.
const FIRST_SEQUENCE: u64 = 1 << 16;

/// What readers of a track have to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackDescription {
    /// Audio or video.
    pub kind: Kind,
    /// Codec.
    pub codec: Codec,
    /// RTP clock in hertz.
    pub clock_rate: u32,
    /// Number of layers.
    pub layers: u8,
    /// Canonical name subscribers see.
    pub cname: String,
}

/// A publisher's sender report: how its clock and its RTP time go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderClock {
    /// Publisher's wall clock, NTP format.
    pub ntp: u64,
    /// The layer's RTP time at that moment.
    pub rtp: u32,
    /// When the report arrived.
    pub arrival: Now,
    /// Which break of the layer it belongs to.
    pub epoch: u32,
}

impl SenderClock {
    /// The publisher's clock and RTP time `now`, as far as the report tells.
    pub(crate) fn at(&self, now: Now, clock_rate: u32) -> (u64, u32) {
        let since = now.since(self.arrival);
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        let rtp = self.rtp.wrapping_add(crate::timeline::ticks(since, clock_rate));
        (self.ntp.wrapping_add(micros_to_ntp(micros)), rtp)
    }
}

/// Where a source's packets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A transport of this worker, by slot.
    Local { transport: usize },
    /// Another worker.
    Remote(WorkerId),
}

/// One layer of a source.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) ring: Ring,
    pub(crate) burst: Burst,
    pub(crate) gate: KeyFrameGate,
    pub(crate) clock: Option<SenderClock>,
    pub(crate) epoch: u32,
    /// SRTP index to running number: padding is left out.
    numbers: OffsetMap,
    pub(crate) reader: PayloadReader,
    pub(crate) key_frames: u64,
    /// Media arrived: there is somebody to ask for key frames.
    pub(crate) started: bool,
    /// Of several layers: packets come lately.
    pub(crate) live: bool,
    last_packet: Now,
    /// Frames of other layers since.
    frames_without: u32,
    /// When another worker last wanted a key frame.
    pub(crate) wanted_elsewhere: Option<Now>,
}

impl Layer {
    /// Media now comes from another SSRC, whose first packet has this index.
    pub(crate) fn bind(&mut self, index: u64) {
        let first = self
            .ring
            .newest()
            .map_or(FIRST_SEQUENCE, |newest| newest.saturating_add(BREAK_GAP));
        self.numbers.start(index, first);
        if std::mem::replace(&mut self.started, true) {
            self.break_stream(self.epoch.wrapping_add(1));
        }
    }

    /// What follows has nothing to do with what was.
    pub(crate) fn break_stream(&mut self, epoch: u32) {
        self.epoch = epoch;
        self.ring.break_stream();
        self.clock = None;
        self.reader = PayloadReader::default();
    }

    /// When a key frame is to be asked for: not before there is somebody to ask.
    fn gate_due(&self, rtt: Duration) -> Option<Now> {
        if self.started { self.gate.due(rtt) } else { None }
    }

    /// Running number of a packet.
    pub(crate) fn number(&mut self, index: u64) -> Option<u64> {
        self.numbers.map(index)
    }

    /// A packet that is not for subscribers: its number is closed up.
    pub(crate) fn leave_out(&mut self, index: u64) {
        self.numbers.leave_out(index);
    }
}

#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) track: TrackId,
    /// `None` on a reader's worker until it is described.
    pub(crate) description: Option<Arc<TrackDescription>>,
    pub(crate) origin: Origin,
    /// Workers that read it.
    pub(crate) readers: Vec<WorkerId>,
    pub(crate) layers: Vec<Layer>,
    /// Slots of its forwards.
    pub(crate) forwards: Vec<usize>,
    /// Nothing of it is forwarded.
    pub(crate) muted: bool,
    /// Forwards that catch up from a ring are served then.
    pub(crate) catch_up_due: Option<Now>,
    worst_loss: Option<(u8, Now)>,
    pub(crate) armed: Armed,
}

impl Source {
    pub(crate) fn new(track: TrackId, description: Option<Arc<TrackDescription>>, origin: Origin) -> Self {
        let mut source = Self {
            track,
            description: None,
            origin,
            readers: Vec::new(),
            layers: Vec::new(),
            forwards: Vec::new(),
            muted: false,
            catch_up_due: None,
            worst_loss: None,
            armed: Armed::default(),
        };
        if let Some(description) = description {
            source.describe(description);
        }
        source
    }

    pub(crate) fn describe(&mut self, description: Arc<TrackDescription>) {
        self.layers.resize_with(
            usize::from(description.layers).min(crate::caps::MAX_LAYERS),
            Layer::default,
        );
        if matches!(self.origin, Origin::Remote(_)) {
            // The other worker knows whether there is a publisher to ask.
            self.layers.iter_mut().for_each(|layer| layer.started = true);
        }
        self.description = Some(description);
    }

    pub(crate) fn is_video(&self) -> bool {
        self.description
            .as_ref()
            .is_some_and(|description| description.kind == Kind::Video)
    }

    pub(crate) fn layer(&self, layer: u8) -> Option<&Layer> {
        self.layers.get(usize::from(layer))
    }

    pub(crate) fn layer_mut(&mut self, layer: u8) -> Option<&mut Layer> {
        self.layers.get_mut(usize::from(layer))
    }

    /// A packet of a layer arrived, its newest. True: which layers are live has changed.
    pub(crate) fn heard(&mut self, now: Now, number: u8, marker: bool) -> bool {
        if self.layers.len() < 2 {
            return false;
        }
        let mut changed = false;
        for (layer, at) in self.layers.iter_mut().zip(0u8..) {
            if at == number {
                layer.last_packet = now;
                layer.frames_without = 0;
                changed |= !std::mem::replace(&mut layer.live, true);
            } else if marker && layer.live {
                layer.frames_without = layer.frames_without.saturating_add(1);
                if layer.frames_without >= VANISHED_FRAMES && now.since(layer.last_packet) >= VANISHED {
                    layer.live = false;
                    changed = true;
                }
            }
        }
        changed
    }

    /// There is more than one layer to choose from.
    pub(crate) fn has_layers(&self) -> bool {
        self.layers.len() > 1
    }

    /// Key frames of a layer can be asked for, now or once it has started.
    pub(crate) fn may_ask(&self, number: u8) -> bool {
        !self.has_layers() || self.layer(number).is_some_and(|layer| layer.live)
    }

    /// When a key frame of a layer is to be asked for.
    pub(crate) fn gate_due(&self, number: u8, rtt: Duration) -> Option<Now> {
        self.layer(number)?.gate_due(rtt)
    }

    /// Another worker waits for a key frame of a layer: it says so again and again.
    pub(crate) fn wanted_elsewhere(&self, now: Now, number: u8) -> bool {
        let wanted = self.layer(number).and_then(|layer| layer.wanted_elsewhere);
        !self.readers.is_empty() && wanted.is_some_and(|at| now.since(at) <= WANTED)
    }

    /// The layer to send to who wishes at most `wished`: the highest live one up to it, else the lowest live one.
    pub(crate) fn choose(&self, wished: u8) -> Option<u8> {
        let live = self.layers.iter().zip(0u8..).filter(|(layer, _)| layer.live);
        let mut live = live.map(|(_, number)| number);
        let lowest = live.next()?;
        live.take_while(|number| *number <= wished)
            .last()
            .or(Some(lowest))
    }

    /// A subscriber reported this loss.
    pub(crate) fn loss_reported(&mut self, fraction: u8, now: Now) {
        if self.worst_loss(now).is_none_or(|worst| fraction >= worst) {
            self.worst_loss = Some((fraction, now));
        }
    }

    /// The worst loss reported lately.
    pub(crate) fn worst_loss(&self, now: Now) -> Option<u8> {
        self.worst_loss
            .filter(|(_, at)| now.since(*at) < LOSS_AGE)
            .map(|(fraction, _)| fraction)
    }

    /// When something of it is due. `rtt`: to where key frames are asked for.
    pub(crate) fn due(&self, rtt: Duration) -> Option<Now> {
        let layers = self
            .layers
            .iter()
            .flat_map(|layer| [layer.burst.due(), layer.gate_due(rtt).filter(|_| !self.muted)]);
        layers.chain([self.catch_up_due]).flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_ssrc_is_a_break() {
        let mut layer = Layer::default();
        layer.bind(7);
        assert_eq!((layer.epoch, layer.number(7)), (0, Some(FIRST_SEQUENCE)));
        layer.leave_out(8);
        assert_eq!(layer.number(9), Some(FIRST_SEQUENCE + 1));
        layer.bind(40_000);
        assert_eq!(layer.epoch, 1);
    }

    #[test]
    fn layers_vanish_and_come_back_and_the_best_of_them_is_chosen() {
        let description = TrackDescription {
            kind: Kind::Video,
            codec: Codec::Vp8,
            clock_rate: 90_000,
            layers: 3,
            cname: String::new(),
        };
        let mut source = Source::new(
            TrackId(1),
            Some(Arc::new(description)),
            Origin::Local { transport: 0 },
        );
        assert_eq!(source.choose(2), None);
        let at = |frame: u64| Now::from_millis(frame * 33);
        assert!(source.heard(at(0), 1, false));
        assert_eq!((source.choose(0), source.choose(2)), (Some(1), Some(1)));
        for frame in 1..100 {
            for layer in 0..3 {
                assert_eq!(source.heard(at(frame), layer, true), frame == 1 && layer != 1);
            }
        }
        assert_eq!(source.choose(1), Some(1));
        assert_eq!(source.choose(u8::MAX), Some(2));
        let gone = (100..200).find(|frame| source.heard(at(*frame), 0, true));
        assert_eq!(gone, Some(115));
        assert_eq!(source.choose(2), Some(0));
        assert!(source.heard(at(300), 2, true));
        assert_eq!(source.choose(2), Some(2));
    }

    #[test]
    fn a_still_screen_keeps_its_layers() {
        let mut source = Source::new(TrackId(1), None, Origin::Local { transport: 0 });
        source.layers.resize_with(2, Layer::default);
        for second in 0..30 {
            let changed = (0..2).filter(|layer| source.heard(Now::from_millis(second * 1000), *layer, true));
            assert_eq!(changed.count(), if second == 0 { 2 } else { 0 });
        }
    }

    #[test]
    fn a_sender_report_tells_later_times_too() {
        let clock = SenderClock {
            ntp: 5 << 32,
            rtp: 1000,
            arrival: Now::from_millis(100),
            epoch: 0,
        };
        assert_eq!(clock.at(Now::from_millis(2100), 90_000), (7 << 32, 181_000));
    }

    #[test]
    fn the_worst_loss_of_the_last_seconds() {
        let mut source = Source::new(TrackId(1), None, Origin::Local { transport: 0 });
        source.loss_reported(10, Now::from_millis(0));
        source.loss_reported(4, Now::from_millis(1000));
        assert_eq!(source.worst_loss(Now::from_millis(4000)), Some(10));
        assert_eq!(source.worst_loss(Now::from_millis(6000)), None);
    }
}
