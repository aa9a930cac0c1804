//! In steady state a packet's way through the worker allocates nothing: not for ingress, fan-out, feedback or repair.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use rheon_engine_core::{Datagram, Worker};

use crate::support::{Net, SERVER, TRANSPORT_CC, audio_packet, forward, opus, video_packet, vp8};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting per thread.
struct Counting;

// SAFETY: every call is passed on unchanged; the counter itself never allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FRAMES: u64 = 1600;
const WARM_UP: u64 = 1000;
const SUBSCRIBERS: u32 = 10;

#[test]
fn a_packets_way_allocates_nothing() {
    let mut net = Net::new();
    let publisher = net.peer(1);
    net.add_track(publisher, 10, vp8(1));
    net.add_track(publisher, 11, opus(50));
    for number in 0..SUBSCRIBERS {
        let subscriber = net.peer(2 + number);
        net.add_forward(subscriber, 100 + number, 10, forward(500, 96));
        net.add_forward(subscriber, 200 + number, 11, forward(600, 111));
    }
    // Per 10 ms: a frame of eight packets, one of them lost on the way in, a packet of audio, a NACK from below.
    let mut frames = Vec::new();
    for frame in 0..FRAMES {
        let mut datagrams = Vec::new();
        for part in (0..8).filter(|part| (frame + part) % 9 != 4) {
            let mut packet = video_packet(1, 100 + frame * 8 + part, frame, (part, 8), frame == 0, 0);
            packet
                .extensions
                .push((TRANSPORT_CC, ((frame * 8 + part) as u16).to_be_bytes().to_vec()));
            datagrams.push((publisher, net.peers[publisher].protect(&packet)));
        }
        datagrams.push((publisher, net.peers[publisher].protect(&audio_packet(50, frame))));
        let subscriber = 1 + (frame % u64::from(SUBSCRIBERS)) as usize;
        let nack = net.peers[subscriber].compound(|writer| writer.nack(9, 500, [(frame * 8) as u16]));
        datagrams.push((subscriber, nack));
        frames.push(datagrams);
    }
    let addresses: Vec<_> = net.peers.iter().map(|peer| peer.address).collect();
    let mut now = net.now;
    let (mut sent, mut counted) = (0, 0);
    for (number, datagrams) in (0..).zip(&mut frames) {
        let before = ALLOCATIONS.with(Cell::get);
        for (peer, bytes) in datagrams {
            net.worker.input(
                now,
                Datagram {
                    local: SERVER.into(),
                    remote: addresses[*peer],
                    bytes,
                },
            );
            sent += flush(&mut net.worker, now);
        }
        now = now + Duration::from_millis(10);
        sent += flush(&mut net.worker, now);
        if number >= WARM_UP {
            counted += ALLOCATIONS.with(Cell::get) - before;
        }
    }
    let expected = FRAMES * (7 + 1) * u64::from(SUBSCRIBERS);
    assert!(
        sent as u64 > expected,
        "{sent} of {expected}: media, audio, feedback"
    );
    assert_eq!(counted, 0, "allocations after the first {WARM_UP} frames");
}

fn flush(worker: &mut Worker, now: rheon_engine_core::Now) -> usize {
    worker.batch_end(now);
    let sent = worker.egress().datagrams();
    worker.egress().clear();
    sent
}
