use super::*;
use crate::rtp::{HeaderWriter, RtpHeader};
use crate::testing::{Random, hex};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// "Quid pro quo".
const SALT: &str = "517569642070726f2071756f";

fn master(profile: Profile, seed: u64) -> Vec<u8> {
    Random(seed).bytes(profile.key_len() + profile.salt_len())
}

fn pair(profile: Profile) -> (SendContext, ReceiveContext) {
    let master = master(profile, 1);
    let send = SendContext::new(profile, &master).expect("right length");
    (send, ReceiveContext::new(profile, &master).expect("right length"))
}

fn packet(random: &mut Random, index: u64) -> (Vec<u8>, usize) {
    let mut buffer = vec![0; 2000];
    let writer = HeaderWriter {
        payload_type: 96,
        marker: random.below(2) == 0,
        padding: false,
        sequence: index as u16,
        timestamp: random.next() as u32,
        ssrc: 0x0bad_cafe,
    };
    let value = random.bytes(3);
    let len = writer.write(&mut buffer, [(3, &value[..])]).expect("fits");
    buffer.truncate(len);
    let payload = random.below(1200);
    buffer.extend(random.bytes(payload));
    (buffer, len)
}

fn protect(send: &SendContext, plain: &[u8], header_len: usize, index: u64) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + send.profile().rtp_overhead(), 0xee);
    send.protect_rtp(&mut buffer, header_len, index)
        .expect("protects");
    buffer
}

fn unprotect(
    receive: &ReceiveContext,
    protected: &[u8],
    stream: &mut ReceiveStream,
) -> Result<(Vec<u8>, u64), SrtpError> {
    let mut buffer = protected.to_vec();
    let header = RtpHeader::parse(&buffer).map_err(|_| SrtpError::TooShort)?;
    let (len, index) = receive.unprotect_rtp(&mut buffer, &header, stream)?;
    buffer.truncate(len);
    Ok((buffer, index))
}

/// RFC 7714 §16.1 and §16.2: session keys are given, the rollover counter is zero.
#[test]
fn rfc7714_rtp_vectors() {
    let plain = hex(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
                     69736120 696e2070 61727465 73207472 6573",
    );
    let cases = [
        (
            Profile::AeadAes128Gcm,
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f
             42a5f47a 51c7d19b 36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce",
        ),
        (
            Profile::AeadAes256Gcm,
            "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3
             b50b2a02 76ffae0f 1ba63799 b87b 7aa3db36 dfffd6b0 f9bb7878 d7a76c13",
        ),
    ];
    for (profile, expected) in cases {
        let key = hex(KEY);
        let salt = hex(SALT).try_into().expect("12 bytes");
        let send = SendContext::from_session(profile, &key[..profile.key_len()], salt, 0);
        assert_eq!(protect(&send, &plain, 12, 0xf17b), hex(expected));
        let receive = ReceiveContext::from_session(profile, &key[..profile.key_len()], salt);
        let mut stream = ReceiveStream::default();
        assert_eq!(
            unprotect(&receive, &hex(expected), &mut stream),
            Ok((plain.clone(), 0xf17b))
        );
    }
}

/// RFC 7714 §17.1 and §17.2: SRTCP index 0x5d4.
#[test]
fn rfc7714_rtcp_vectors() {
    let plain = hex(
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
                     deadbeef deadbeef deadbeef deadbeef deadbeef",
    );
    let cases = [
        (
            Profile::AeadAes128Gcm,
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1
             730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        ),
        (
            Profile::AeadAes256Gcm,
            "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1
             110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
        ),
    ];
    for (profile, expected) in cases {
        let key = hex(KEY);
        let salt = hex(SALT).try_into().expect("12 bytes");
        let mut send = SendContext::from_session(profile, &key[..profile.key_len()], salt, 0x5d4);
        let mut buffer = plain.clone();
        send.protect_rtcp(&mut buffer).expect("protects");
        assert_eq!(buffer, hex(expected));
        let receive = ReceiveContext::from_session(profile, &key[..profile.key_len()], salt);
        let mut window = RtcpReplay::default();
        assert_eq!(receive.unprotect_rtcp(&mut buffer, &mut window), Ok(plain.len()));
        assert_eq!(buffer[..plain.len()], plain);
    }
}

/// RFC 7714 §17.3: an authentic packet without encryption is refused all the same.
#[test]
fn unencrypted_rtcp_is_refused() {
    let mut packet = hex(
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
                          deadbeef deadbeef deadbeef deadbeef deadbeef
                          841dd968 3dd78ec9 2ae58790 125f62b3 000005d4",
    );
    let salt = hex(SALT).try_into().expect("12 bytes");
    let receive = ReceiveContext::from_session(Profile::AeadAes128Gcm, &hex(KEY)[..16], salt);
    let mut window = RtcpReplay::default();
    assert_eq!(
        receive.unprotect_rtcp(&mut packet, &mut window),
        Err(SrtpError::Unencrypted)
    );
    assert_eq!(window, RtcpReplay::default());
}

#[test]
fn rtp_round_trips_across_rollovers() {
    for profile in Profile::ALL {
        let (send, receive) = pair(profile);
        let (mut random, mut stream) = (Random(2), ReceiveStream::default());
        let mut index = 30_000;
        for _ in 0..600 {
            index += 1 + random.below(3000) as u64;
            let (plain, header_len) = packet(&mut random, index);
            let protected = protect(&send, &plain, header_len, index);
            assert_eq!(protected.len(), plain.len() + profile.rtp_overhead());
            assert_eq!(protected[..header_len], plain[..header_len]);
            assert_eq!(unprotect(&receive, &protected, &mut stream), Ok((plain, index)));
            assert_eq!(
                unprotect(&receive, &protected, &mut stream),
                Err(SrtpError::Replay)
            );
        }
        assert!(stream.highest_index() > Some(9 << 16));
    }
}

#[test]
fn a_changed_packet_changes_nothing() {
    for profile in Profile::ALL {
        let (send, receive) = pair(profile);
        let mut random = Random(3);
        let mut stream = ReceiveStream::default();
        let (plain, header_len) = packet(&mut random, 4464);
        let protected = protect(&send, &plain, header_len, 4464);
        unprotect(&receive, &protected, &mut stream).expect("authentic");
        let before = stream;
        for index in 4470..4500u64 {
            let (plain, header_len) = packet(&mut random, index);
            let protected = protect(&send, &plain, header_len, index);
            for _ in 0..100 {
                let mut changed = protected.clone();
                random.mutate(&mut changed);
                if changed != protected {
                    assert!(unprotect(&receive, &changed, &mut stream).is_err());
                    assert_eq!(stream, before);
                }
            }
        }
    }
}

#[test]
fn wrong_key_or_rollover_counter_fails() {
    for profile in Profile::ALL {
        let (send, receive) = pair(profile);
        let other = ReceiveContext::new(profile, &master(profile, 9)).expect("right length");
        let (plain, header_len) = packet(&mut Random(4), 5);
        let protected = protect(&send, &plain, header_len, 5);
        let mut stream = ReceiveStream::default();
        assert_eq!(
            unprotect(&other, &protected, &mut stream),
            Err(SrtpError::Authentication)
        );
        let rolled = protect(&send, &plain, header_len, (1 << 16) | 5);
        assert_eq!(
            unprotect(&receive, &rolled, &mut stream),
            Err(SrtpError::Authentication)
        );
        assert_eq!(unprotect(&receive, &protected, &mut stream), Ok((plain, 5)));
    }
}

#[test]
fn rtp_indices_and_lengths_are_checked() {
    for profile in Profile::ALL {
        let (send, receive) = pair(profile);
        let (plain, header_len) = packet(&mut Random(5), 5);
        let mut buffer = plain.clone();
        buffer.resize(plain.len() + profile.rtp_overhead(), 0);
        assert_eq!(
            send.protect_rtp(&mut buffer, header_len, 6),
            Err(SrtpError::Index)
        );
        assert_eq!(
            send.protect_rtp(&mut buffer, header_len, (1 << 48) | 5),
            Err(SrtpError::Index)
        );
        assert_eq!(
            send.protect_rtp(&mut buffer, plain.len() + 1, 5),
            Err(SrtpError::TooShort)
        );
        for len in 0..12 + profile.rtp_overhead() {
            let mut short = vec![0; len];
            assert_eq!(send.protect_rtp(&mut short, 12, 0), Err(SrtpError::TooShort));
            let header = RtpHeader::parse(&plain).expect("parses");
            let mut stream = ReceiveStream::default();
            assert_eq!(
                receive.unprotect_rtp(&mut short, &header, &mut stream),
                Err(SrtpError::TooShort)
            );
        }
        send.protect_rtp(&mut buffer, header_len, 5).expect("protects");
    }
}

#[test]
fn rtcp_round_trips() {
    for profile in Profile::ALL {
        let (mut send, receive) = pair(profile);
        let (mut random, mut window) = (Random(6), RtcpReplay::default());
        for _ in 0..500 {
            let len = 8 + 4 * random.below(300);
            let plain = random.bytes(len);
            let mut protected = plain.clone();
            send.protect_rtcp(&mut protected).expect("protects");
            assert_eq!(protected.len(), len + profile.rtcp_overhead());
            let mut changed = protected.clone();
            random.mutate(&mut changed);
            let before = window;
            if changed != protected {
                assert!(receive.unprotect_rtcp(&mut changed, &mut window).is_err());
                assert_eq!(window, before);
            }
            let mut opened = protected.clone();
            assert_eq!(receive.unprotect_rtcp(&mut opened, &mut window), Ok(len));
            assert_eq!(opened[..len], plain);
            assert_eq!(
                receive.unprotect_rtcp(&mut protected, &mut window),
                Err(SrtpError::Replay)
            );
        }
    }
}

#[test]
fn rtcp_index_ends_at_31_bits() {
    let salt = hex(SALT).try_into().expect("12 bytes");
    let key = &hex(KEY)[..16];
    let mut send = SendContext::from_session(Profile::AeadAes128Gcm, key, salt, MAX_RTCP_INDEX);
    let receive = ReceiveContext::from_session(Profile::AeadAes128Gcm, key, salt);
    let mut packet = vec![0x80; 12];
    send.protect_rtcp(&mut packet).expect("the last index");
    assert_eq!(
        receive.unprotect_rtcp(&mut packet, &mut RtcpReplay::default()),
        Ok(12)
    );
    assert_eq!(send.protect_rtcp(&mut vec![0x80; 12]), Err(SrtpError::Index));
    assert_eq!(
        pair(Profile::AeadAes128Gcm).0.protect_rtcp(&mut vec![0x80; 7]),
        Err(SrtpError::TooShort)
    );
}

#[test]
fn random_bytes_are_refused() {
    let mut random = Random(7);
    for profile in Profile::ALL {
        let (_, receive) = pair(profile);
        let (mut stream, mut window) = (ReceiveStream::default(), RtcpReplay::default());
        for _ in 0..30_000 {
            let len = random.below(80);
            let mut bytes = random.bytes(len);
            assert!(receive.unprotect_rtcp(&mut bytes.clone(), &mut window).is_err());
            if let Some(first) = bytes.first_mut() {
                *first = (*first & 0x3f) | 0x80;
            }
            assert!(unprotect(&receive, &bytes, &mut stream).is_err());
        }
        assert_eq!(
            (stream, window),
            (ReceiveStream::default(), RtcpReplay::default())
        );
    }
}

#[test]
fn names_are_the_registered_ones() {
    for profile in Profile::ALL {
        assert_eq!(profile.as_str().parse(), Ok(profile));
    }
    assert_eq!("AES128_CM_SHA1_32".parse::<Profile>(), Err(UnknownProfile));
}

#[test]
fn debug_shows_no_keys() {
    let (send, receive) = pair(Profile::Aes128CmSha1_80);
    assert_eq!(
        format!("{send:?}"),
        "SendContext { profile: Aes128CmSha1_80, .. }"
    );
    assert_eq!(
        format!("{receive:?}"),
        "ReceiveContext { profile: Aes128CmSha1_80, .. }"
    );
}
