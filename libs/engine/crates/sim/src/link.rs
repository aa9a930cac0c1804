//! One direction of a network path: loss, delay, jitter, reordering, duplication, a rate limit and outages.

use fastrand::Rng;

/// How a path treats datagrams. All times are microseconds of virtual time.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkSettings {
    /// Probability of an independent loss.
    pub loss: f64,
    /// Losses in runs (Gilbert-Elliott): all is lost while the path is in its bad state.
    pub bursts: Option<BurstLoss>,
    /// One-way delay.
    pub delay: u64,
    /// Largest additional delay; alone it never changes the order of datagrams.
    pub jitter: u64,
    /// Probability that a datagram is held back so that later ones overtake it.
    pub reorder: f64,
    /// How long a reordered datagram is held back at most.
    pub reorder_by: u64,
    /// Probability that a datagram arrives twice.
    pub duplicate: f64,
    /// Rate limit in bits per second, with a queue of `queue` microseconds in front (the tail is dropped).
    pub rate: Option<u64>,
    /// Length of the queue in front of the rate limit.
    pub queue: u64,
    /// Times between which everything is lost.
    pub outage: Option<(u64, u64)>,
}

/// Probabilities, per datagram, of entering and of leaving the state in which everything is lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurstLoss {
    /// Good to bad.
    pub enter: f64,
    /// Bad to good: the mean burst is `1 / leave` datagrams.
    pub leave: f64,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            loss: 0.0,
            bursts: None,
            delay: 10_000,
            jitter: 0,
            reorder: 0.0,
            reorder_by: 0,
            duplicate: 0.0,
            rate: None,
            queue: 100_000,
            outage: None,
        }
    }
}

/// The state of one direction of a path.
#[derive(Debug)]
pub struct Link {
    settings: LinkSettings,
    rng: Rng,
    bad: bool,
    free_at: u64,
    last_arrival: u64,
}

impl Link {
    /// A path with its own random sequence, so that traffic on one path never changes another's fate.
    pub fn new(settings: LinkSettings, seed: u64) -> Self {
        Self {
            settings,
            rng: Rng::with_seed(seed),
            bad: false,
            free_at: 0,
            last_arrival: 0,
        }
    }

    /// The settings, to be changed in the middle of a run.
    pub fn settings_mut(&mut self) -> &mut LinkSettings {
        &mut self.settings
    }

    /// The arrival times (none, one or two) of a datagram of `length` bytes sent at `now`.
    pub fn send(&mut self, now: u64, length: usize) -> [Option<u64>; 2] {
        // Every datagram draws the same number of values, so a setting changes only what it names.
        let draws: [f64; 7] = std::array::from_fn(|_| self.rng.f64());
        self.bad = match self.settings.bursts {
            Some(BurstLoss { leave, .. }) if self.bad => draws[0] >= leave,
            Some(BurstLoss { enter, .. }) => draws[0] < enter,
            None => false,
        };
        let outage = self
            .settings
            .outage
            .is_some_and(|(from, to)| (from..to).contains(&now));
        if outage || self.bad || draws[1] < self.settings.loss {
            return [None, None];
        }
        let mut departure = now;
        if let Some(rate) = self.settings.rate {
            let start = self.free_at.max(now);
            if start - now > self.settings.queue {
                return [None, None];
            }
            departure = start + length as u64 * 8_000_000 / rate.max(1);
            self.free_at = departure;
        }
        let mut arrival = departure + self.settings.delay + scaled(draws[2], self.settings.jitter);
        if draws[3] < self.settings.reorder {
            arrival += scaled(draws[4], self.settings.reorder_by);
        } else {
            arrival = arrival.max(self.last_arrival);
            self.last_arrival = arrival;
        }
        let copy = (draws[5] < self.settings.duplicate).then(|| arrival + 1 + scaled(draws[6], 20_000));
        [Some(arrival), copy]
    }
}

#[allow(clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn scaled(unit: f64, limit: u64) -> u64 {
    (unit * limit as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(settings: LinkSettings, seed: u64, count: u64) -> Vec<[Option<u64>; 2]> {
        let mut link = Link::new(settings, seed);
        (0..count).map(|i| link.send(i * 1_000, 1_000)).collect()
    }

    #[test]
    fn a_clean_path_only_delays() {
        let all = arrivals(LinkSettings::default(), 1, 100);
        assert!(
            all.iter()
                .enumerate()
                .all(|(i, a)| *a == [Some(i as u64 * 1_000 + 10_000), None])
        );
    }

    #[test]
    fn one_seed_gives_one_history() {
        let settings = LinkSettings {
            loss: 0.2,
            jitter: 9_000,
            reorder: 0.1,
            reorder_by: 30_000,
            ..LinkSettings::default()
        };
        assert_eq!(
            arrivals(settings.clone(), 7, 500),
            arrivals(settings.clone(), 7, 500)
        );
        assert_ne!(arrivals(settings.clone(), 7, 500), arrivals(settings, 8, 500));
    }

    #[test]
    fn loss_duplication_and_reordering_happen_at_their_rates() {
        let lost = arrivals(
            LinkSettings {
                loss: 0.1,
                ..LinkSettings::default()
            },
            3,
            10_000,
        );
        let lost = lost.iter().filter(|a| a[0].is_none()).count();
        assert!((800..1_200).contains(&lost), "{lost}");
        let twice = arrivals(
            LinkSettings {
                duplicate: 0.1,
                ..LinkSettings::default()
            },
            3,
            10_000,
        );
        let twice = twice.iter().filter(|a| a[1].is_some()).count();
        assert!((800..1_200).contains(&twice), "{twice}");
        let moved = LinkSettings {
            reorder: 0.1,
            reorder_by: 50_000,
            ..LinkSettings::default()
        };
        let moved = arrivals(moved, 3, 10_000);
        let overtaken = moved.windows(2).filter(|w| w[1][0] < w[0][0]).count();
        assert!((500..1_200).contains(&overtaken), "{overtaken}");
    }

    #[test]
    fn jitter_alone_keeps_the_order() {
        let all = arrivals(
            LinkSettings {
                jitter: 50_000,
                ..LinkSettings::default()
            },
            4,
            1_000,
        );
        assert!(all.windows(2).all(|w| w[0][0] <= w[1][0]));
    }

    #[test]
    fn bursts_lose_runs_and_outages_lose_everything() {
        let bursts = Some(BurstLoss {
            enter: 0.01,
            leave: 0.2,
        });
        let all = arrivals(
            LinkSettings {
                bursts,
                ..LinkSettings::default()
            },
            5,
            10_000,
        );
        let lost = all.iter().filter(|a| a[0].is_none()).count();
        let runs = all
            .windows(2)
            .filter(|w| w[0][0].is_some() && w[1][0].is_none())
            .count();
        assert!(lost > runs * 3, "{lost} losses in {runs} runs");
        let all = arrivals(
            LinkSettings {
                outage: Some((10_000, 20_000)),
                ..LinkSettings::default()
            },
            5,
            30,
        );
        assert_eq!(all.iter().filter(|a| a[0].is_none()).count(), 10);
    }

    #[test]
    fn a_rate_limit_spaces_datagrams_and_drops_the_tail() {
        let mut link = Link::new(
            LinkSettings {
                rate: Some(8_000_000),
                ..LinkSettings::default()
            },
            6,
        );
        assert_eq!(link.send(0, 1_000)[0], Some(11_000));
        assert_eq!(link.send(0, 1_000)[0], Some(12_000));
        let passed = (0..1_000).filter(|_| link.send(0, 1_000)[0].is_some()).count();
        assert!((90..110).contains(&passed), "{passed}");
    }
}
