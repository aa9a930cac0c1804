//! Containment of panics, which only a test inside the crate can provoke.

#[path = "../../tests/support/mod.rs"]
#[allow(dead_code, missing_docs)]
mod support;

use support::{Net, audio_packet, forward, opus};

use crate::{DropReason, Event, TransportId};

/// A publisher and two subscribers.
fn call() -> Net {
    let mut net = Net::new();
    for number in 1..=3 {
        net.peer(number);
    }
    net.add_track(0, 10, opus(1));
    net.add_forward(1, 20, 10, forward(500, 96));
    net.add_forward(2, 30, 10, forward(500, 96));
    net.rtp(0, &audio_packet(1, 0));
    net.events.clear();
    net
}

#[test]
fn a_panic_for_a_subscriber_closes_that_subscriber_alone() {
    let mut net = call();
    net.worker.sabotaged = Some(TransportId(2));
    net.rtp(0, &audio_packet(1, 1));
    net.worker.sabotaged = None;
    net.rtp(0, &audio_packet(1, 2));
    assert!(matches!(
        net.events[..],
        [Event::TransportFailed {
            transport: TransportId(2),
            ..
        }]
    ));
    assert_eq!((net.peers[1].media.len(), net.peers[2].media.len()), (1, 3));
    assert_eq!(net.dropped(DropReason::Panic), 1);
    let tables = net.worker.stats(net.now).tables;
    assert_eq!((tables.transports, tables.forwards, tables.tuples), (2, 1, 2));
}

#[test]
fn a_panic_for_a_publisher_ends_its_tracks_with_bye() {
    let mut net = call();
    net.worker.sabotaged = Some(TransportId(1));
    net.rtp(0, &audio_packet(1, 1));
    net.worker.sabotaged = None;
    net.check(1);
    assert!(matches!(
        net.events[..],
        [Event::TransportFailed {
            transport: TransportId(1),
            ..
        }]
    ));
    assert_eq!((net.count_rtcp(1, "Bye"), net.count_rtcp(2, "Bye")), (1, 1));
    let tables = net.worker.stats(net.now).tables;
    assert_eq!((tables.transports, tables.tracks, tables.forwards), (2, 0, 0));
}

#[test]
fn a_panic_in_a_timer_is_contained_too() {
    let mut net = call();
    net.worker.sabotaged = Some(TransportId(3));
    net.pass_millis(60_000);
    assert!(net.events.iter().any(|event| matches!(
        event,
        Event::TransportFailed {
            transport: TransportId(3),
            ..
        }
    )));
    assert_eq!(net.worker.stats(net.now).tables.transports, 2);
}
