//! Tests of sending and receiving through the real kernel.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::receive::ReceiveBatch;
use crate::send::{Message, Sender};
use crate::signal::Epoll;
use crate::socket::{Segmentation, Socket, bind_block};

fn bind(ip: &str, segmentation: Segmentation) -> Socket {
    Socket::bind(SocketAddr::new(ip.parse().expect("ip"), 0), segmentation).expect("a socket")
}

/// Send one message from `source` and return what arrived: (local, remote, bytes) of each datagram.
fn exchange(
    sender: &mut Sender,
    from: &Socket,
    to: &Socket,
    destination: &str,
    source: &str,
    arena: &[u8],
    segment: usize,
) -> Vec<(IpAddr, SocketAddr, Vec<u8>)> {
    sender.push(Message {
        source: source.parse().expect("ip"),
        remote: SocketAddr::new(destination.parse().expect("ip"), to.local().port()),
        offset: 0,
        length: arena.len(),
        segment,
    });
    sender.flush(arena, from);
    let epoll = Epoll::new().expect("epoll");
    epoll.add(to, 0).expect("add");
    let (mut batch, mut ready, mut arrived) = (ReceiveBatch::new(), Vec::new(), Vec::new());
    while arrived.len() < arena.len().div_ceil(segment) {
        epoll
            .wait(Some(Duration::from_secs(5)), &mut ready)
            .expect("wait");
        assert!(!ready.is_empty(), "only {} datagrams arrived", arrived.len());
        for index in 0..batch.receive(to).expect("receive") {
            batch.datagrams(index, to, |datagram| {
                assert_eq!(datagram.local.port(), to.local().port());
                arrived.push((datagram.local.ip(), datagram.remote, datagram.bytes.to_vec()));
            });
        }
    }
    arrived
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index / 100) as u8).collect()
}

#[test]
fn a_run_arrives_as_its_packets_whatever_the_kernel_says_of_segmentation() {
    for (wildcard, loopback) in [("0.0.0.0", "127.0.0.1"), ("::", "::1")] {
        for segmentation in [Segmentation::Auto, Segmentation::Off, Segmentation::Fail] {
            let refused = segmentation == Segmentation::Fail && loopback == "127.0.0.1";
            let (from, to) = (bind(wildcard, segmentation), bind(wildcard, Segmentation::Auto));
            let mut sender = Sender::new(segmentation);
            for calls in [1, 2] {
                let arrived = exchange(&mut sender, &from, &to, loopback, loopback, &pattern(750), 100);
                let lengths: Vec<_> = arrived.iter().map(|(_, _, bytes)| bytes.len()).collect();
                assert_eq!(lengths, [100, 100, 100, 100, 100, 100, 100, 50]);
                assert!(
                    (0..8)
                        .zip(&arrived)
                        .all(|(index, (_, _, bytes))| bytes.iter().all(|&b| b == index))
                );
                let counters = sender.counters();
                assert_eq!((counters.packets, counters.bytes), (8 * calls, 750 * calls));
                // A kernel that refuses runs is asked once for each destination.
                let asked = if refused { calls + 1 } else { calls };
                assert_eq!(counters.calls, asked, "{segmentation:?}");
                assert_eq!((counters.refused, counters.buffer_full), (0, 0));
            }
            assert_eq!(sender.segmentation(), segmentation != Segmentation::Off);
        }
    }
}

#[test]
fn replies_leave_from_the_address_that_was_spoken_to() {
    let (server, client) = (
        bind("0.0.0.0", Segmentation::Auto),
        bind("127.0.0.1", Segmentation::Auto),
    );
    let mut sender = Sender::new(Segmentation::Auto);
    let asked = exchange(
        &mut sender,
        &client,
        &server,
        "127.0.0.7",
        "127.0.0.1",
        b"hello",
        5,
    );
    let (local, remote, bytes) = &asked[0];
    assert_eq!(
        (local.to_string().as_str(), *remote, bytes.as_slice()),
        ("127.0.0.7", client.local(), &b"hello"[..])
    );
    let answered = exchange(
        &mut sender,
        &server,
        &client,
        "127.0.0.1",
        "127.0.0.7",
        b"hello",
        5,
    );
    assert_eq!(answered[0].1, SocketAddr::new(*local, server.local().port()));
}

#[test]
fn an_empty_datagram_is_a_datagram() {
    let (from, to) = (
        bind("127.0.0.1", Segmentation::Auto),
        bind("127.0.0.1", Segmentation::Auto),
    );
    let plain = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    plain.send_to(&[], to.local()).expect("send");
    let arrived = exchange(
        &mut Sender::new(Segmentation::Auto),
        &from,
        &to,
        "127.0.0.1",
        "127.0.0.1",
        b"x",
        1,
    );
    assert_eq!(arrived.first().map(|(_, _, bytes)| bytes.len()), Some(0));
}

#[test]
fn a_refused_datagram_is_counted_and_the_next_one_sent() {
    let (from, to) = (
        bind("127.0.0.1", Segmentation::Auto),
        bind("127.0.0.1", Segmentation::Auto),
    );
    let mut sender = Sender::new(Segmentation::Auto);
    let message = Message {
        source: "127.0.0.1".parse().expect("ip"),
        remote: SocketAddr::new("192.0.2.1".parse().expect("ip"), 0),
        offset: 0,
        length: 1,
        segment: 1,
    };
    sender.push(message);
    assert_eq!(
        exchange(&mut sender, &from, &to, "127.0.0.1", "127.0.0.1", b"x", 1).len(),
        1
    );
    assert_eq!((sender.counters().refused, sender.counters().packets), (1, 1));
}

#[test]
fn a_busy_block_of_ports_takes_the_next_free_one() {
    let loopback: Vec<IpAddr> = vec!["127.0.0.1".parse().expect("ip"), "::1".parse().expect("ip")];
    let taken = bind_block(&loopback, 0, 1, Segmentation::Auto).expect("a block");
    let busy = taken[0][0].local().port();
    let first = busy - 1;
    let block = bind_block(&loopback, first, 2, Segmentation::Auto).expect("another block");
    let ports: Vec<Vec<u16>> = block
        .iter()
        .map(|sockets| sockets.iter().map(|socket| socket.local().port()).collect())
        .collect();
    assert!(ports[0][0] > busy, "{ports:?} overlaps {busy}");
    assert!(ports.iter().all(|worker| worker[0] == worker[1]));
    assert_eq!(ports[1][0], ports[0][0] + 1);
}

#[test]
fn no_free_block_is_an_error() {
    let loopback: Vec<IpAddr> = vec!["127.0.0.1".parse().expect("ip")];
    let error = bind_block(&loopback, 65535, 2, Segmentation::Auto).expect_err("there is no port 65536");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
