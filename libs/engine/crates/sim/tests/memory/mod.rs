//! In steady state a worker allocates nothing per packet, so its memory is bounded by its tables.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rheon_engine_sim::meter;

use crate::support::{Call, require, seeds};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    if meter::inside() {
        let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
    }
}

// SAFETY: everything is left to the system's allocator; counting touches a thread-local cell and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn no_allocation_per_packet() {
    seeds("no_allocation_per_packet", 20, |seed| {
        let mut call = Call::new(seed, |rng, shape| {
            shape.settings.workers = rng.u8(1..=2);
            shape.subscribers[0].0 = usize::from(shape.settings.workers) - 1;
            shape.publisher.up.loss = 0.02;
        });
        call.run(8.0);
        let packets = |call: &Call| {
            call.world
                .workers
                .iter()
                .map(|host| host.worker.counters().packets_sent)
                .sum::<u64>()
        };
        let (sent, allocated) = (packets(&call), ALLOCATIONS.get());
        call.run(8.0);
        let (sent, allocated) = (packets(&call) - sent, ALLOCATIONS.get() - allocated);
        require!(sent > 500, "only {sent} packets");
        // Feedback, commands and the queues between workers may allocate now and then.
        require!(
            allocated < sent / 20 + 100,
            "{allocated} allocations for {sent} packets"
        );
        call.faultless()
    });
}
