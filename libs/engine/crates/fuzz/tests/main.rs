//! A bounded run of every target, and of the harness itself.

use rheon_engine_fuzz::corpus::{from_hex, to_hex};
use rheon_engine_fuzz::fuzzer::{Current, Fuzzer};
use rheon_engine_fuzz::targets::{TARGETS, Target};

/// Always the same inputs: what is found by chance belongs into `make fuzz`.
const SEED: u64 = 1;

fn run(target: &'static Target) {
    let mut fuzzer = Fuzzer::new(target, SEED, Current::default()).expect("a corpus");
    if let Err(failure) = fuzzer.run(target.bounded) {
        panic!("{failure}");
    }
    // A target that ends all inputs alike tests nothing.
    assert!(fuzzer.outcomes() >= 8, "{} outcomes", fuzzer.outcomes());
}

/// One test for each target.
macro_rules! targets {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            run(TARGETS.iter().find(|target| target.name == $name).expect("exists"));
        })*

        #[test]
        fn every_target_has_a_test() {
            assert_eq!(TARGETS.each_ref().map(|target| target.name), [$($name),*]);
        }
    };
}

targets! {
    stun: "stun",
    rtp: "rtp",
    extensions: "extensions",
    rtcp: "rtcp",
    transport_cc: "transport-cc",
    srtp: "srtp",
    vp8: "vp8",
    vp9: "vp9",
    h264: "h264",
    h265: "h265",
    av1: "av1",
    red: "red",
    dependency_descriptor: "dependency-descriptor",
    worker: "worker",
}

#[test]
fn a_failure_tells_how_to_see_it_again() {
    static FRAGILE: Target = Target {
        name: "vp8",
        run: |input| {
            assert!(input.len() != 5, "five bytes");
            input.len() as u64
        },
        max_len: 100,
        bounded: 0,
    };
    let run = || {
        let mut fuzzer = Fuzzer::new(&FRAGILE, 3, Current::default()).expect("a corpus");
        fuzzer.run(100_000).expect_err("found")
    };
    let failure = run();
    assert_eq!(failure.input.len(), 5);
    assert_eq!(failure, run());
    let text = failure.to_string();
    let hex = text.lines().last().expect("a line");
    assert_eq!(from_hex(hex), Some(failure.input));
}

#[test]
fn hex_round_trips() {
    assert_eq!(from_hex(&to_hex(&[0, 0x7f, 0xff])), Some(vec![0, 0x7f, 0xff]));
    assert_eq!(from_hex("abc"), None);
    assert_eq!(from_hex("zz"), None);
}
