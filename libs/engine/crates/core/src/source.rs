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
        let rtp = self.rtp.wrapping_add(crate::forward::ticks(since, clock_rate));
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
