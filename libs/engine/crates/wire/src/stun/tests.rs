use std::net::SocketAddr;

use super::*;
use crate::testing::{Random, hex};

/// RFC 5769 §2: password and transaction id of the short-term samples.
const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const TRANSACTION_ID: [u8; 12] = [
    0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
];

fn key() -> IntegrityKey {
    IntegrityKey::new(PASSWORD)
}

fn check<'a>() -> Check<'a> {
    Check {
        transaction_id: TRANSACTION_ID,
        receiver_ufrag: "evtj",
        sender_ufrag: "h6vY",
        priority: 0x6e00_01ff,
        role: Role::Controlling(0x1122_3344_5566_7788),
        use_candidate: false,
        nomination: None,
    }
}

fn request(check: &Check<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write_binding_request(&mut out, check, &key());
    out
}

/// A message of the given type and attributes, with FINGERPRINT.
fn message(kind: &str, attributes: &str) -> Vec<u8> {
    let mut out = hex(kind);
    let attributes = hex(attributes);
    out.extend_from_slice(&(attributes.len() as u16 + 8).to_be_bytes());
    out.extend_from_slice(&MAGIC_COOKIE);
    out.extend_from_slice(&TRANSACTION_ID);
    out.extend_from_slice(&attributes);
    let crc = integrity::fingerprint(&out);
    out.extend_from_slice(&hex("80280004"));
    out.extend_from_slice(&crc.to_be_bytes());
    out
}

#[test]
fn rfc5769_sample_request() {
    let sample = hex(
        "00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74
                      00240004 6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020
                      00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf",
    );
    let request = BindingRequest::parse(&sample).expect("parses");
    assert_eq!(request.transaction_id, TRANSACTION_ID);
    assert_eq!(
        (request.local_ufrag, request.remote_ufrag),
        (&b"evtj"[..], &b"h6vY"[..])
    );
    assert_eq!(request.priority, Some(0x6e00_01ff));
    assert_eq!(
        (request.controlled, request.controlling),
        (Some(0x932f_f9b1_5126_3b36), None)
    );
    assert!(!request.use_candidate && request.nomination.is_none());
    assert!(request.authenticate(&key()));
    assert!(!request.authenticate(&IntegrityKey::new(b"VOkJxbRl1RmTxUk/WvJxBT")));
    assert_eq!(request.unknown_attributes().count(), 0);
}

#[test]
fn rfc5769_sample_responses() {
    let v4 = hex(
        "0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220
                  00200008 0001a147 e112a643 00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7
                  80280004 c07d4c96",
    );
    let v6 = hex(
        "01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220
                  00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
                  00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004 c8fb0b4c",
    );
    for (sample, address) in [
        (v4, "192.0.2.1:32853"),
        (v6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let response = BindingResponse::parse(&sample).expect("parses");
        assert_eq!(response.transaction_id, TRANSACTION_ID);
        assert_eq!(response.outcome, Ok(address.parse().expect("an address")));
        assert!(response.authenticate(&key()));
        assert!(!response.authenticate(&IntegrityKey::new(b"")));
    }
}

/// RFC 5769 §2.4 has no FINGERPRINT and a long-term credential, which ICE never uses: the HMAC alone is checked,
/// with the MD5 of "username:realm:password" as the key.
#[test]
fn rfc5769_long_term_integrity() {
    let sample = hex(
        "00010060 2112a442 78ad3433 c6ad72c0 29da412e 00060012 e3839ee3 8388e383 aae38383 e382afe3
                      82b90000 0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341
                      0014000b 6578616d 706c652e 6f726700 00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2
                      8ca89666",
    );
    let key = IntegrityKey::new(&hex("e8ca7ad59d5eb0518e312911d2dab2a9"));
    let (covered, attribute) = sample.split_at(sample.len() - 24);
    assert!(key.verify(covered, &attribute[4..]));
    assert_eq!(BindingRequest::parse(&sample).err(), Some(StunError::Fingerprint));
}

#[test]
fn requests_round_trip() {
    let checks = [
        check(),
        Check {
            role: Role::Controlled(7),
            ..check()
        },
        Check {
            use_candidate: true,
            ..check()
        },
        Check {
            nomination: Some(3),
            sender_ufrag: "longer+ufrag/0123",
            ..check()
        },
    ];
    for check in checks {
        let bytes = request(&check);
        let read = BindingRequest::parse(&bytes).expect("parses");
        assert_eq!(read.transaction_id, check.transaction_id);
        assert_eq!(read.local_ufrag, check.receiver_ufrag.as_bytes());
        assert_eq!(read.remote_ufrag, check.sender_ufrag.as_bytes());
        assert_eq!(read.priority, Some(check.priority));
        assert_eq!(
            (read.use_candidate, read.nomination),
            (check.use_candidate, check.nomination)
        );
        let role = match check.role {
            Role::Controlling(tie_breaker) => (Some(tie_breaker), None),
            Role::Controlled(tie_breaker) => (None, Some(tie_breaker)),
        };
        assert_eq!((read.controlling, read.controlled), role);
        assert!(read.authenticate(&key()));
    }
}

#[test]
fn responses_round_trip() {
    let addresses = ["192.0.2.1:1", "[2001:db8::1]:65535", "[::ffff:192.0.2.7]:9"];
    for (address, told) in addresses
        .into_iter()
        .zip(["192.0.2.1:1", "[2001:db8::1]:65535", "192.0.2.7:9"])
    {
        let mut out = b"before".to_vec();
        write_binding_success(
            &mut out,
            &TRANSACTION_ID,
            address.parse().expect("an address"),
            &key(),
        );
        let response = BindingResponse::parse(&out[6..]).expect("parses");
        assert_eq!(
            response.outcome,
            Ok(told.parse::<SocketAddr>().expect("an address"))
        );
        assert!(response.authenticate(&key()));
    }
    for code in [400, 401, 420, 487, 500] {
        let mut out = Vec::new();
        write_binding_error(&mut out, &TRANSACTION_ID, code, &key());
        let response = BindingResponse::parse(&out).expect("parses");
        assert_eq!(response.outcome, Err(code));
        assert!(response.authenticate(&key()));
        assert_eq!(BindingRequest::parse(&out).err(), Some(StunError::Type));
    }
    assert_eq!(
        BindingResponse::parse(&request(&check())).err(),
        Some(StunError::Type)
    );
}

#[test]
fn unknown_attributes_are_told() {
    let bytes = message(
        "0001",
        "00060003 613a6200 7f010002 abcd0000 c0570004 00010002 00240004 00000001 00250000 0002 0000",
    );
    let request = BindingRequest::parse(&bytes).expect("parses");
    assert_eq!(request.unknown_attributes().collect::<Vec<_>>(), [0x7f01, 0x0002]);
    let mut out = Vec::new();
    write_unknown_attributes(&mut out, &TRANSACTION_ID, request.unknown_attributes(), &key());
    let response = BindingResponse::parse(&out).expect("parses");
    assert_eq!(response.outcome, Err(420));
    let listed = hex("000a0004 7f010002");
    assert!(out.windows(listed.len()).any(|window| window == listed));
}

#[test]
fn attributes_behind_integrity_are_ignored() {
    let mut out = request(&check());
    // USE-CANDIDATE between MESSAGE-INTEGRITY and a new FINGERPRINT: an attacker could have put it there.
    out.truncate(out.len() - 8);
    out.extend_from_slice(&hex("00250000 00000000 00000000"));
    repair(&mut out);
    let read = BindingRequest::parse(&out).expect("parses");
    assert!(!read.use_candidate);
    assert!(read.authenticate(&key()));
}

#[test]
fn the_first_of_repeated_attributes_counts() {
    let bytes = message(
        "0001",
        "00060003 613a6200 00060003 633a6400 00240004 00000001 00240004 00000002",
    );
    let read = BindingRequest::parse(&bytes).expect("parses");
    assert_eq!((read.local_ufrag, read.priority), (&b"a"[..], Some(1)));
    assert!(!read.authenticate(&key()), "there is no MESSAGE-INTEGRITY");
}

#[test]
fn malformed_messages_are_refused() {
    let error = |bytes: &[u8]| BindingRequest::parse(bytes).err();
    let good = request(&check());
    assert_eq!(error(&[]), Some(StunError::NotStun));
    for len in 0..good.len() {
        assert_eq!(error(&good[..len]), Some(StunError::NotStun));
    }
    assert_eq!(error(&message("0001", "")), Some(StunError::Username));
    assert_eq!(
        error(&message("0001", "00060003 61626300")),
        Some(StunError::Username)
    );
    assert_eq!(
        error(&message("0001", "00060003 613a6200 00240003 00000000")),
        Some(StunError::Attribute)
    );
    assert_eq!(
        error(&message("0001", "00060003 613a6200 802a0004 00000000")),
        Some(StunError::Attribute)
    );
    assert_eq!(
        error(&message("0001", "00060040 613a6200")),
        Some(StunError::Attribute)
    );
    assert_eq!(
        error(&message("0011", "00060003 613a6200")),
        Some(StunError::Type)
    );
    assert_eq!(
        error(&message("8001", "00060003 613a6200")),
        Some(StunError::NotStun)
    );
    let mut wrong = good.clone();
    *wrong.last_mut().expect("not empty") ^= 1;
    assert_eq!(error(&wrong), Some(StunError::Fingerprint));
    let response = |bytes: &[u8]| BindingResponse::parse(bytes).err();
    assert_eq!(response(&message("0101", "")), Some(StunError::Outcome));
    assert_eq!(
        response(&message("0101", "00200008 0003a147 e112a643")),
        Some(StunError::Attribute)
    );
    assert_eq!(
        response(&message("0101", "00200008 0002a147 e112a643")),
        Some(StunError::Attribute)
    );
    assert_eq!(
        response(&message("0111", "00090002 00000000")),
        Some(StunError::Attribute)
    );
}

/// Repairs the FINGERPRINT of a mutated message, so that what follows it in the parser is reached.
fn repair(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len() / 4 * 4);
    if bytes.len() >= 28 {
        let len = bytes.len() as u16 - 20;
        bytes[2..4].copy_from_slice(&len.to_be_bytes());
        let at = bytes.len() - 8;
        let crc = integrity::fingerprint(&bytes[..at]);
        bytes[at..at + 4].copy_from_slice(&hex("80280004"));
        bytes[at + 4..].copy_from_slice(&crc.to_be_bytes());
    }
}

/// Equal up to the end of MESSAGE-INTEGRITY, but for the length field, which counts what follows.
fn same(bytes: &[u8], seed: &[u8]) -> bool {
    let end = seed.len() - 8;
    bytes[..2] == seed[..2] && bytes[4..end] == seed[4..end]
}

#[test]
fn mutated_messages_never_panic_nor_authenticate() {
    let mut random = Random(1);
    let seeds = {
        let mut success = Vec::new();
        write_binding_success(
            &mut success,
            &TRANSACTION_ID,
            "192.0.2.1:1".parse().expect("an address"),
            &key(),
        );
        let mut failure = Vec::new();
        write_binding_error(&mut failure, &TRANSACTION_ID, 487, &key());
        [
            request(&Check {
                use_candidate: true,
                nomination: Some(1),
                ..check()
            }),
            success,
            failure,
        ]
    };
    let key = key();
    let mut parsed = 0;
    for _ in 0..200_000 {
        let seed = &seeds[random.below(3)];
        let mut bytes = seed.clone();
        random.mutate(&mut bytes);
        if random.below(4) > 0 {
            repair(&mut bytes);
        }
        if let Ok(read) = BindingRequest::parse(&bytes) {
            parsed += 1;
            read.unknown_attributes().for_each(drop);
            assert!(!read.authenticate(&key) || same(&bytes, seed));
        }
        if let Ok(read) = BindingResponse::parse(&bytes) {
            parsed += 1;
            assert!(!read.authenticate(&key) || same(&bytes, seed));
        }
    }
    assert!(parsed > 20_000);
}
