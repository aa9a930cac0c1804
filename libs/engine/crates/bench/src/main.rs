//! Traffic for benchmarks: one publisher and many subscribers, each with a socket of its own.
//!
//! Every peer passes an ICE check; then `ready` is printed and `go` awaited on standard input. After a second of traffic
//! `measure` is printed, after the measured time `done` with the figures as `name=value`.

mod latency;
mod peers;
mod publisher;

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use peers::Subscribers;
use publisher::Publisher;

/// What to send, from the command line as `name=value`.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The address of each of the engine's workers. The publisher is on the first, subscribers take turns.
    pub servers: Vec<String>,
    /// Number of subscribers.
    pub subscribers: usize,
    /// Measured time.
    pub seconds: f64,
    /// Video packets a second from the publisher; 0: no video.
    pub video: f64,
    /// Packets of a video frame.
    pub burst: usize,
    /// Bytes of a video packet, protected.
    pub size: usize,
    /// Time from the first to the last packet of a frame.
    pub spread: Duration,
    /// Audio packets a second from the publisher; 0: no audio.
    pub audio: f64,
}

fn main() {
    let workload = Workload::from_arguments();
    let mut publisher = Publisher::connect(&workload);
    let mut subscribers = Subscribers::connect(&workload);
    say("ready");
    std::io::stdin()
        .lock()
        .read_line(&mut String::new())
        .expect("a line");

    run(&mut publisher, &mut subscribers, Duration::from_secs(1));
    drain(&mut subscribers, Duration::from_millis(100));
    subscribers.forget_latencies();
    let (sent, received) = (publisher.sent(), subscribers.received());
    say("measure");
    run(
        &mut publisher,
        &mut subscribers,
        Duration::from_secs_f64(workload.seconds),
    );
    say("done");

    drain(&mut subscribers, Duration::from_millis(300));
    let expected = (publisher.sent() - sent) * subscribers.count();
    println!("published={}", publisher.sent() - sent);
    println!("expected={expected}");
    println!("received={}", subscribers.received() - received);
    for (name, latencies) in subscribers.latencies() {
        println!("{name}-p50-us={:.0}", latencies.percentile(0.5));
        println!("{name}-p99-us={:.0}", latencies.percentile(0.99));
        println!("{name}-samples={}", latencies.count());
    }
    say("end");
}

/// Send what is due and take what comes, for some time.
fn run(publisher: &mut Publisher, subscribers: &mut Subscribers, time: Duration) {
    let end = Instant::now() + time;
    loop {
        let now = Instant::now();
        if now >= end {
            return;
        }
        publisher.send_due(now);
        let wait = publisher
            .next_due()
            .min(end)
            .saturating_duration_since(Instant::now());
        subscribers.receive(wait);
    }
}

/// Take what is still on its way.
fn drain(subscribers: &mut Subscribers, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        subscribers.receive(Duration::from_millis(10));
    }
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("standard output");
}

impl Workload {
    fn from_arguments() -> Self {
        let mut workload = Self {
            servers: Vec::new(),
            subscribers: 100,
            seconds: 10.0,
            video: 300.0,
            burst: 8,
            size: 1100,
            spread: Duration::ZERO,
            audio: 0.0,
        };
        for argument in std::env::args().skip(1) {
            let (name, value) = argument.split_once('=').expect("name=value");
            let number = || value.parse::<f64>().expect("a number");
            match name {
                "servers" => workload.servers = value.split(',').map(str::to_owned).collect(),
                "subscribers" => workload.subscribers = value.parse().expect("a count"),
                "seconds" => workload.seconds = number(),
                "video" => workload.video = number(),
                "burst" => workload.burst = value.parse().expect("a count"),
                "size" => workload.size = value.parse().expect("a size"),
                "spread-us" => workload.spread = Duration::from_secs_f64(number() / 1e6),
                "audio" => workload.audio = number(),
                other => panic!("{other} is not known"),
            }
        }
        workload
    }
}
