//! ICE-lite at the worker's edge.

use rheon_engine_core::{Command, DropReason, Event, IceCredentials, TransportId};
use rheon_engine_wire::stun::BindingResponse;

use crate::support::{Net, audio_packet, forward, opus};

#[test]
fn an_authenticated_check_is_answered_with_the_senders_address() {
    let mut net = Net::new();
    let peer = net.peer(1);
    let response = BindingResponse::parse(&net.peers[peer].stun[0]).unwrap();
    assert_eq!(response.outcome, Ok(net.peers[peer].address));
    assert!(matches!(
        net.events[..],
        [Event::IceConnected {
            transport: TransportId(1)
        }]
    ));
}

#[test]
fn strangers_get_no_answer() {
    let mut net = Net::new();
    let peer = net.peer(1);
    net.peers[peer].stun.clear();
    let address = net.peers[peer].address;

    net.peers[peer].pwd = "another-password-entirely".into();
    let wrong_password = net.peers[peer].check(true);
    net.datagram(address, wrong_password);
    net.peers[peer].ufrag = "nobody".into();
    let wrong_ufrag = net.peers[peer].check(true);
    net.datagram(address, wrong_ufrag.clone());
    let mut damaged = wrong_ufrag;
    damaged[25] ^= 1;
    net.datagram(address, damaged);
    net.datagram(([203, 0, 113, 9], 9).into(), vec![22; 100]);
    net.datagram(([203, 0, 113, 9], 9).into(), vec![0x80; 100]);
    net.datagram(address, vec![]);
    net.datagram(address, vec![0xff; 20]);

    assert!(net.peers[peer].stun.is_empty());
    for (reason, count) in [
        (DropReason::StunIntegrity, 1),
        (DropReason::StunUnknownUfrag, 1),
        (DropReason::StunMalformed, 1),
        (DropReason::UnknownTuple, 2),
        (DropReason::TooShort, 1),
        (DropReason::UnknownProtocol, 1),
    ] {
        assert_eq!(net.dropped(reason), count, "{reason:?}");
    }
    assert_eq!(net.worker.stats(net.now).tables.tuples, 1);
}

#[test]
fn dtls_goes_up_from_checked_addresses_and_down_to_the_selected_one() {
    let mut net = Net::new();
    let peer = net.peer(1);
    let address = net.peers[peer].address;
    net.datagram(address, vec![22; 300]);
    assert!(
        net.events
            .iter()
            .any(|event| matches!(event, Event::DtlsReceived { datagram, .. } if datagram.len() == 300))
    );
    net.command(Command::SendDtls {
        transport: TransportId(1),
        datagram: vec![22; 40],
    });
    assert_eq!(net.peers[peer].dtls, [vec![22; 40]]);
}

#[test]
fn media_follows_a_nomination_once_srtp_arrives_from_there() {
    let mut net = Net::new();
    let publisher = net.peer(1);
    let subscriber = net.peer(2);
    net.add_track(publisher, 10, opus(1));
    net.add_forward(subscriber, 20, 10, forward(500, 111));
    net.rtp(publisher, &audio_packet(1, 0));
    assert_eq!(net.peers[subscriber].media.len(), 1);

    let new_address = ([198, 51, 100, 77], 7).into();
    let check = net.peers[subscriber].check(true);
    net.datagram(new_address, check);
    net.rtp(publisher, &audio_packet(1, 1));
    assert_eq!(net.peers[subscriber].media.len(), 2, "still to the old address");

    let report = net.peers[subscriber].compound(|writer| writer.receiver_report(9, []));
    net.datagram(new_address, report);
    net.peers[subscriber].address = new_address;
    net.rtp(publisher, &audio_packet(1, 2));
    assert_eq!(net.peers[subscriber].media.len(), 3, "to the new one");
}

#[test]
fn consent_lost_stops_sending_and_a_restart_revives() {
    let mut net = Net::new();
    let peer = net.peer(1);
    net.pass_millis(29_900);
    assert!(
        !net.events
            .iter()
            .any(|event| matches!(event, Event::ConsentLost { .. }))
    );
    net.check(peer);
    net.pass_millis(30_100);
    let lost = net
        .events
        .iter()
        .filter(|event| matches!(event, Event::ConsentLost { .. }))
        .count();
    assert_eq!(lost, 1);
    net.command(Command::SendDtls {
        transport: TransportId(1),
        datagram: vec![22; 40],
    });
    assert!(net.peers[peer].dtls.is_empty());

    let ice = IceCredentials {
        ufrag: "fresh".into(),
        pwd: "fresh-password-of-the-peer".into(),
    };
    net.command(Command::SetIce {
        transport: TransportId(1),
        ice,
    });
    net.peers[peer].ufrag = "fresh".into();
    net.peers[peer].pwd = "fresh-password-of-the-peer".into();
    net.check(peer);
    net.command(Command::SendDtls {
        transport: TransportId(1),
        datagram: vec![22; 40],
    });
    assert_eq!(net.peers[peer].dtls.len(), 1);
}

#[test]
fn closing_leaves_nothing_behind() {
    let mut net = Net::new();
    let publisher = net.peer(1);
    let subscriber = net.peer(2);
    net.add_track(publisher, 10, opus(1));
    net.add_forward(subscriber, 20, 10, forward(500, 111));
    net.rtp(publisher, &audio_packet(1, 0));
    net.command(Command::CloseTransport {
        transport: TransportId(2),
    });
    net.rtp(publisher, &audio_packet(1, 1));
    net.command(Command::CloseTransport {
        transport: TransportId(1),
    });
    let stats = net.worker.stats(net.now);
    assert_eq!(stats.tables, rheon_engine_core::TableSizes::default());
    net.pass_millis(120_000);
    assert_eq!(net.worker.next_timeout(), None);
}

#[test]
fn an_address_in_use_is_not_given_to_another_transport() {
    let mut net = Net::new();
    let victim = net.peer(1);
    let other = net.peer(2);
    let address = net.peers[victim].address;
    net.peers[victim].stun.clear();

    let forged = net.peers[other].check(true);
    net.datagram(address, forged);
    assert_eq!(net.dropped(DropReason::TupleTaken), 1);
    assert!(net.peers[victim].stun.is_empty());
    net.add_track(victim, 10, opus(1));
    net.rtp(victim, &audio_packet(1, 0));
    assert_eq!(net.worker.stats(net.now).layers[0].packets, 1);

    // Its owner quiet for long: the same port now carries a new connection.
    net.pass_millis(10_001);
    let moved = net.peers[other].check(true);
    net.datagram(address, moved);
    assert_eq!(net.dropped(DropReason::TupleTaken), 1);
    assert_eq!(net.peers[victim].stun.len(), 1);
}
