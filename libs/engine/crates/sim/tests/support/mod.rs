//! Running a scenario over many seeds, and building random calls.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;
use rheon_engine_core::TableSizes;
use rheon_engine_sim::link::LinkSettings;
use rheon_engine_sim::media::{AudioSettings, PictureIdForm, VideoSettings};
use rheon_engine_sim::world::{Path, SECOND, SubscriptionSettings, World, WorldSettings};

/// Why a run failed.
pub type Verdict = Result<(), String>;

/// Fails the run with a formatted message unless the condition holds.
macro_rules! require {
    ($condition:expr, $($message:tt)+) => {
        let holds: bool = $condition;
        if !holds {
            return Err(format!($($message)+));
        }
    };
}
pub(crate) use require;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs a scenario over `runs` seeds and fails with the seeds that failed.
pub fn seeds(scenario: &str, runs: u64, run: impl Fn(u64) -> Verdict) {
    let seeds = match number("RHEON_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..runs * number("RHEON_SIM_RUNS").unwrap_or(1),
    };
    let total = seeds.end - seeds.start;
    let mut failures = Vec::new();
    for seed in seeds {
        let verdict = catch_unwind(AssertUnwindSafe(|| run(seed)));
        match verdict {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => failures.push((seed, reason)),
            Err(_) => failures.push((seed, "panicked".into())),
        }
    }
    if failures.is_empty() {
        return;
    }
    let mut report = format!("{} of {total} runs of `{scenario}` failed:\n", failures.len());
    for (seed, reason) in failures.iter().take(5) {
        let _ = writeln!(
            report,
            "RHEON_SIM_SEED={seed} cargo test -p rheon-engine-sim {scenario}: {reason}"
        );
    }
    panic!("{report}");
}

/// A call whose parts are random but whose shape a scenario chooses.
pub struct Call {
    pub(crate) world: World,
    pub(crate) publisher: usize,
    pub(crate) video: usize,
    pub(crate) audio: usize,
    pub(crate) subscribers: Vec<usize>,
    /// Per subscriber the forwards of video and audio.
    pub(crate) forwards: Vec<(usize, usize)>,
    pub(crate) layers: u8,
}

/// What a scenario chooses.
#[derive(Clone, Debug)]
pub struct Shape {
    pub(crate) settings: WorldSettings,
    pub(crate) publisher: Path,
    /// Worker and path of each subscriber.
    pub(crate) subscribers: Vec<(usize, Path)>,
    pub(crate) video: VideoSettings,
    pub(crate) audio: AudioSettings,
}

/// A path of a one-way delay of up to 40 ms without faults.
pub fn clean_path(rng: &mut Rng) -> Path {
    let link = LinkSettings {
        delay: rng.u64(1_000..40_000),
        jitter: rng.u64(0..3_000),
        ..LinkSettings::default()
    };
    Path {
        up: link.clone(),
        down: link,
    }
}

/// Both directions changed in the same way.
pub fn both(mut path: Path, change: impl Fn(&mut LinkSettings)) -> Path {
    change(&mut path.up);
    change(&mut path.down);
    path
}

/// A start so close to the end of the numbers that a wrap comes within the run, or anywhere. Never so close that the
/// first packets could all be lost before it: a receiver could not know of that wrap.
fn first_sequence(rng: &mut Rng) -> u16 {
    match rng.u8(0..3) {
        0 => u16::MAX - rng.u16(80..400),
        1 => rng.u16(0..3),
        _ => rng.u16(0..0x7FFF),
    }
}

fn first_timestamp(rng: &mut Rng) -> u32 {
    if rng.bool() {
        u32::MAX - rng.u32(0..250_000)
    } else {
        rng.u32(..)
    }
}

impl Shape {
    /// One publisher and two subscribers on one worker and clean paths.
    pub fn random(rng: &mut Rng) -> Self {
        let packets = match rng.u8(0..4) {
            0 => 1..=1,
            1 => 1..=3,
            2 => 6..=6,
            _ => 1..=12,
        };
        let length = match rng.u8(0..3) {
            0 => 1_000..=1_100,
            1 => 60..=200,
            _ => 60..=1_100,
        };
        let video = VideoSettings {
            rate: rng.u64(10..=30),
            packets,
            length,
            simulcast: 1,
            layers: rng.u8(1..=3),
            picture_id: [PictureIdForm::Absent, PictureIdForm::Short, PictureIdForm::Long][rng.usize(0..3)],
            first_picture_id: [0, 100, 32_740, rng.u16(0..0x7FFF)][rng.usize(0..4)],
            first_sequence: first_sequence(rng),
            first_timestamp: first_timestamp(rng),
            padding_only: [0.0, 0.05][rng.usize(0..2)],
            padding: [0.0, 0.05][rng.usize(0..2)],
            rtx: true,
        };
        let audio = AudioSettings {
            dtx: rng.bool(),
            first_sequence: first_sequence(rng),
            first_timestamp: first_timestamp(rng),
        };
        Self {
            settings: WorldSettings {
                batch: rng.usize(1..32),
                ..WorldSettings::default()
            },
            publisher: clean_path(rng),
            subscribers: (0..2).map(|_| (0, clean_path(rng))).collect(),
            video,
            audio,
        }
    }

    /// The call, not yet running.
    pub fn build(self, seed: u64) -> Call {
        let mut world = World::new(self.settings, seed);
        let layers = self.video.layers;
        let (publisher, tracks) = world.publish(0, self.publisher, Some(self.video), Some(self.audio));
        let mut call = Call {
            world,
            publisher,
            video: tracks[0],
            audio: tracks[1],
            subscribers: Vec::new(),
            forwards: Vec::new(),
            layers,
        };
        for (worker, path) in self.subscribers {
            call.subscribe(worker, path);
        }
        call
    }
}

impl Call {
    /// A random call of a shape that a scenario may change.
    pub fn new(seed: u64, change: impl FnOnce(&mut Rng, &mut Shape)) -> Self {
        let mut rng = Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5EED);
        let mut shape = Shape::random(&mut rng);
        change(&mut rng, &mut shape);
        shape.build(seed)
    }

    /// Another subscriber of both tracks.
    pub fn subscribe(&mut self, worker: usize, path: Path) -> usize {
        let padding = self.world.rng().bool();
        let tracks = [self.video, self.audio].map(|track| SubscriptionSettings {
            padding,
            ..SubscriptionSettings::new(track)
        });
        let (subscriber, forwards) = self.world.subscribe(worker, path, &tracks);
        self.subscribers.push(subscriber);
        self.forwards.push((forwards[0], forwards[1]));
        self.subscribers.len() - 1
    }

    /// No rule was broken, no worker panicked, no subscriber was misled about what it can decode.
    pub fn faultless(&self) -> Verdict {
        let faults = self.world.judge();
        let shown: Vec<_> = faults.iter().take(4).map(ToString::to_string).collect();
        require!(
            faults.is_empty(),
            "{} faults: {}",
            faults.len(),
            shown.join("\n    ")
        );
        for host in &self.world.workers {
            let panics = host
                .worker
                .counters()
                .dropped(rheon_engine_core::DropReason::Panic);
            require!(panics == 0, "{panics} contained panics");
        }
        for (video, _) in &self.forwards {
            let broken = self
                .world
                .progress(*video, self.layers)
                .map_or(0, |progress| progress.broken);
            require!(
                broken == 0,
                "forward {video}: {broken} frames looked decodable but were not"
            );
        }
        Ok(())
    }

    /// Every subscriber decoded at least these shares of video and audio.
    pub fn progressed(&self, video_share: f64, audio_share: f64) -> Verdict {
        for (video, audio) in &self.forwards {
            for (forward, share) in [(*video, video_share), (*audio, audio_share)] {
                let Some(progress) = self.world.progress(forward, self.layers) else {
                    continue;
                };
                require!(
                    progress.published > 2,
                    "forward {forward}: hardly started: {progress:?}"
                );
                require!(
                    progress.share() >= share,
                    "forward {forward}: {:.3} of {progress:?}",
                    progress.share()
                );
            }
        }
        Ok(())
    }

    /// Runs for seconds of virtual time.
    pub fn run(&mut self, seconds: f64) {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        self.world.run_for((seconds * SECOND as f64) as u64);
    }
}

/// Tables are what they were, but for a retransmission stream that shows with its first packet.
pub fn unchanged(before: &[TableSizes], after: &[TableSizes]) -> Verdict {
    for (before, after) in before.iter().zip(after) {
        let likened = TableSizes {
            ssrcs: before.ssrcs.max(after.ssrcs.saturating_sub(1)),
            ..*after
        };
        require!(*before == likened, "tables changed from {before:?} to {after:?}");
    }
    Ok(())
}
