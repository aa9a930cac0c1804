//! What is fuzzed. A target panics where something does not hold that must hold of any input, and otherwise sums up what
//! it saw: inputs with different sums are worth keeping apart.

mod codecs;
mod descriptor;
mod transport;
mod worker;

/// One thing to fuzz.
#[derive(Debug)]
pub struct Target {
    /// Its name, and its corpus's.
    pub name: &'static str,
    /// Runs one input.
    pub run: fn(&[u8]) -> u64,
    /// Longest input.
    pub max_len: usize,
    /// Inputs of a bounded run.
    pub bounded: u64,
}

/// Longest datagram the engine reads, rounded up.
const DATAGRAM: usize = 1600;

/// A parser of one datagram or payload.
const fn parser(name: &'static str, run: fn(&[u8]) -> u64) -> Target {
    Target {
        name,
        run,
        max_len: DATAGRAM,
        bounded: 1_000_000,
    }
}

/// All targets.
pub static TARGETS: [Target; 14] = [
    parser("stun", transport::stun),
    parser("rtp", transport::rtp),
    parser("extensions", transport::extensions),
    parser("rtcp", transport::rtcp),
    Target {
        bounded: 60_000,
        ..parser("transport-cc", transport::transport_cc)
    },
    Target {
        bounded: 200_000,
        ..parser("srtp", transport::srtp)
    },
    parser("vp8", codecs::vp8),
    parser("vp9", codecs::vp9),
    parser("h264", codecs::h264),
    parser("h265", codecs::h265),
    parser("av1", codecs::av1),
    parser("red", codecs::red),
    Target {
        max_len: 400,
        bounded: 300_000,
        ..parser("dependency-descriptor", descriptor::dependency_descriptor)
    },
    Target {
        name: "worker",
        run: worker::worker,
        max_len: 4000,
        bounded: 10_000,
    },
];

/// Gathers small facts into a sum.
#[derive(Default)]
struct Sum(u64);

impl Sum {
    /// Adds a fact; numbers are told apart by their size, not each by each.
    fn add(&mut self, fact: u64) -> &mut Self {
        let size = if fact < 4 {
            fact
        } else {
            u64::from(66 - fact.leading_zeros())
        };
        self.0 = (self.0.rotate_left(7) ^ size).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self
    }

    fn flag(&mut self, fact: bool) -> &mut Self {
        self.add(fact.into())
    }
}
