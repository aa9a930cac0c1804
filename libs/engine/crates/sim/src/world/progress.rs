//! What a subscriber got of what was published.

use std::collections::HashSet;

use super::World;

/// Frames of one forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Published from the first frame the subscriber decoded until shortly before now.
    pub published: usize,
    /// Decoded (video) or received (audio) of these.
    pub decoded: usize,
    /// Frames that looked decodable but were not.
    pub broken: usize,
    /// Numbers the subscriber asked for again.
    pub nacks: u64,
    /// Packets it recovered.
    pub recovered: u64,
    /// Key frames it decoded.
    pub keys: u32,
}

impl Progress {
    /// Share of the published frames that were decoded.
    #[allow(clippy::cast_precision_loss)]
    pub fn share(&self) -> f64 {
        self.decoded as f64 / self.published.max(1) as f64
    }
}

impl World {
    /// Frames that are too young to be judged.
    const RECENT: u64 = 1_000_000;

    /// How far a forward's subscriber got; nothing if it never decoded a frame or left.
    pub fn progress(&self, forward: usize, highest_tid: u8) -> Option<Progress> {
        let host = self.forwards.get(forward)?;
        let subscription = self
            .subscriber(host.subscriber)?
            .subscriptions
            .iter()
            .find(|s| s.ssrc == host.ssrc)?;
        let got: HashSet<(u16, u32)> = if subscription.video {
            subscription.decoder.decoded().clone()
        } else {
            subscription
                .received
                .values()
                .map(|tag| (tag.stream, tag.frame))
                .collect()
        };
        let streams = &self.tracks.get(host.track)?.streams;
        let frames = streams.iter().flat_map(|stream| self.log.frames(*stream));
        let frames: Vec<_> = frames
            .skip_while(|f| !got.contains(&(f.first.stream, f.first.frame)))
            .filter(|f| f.first.tid <= highest_tid && f.at + Self::RECENT <= self.now)
            .collect();
        let decoded = frames
            .iter()
            .filter(|f| got.contains(&(f.first.stream, f.first.frame)))
            .count();
        Some(Progress {
            published: frames.len(),
            decoded,
            broken: subscription.decoder.broken().len(),
            nacks: subscription.nacks,
            recovered: subscription.recovered,
            keys: subscription.decoder.keys(),
        })
    }
}
