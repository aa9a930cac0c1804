//! `rheon-fuzz [TARGET…] [--seconds N] [--seed S]`: fuzzes the named targets, or all, in turn.
//!
//! Without `--seconds` it goes on until it is stopped; with it each target gets that long. `--hex INPUT` gives one
//! target one input, as a failure printed it. `--list` names the targets. A failure ends the run with exit status 1, an
//! input that takes longer than 20 seconds with 2.

use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, process, thread};

use rheon_engine_fuzz::corpus::from_hex;
use rheon_engine_fuzz::fuzzer::{Current, Fuzzer};
use rheon_engine_fuzz::targets::{TARGETS, Target};

/// How long one target runs before the next has its turn.
const TURN: Duration = Duration::from_secs(5);
/// Inputs between two looks at the clock.
const CHUNK: u64 = 64;
/// Longest one input may take.
const PATIENCE: Duration = Duration::from_secs(20);

struct Arguments {
    targets: Vec<&'static Target>,
    seconds: Option<u64>,
    seed: u64,
    hex: Option<Vec<u8>>,
    list: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut parsed = Arguments {
        targets: Vec::new(),
        seconds: None,
        seed: fastrand::u64(..),
        hex: None,
        list: false,
    };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text} is no number"));
        match argument.as_str() {
            "--seconds" => parsed.seconds = Some(number(value()?)?),
            "--seed" => parsed.seed = number(value()?)?,
            "--hex" => parsed.hex = Some(from_hex(&value()?).ok_or("--hex needs pairs of hex digits")?),
            "--list" => parsed.list = true,
            name => {
                let target = TARGETS.iter().find(|target| target.name == name);
                parsed
                    .targets
                    .push(target.ok_or(format!("no target {name}; --list names them"))?);
            }
        }
    }
    if parsed.hex.is_some() && parsed.targets.len() != 1 {
        return Err("--hex needs one target".to_owned());
    }
    if parsed.targets.is_empty() {
        parsed.targets = TARGETS.iter().collect();
    }
    Ok(parsed)
}

/// Ends the process when one input takes too long: a target that never returns cannot report it.
fn watch(current: Current) {
    thread::spawn(move || {
        let mut last = None;
        loop {
            thread::sleep(PATIENCE);
            let now = current.get();
            if let Some(stuck) = now.as_ref()
                && now == last
            {
                eprintln!("takes longer than {} s: {stuck}", PATIENCE.as_secs());
                process::exit(2);
            }
            last = now;
        }
    });
}

fn fuzz(arguments: &Arguments) -> Result<(), String> {
    let current = Current::default();
    let mut fuzzers = Vec::new();
    for target in &arguments.targets {
        let fuzzer = Fuzzer::new(target, arguments.seed, current.clone());
        let fuzzer = fuzzer.map_err(|error| format!("corpus of {}: {error}", target.name))?;
        fuzzers.push((fuzzer, Duration::ZERO));
    }
    watch(current);
    println!("seed {}", arguments.seed);
    let limit = arguments.seconds.map(Duration::from_secs);
    while !fuzzers.is_empty() {
        for (fuzzer, spent) in &mut fuzzers {
            let turn = limit.map_or(TURN, |limit| TURN.min(limit.saturating_sub(*spent)));
            let start = Instant::now();
            while start.elapsed() < turn {
                fuzzer
                    .run(CHUNK)
                    .map_err(|failure| format!("failed: {failure}"))?;
            }
            *spent += start.elapsed();
            println!(
                "{:24} {:12} inputs {:6} outcomes {:6} s",
                fuzzer.target().name,
                fuzzer.iterations(),
                fuzzer.outcomes(),
                spent.as_secs()
            );
        }
        fuzzers.retain(|(_, spent)| limit.is_none_or(|limit| *spent < limit));
    }
    Ok(())
}

fn run() -> Result<(), String> {
    let arguments = arguments()?;
    if arguments.list {
        for target in &TARGETS {
            println!("{}", target.name);
        }
        return Ok(());
    }
    if let (Some(input), [target]) = (&arguments.hex, arguments.targets.as_slice()) {
        println!("outcome {:#x}", (target.run)(input));
        return Ok(());
    }
    fuzz(&arguments)
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}
