//! Opus packets every 20 ms, with talk spurts if discontinuous transmission is on (RFC 7587).

use fastrand::Rng;

use super::Payload;
use crate::truth::{HEAD, Tag};

/// An audio track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioSettings {
    /// Discontinuous transmission: silence is not sent but for a packet every 400 ms.
    pub dtx: bool,
    /// First sequence number.
    pub first_sequence: u16,
    /// First timestamp.
    pub first_timestamp: u32,
}

impl Default for AudioSettings {
    fn default() -> Self {
        Self {
            dtx: false,
            first_sequence: 2_000,
            first_timestamp: 0,
        }
    }
}

/// Makes tagged packets.
#[derive(Debug)]
pub struct OpusSource {
    settings: AudioSettings,
    rng: Rng,
    frame: u32,
    talking: bool,
    left: u32,
    started: bool,
}

impl OpusSource {
    /// Packets of a talk spurt or of a silence.
    const SPURT: std::ops::Range<u32> = 10..150;
    /// In silence one packet of this many is sent.
    const COMFORT: u32 = 20;

    /// A source that starts talking.
    pub fn new(settings: AudioSettings, seed: u64) -> Self {
        Self {
            settings,
            rng: Rng::with_seed(seed),
            frame: 0,
            talking: true,
            left: 100,
            started: true,
        }
    }

    /// The packet of the next 20 ms, unless it is silence. The marker starts a talk spurt (RFC 3551 §4.1), and the
    /// tag calls that packet a key frame.
    pub fn frame(&mut self, stream: u16) -> Option<Payload> {
        let frame = self.frame;
        self.frame += 1;
        if self.settings.dtx {
            if self.left == 0 {
                self.talking = !self.talking;
                self.started = self.talking;
                self.left = self.rng.u32(Self::SPURT);
            }
            self.left -= 1;
            if !self.talking && !self.left.is_multiple_of(Self::COMFORT) {
                return None;
            }
        }
        let marker = std::mem::take(&mut self.started);
        let tag = Tag {
            stream,
            frame,
            count: 1,
            key: marker,
            reference: frame,
            base: frame,
            ..Tag::default()
        };
        let length = self.rng.usize(60..120);
        Some(Payload {
            descriptor: Vec::new(),
            head: [0x78; HEAD],
            length,
            marker,
            tag,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_not_sent_and_spurts_start_with_a_marker() {
        let mut source = OpusSource::new(
            AudioSettings {
                dtx: true,
                ..AudioSettings::default()
            },
            5,
        );
        let all: Vec<_> = (0..5_000).map(|_| source.frame(0)).collect();
        let sent = all.iter().flatten().count();
        assert!((1_000..4_500).contains(&sent), "{sent}");
        let markers = all.iter().flatten().filter(|p| p.marker).count();
        assert!((10..100).contains(&markers), "{markers}");
    }
}
