//! The loop: pick an input, change it, give it to the target, look at what came of it.

use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;

use crate::corpus;
use crate::mutation::mutate;
use crate::targets::Target;

/// Inputs kept for further mutation beside those of the corpus; then new ones replace old ones at random.
const MAX_POOL: usize = 512;
/// Sums of outcomes told apart; then all are forgotten, so that inputs go on being exchanged.
const MAX_OUTCOMES: usize = 1 << 16;

/// An input that a target did not bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Name of the target.
    pub target: &'static str,
    /// Seed of the fuzzer.
    pub seed: u64,
    /// Inputs run before this one.
    pub iteration: u64,
    /// The input.
    pub input: Vec<u8>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            target,
            seed,
            iteration,
            input,
        } = self;
        let hex = corpus::to_hex(input);
        write!(
            f,
            "target {target}, seed {seed}, iteration {iteration}, input:\n{hex}"
        )
    }
}

/// What is being run now, for a watchdog.
#[derive(Debug, Default, Clone)]
pub struct Current(Arc<Mutex<Option<Failure>>>);

impl Current {
    /// The input now in the target, as the failure it will be if the target never returns.
    pub fn get(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, target: &'static str, seed: u64, iteration: u64, input: &[u8]) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = current.get_or_insert_with(|| Failure {
            target,
            seed,
            iteration,
            input: Vec::new(),
        });
        (now.target, now.seed, now.iteration) = (target, seed, iteration);
        now.input.clear();
        now.input.extend_from_slice(input);
    }
}

/// Fuzzes one target.
#[derive(Debug)]
pub struct Fuzzer {
    target: &'static Target,
    seed: u64,
    rng: Rng,
    /// Inputs of the corpus first.
    pool: Vec<Vec<u8>>,
    corpus_len: usize,
    outcomes: HashSet<u64>,
    iterations: u64,
    current: Current,
}

impl Fuzzer {
    /// A fuzzer that starts from the target's corpus; an error if that cannot be read or is empty.
    pub fn new(target: &'static Target, seed: u64, current: Current) -> io::Result<Self> {
        let pool = corpus::load(target.name)?;
        if pool.is_empty() {
            let text = format!("the corpus of {} is empty", target.name);
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        Ok(Self {
            target,
            seed,
            rng: Rng::with_seed(seed),
            corpus_len: pool.len(),
            pool,
            outcomes: HashSet::new(),
            iterations: 0,
            current,
        })
    }

    /// The target.
    pub fn target(&self) -> &'static Target {
        self.target
    }

    /// Inputs run so far.
    pub fn iterations(&self) -> u64 {
        self.iterations
    }

    /// Different outcomes seen since they were last forgotten.
    pub fn outcomes(&self) -> usize {
        self.outcomes.len()
    }

    /// Runs the corpus as it is, then `count` mutations.
    pub fn run(&mut self, count: u64) -> Result<(), Box<Failure>> {
        if self.iterations == 0 {
            for input in self.pool.clone() {
                self.try_input(input)?;
            }
        }
        for _ in 0..count {
            // Half the time from the corpus itself: what mutations lead to is long, and far from anything that works.
            let bases = if self.rng.bool() {
                self.corpus_len
            } else {
                self.pool.len()
            };
            let base = &self.pool[self.rng.usize(0..bases)];
            let other = &self.pool[self.rng.usize(0..self.pool.len())];
            let input = mutate(&mut self.rng, base, other, self.target.max_len);
            self.try_input(input)?;
        }
        Ok(())
    }

    fn try_input(&mut self, input: Vec<u8>) -> Result<(), Box<Failure>> {
        self.current
            .set(self.target.name, self.seed, self.iterations, &input);
        let run = self.target.run;
        let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| run(&input))) else {
            return Err(Box::new(Failure {
                target: self.target.name,
                seed: self.seed,
                iteration: self.iterations,
                input,
            }));
        };
        self.iterations += 1;
        if self.outcomes.len() == MAX_OUTCOMES {
            self.outcomes.clear();
        }
        if self.outcomes.insert(outcome) {
            if self.pool.len() < self.corpus_len + MAX_POOL {
                self.pool.push(input);
            } else {
                let replaced = self.rng.usize(self.corpus_len..self.pool.len());
                self.pool[replaced] = input;
            }
        }
        Ok(())
    }
}
