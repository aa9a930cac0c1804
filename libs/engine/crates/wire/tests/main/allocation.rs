//! The per-packet path allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rheon_engine_wire::dependency_descriptor::{Descriptor, Layer, Patch, Structure, Template};
use rheon_engine_wire::rtp::{AudioLevel, HeaderWriter, RtpHeader};
use rheon_engine_wire::sequence::SequenceUnwrapper;
use rheon_engine_wire::srtp::{Profile, ReceiveContext, ReceiveStream, RtcpReplay, SendContext};
use rheon_engine_wire::{av1, h264, h265, red, rtcp, vp8, vp9};

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

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

fn contexts(profile: Profile) -> (SendContext, ReceiveContext) {
    let master = vec![7; profile.key_len() + profile.salt_len()];
    let send = SendContext::new(profile, &master).expect("right length");
    (send, ReceiveContext::new(profile, &master).expect("right length"))
}

#[test]
fn counting_works() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1u8; 100]))), 1);
}

#[test]
fn rtp_path() {
    for profile in Profile::ALL {
        let (send, receive) = contexts(profile);
        let mut stream = ReceiveStream::default();
        let mut unwrapper = SequenceUnwrapper::default();
        let mut arena = vec![0; 1500];
        let mut normalised = Vec::with_capacity(1500);
        let count = allocations(|| {
            for index in 0..1000u64 {
                let writer = HeaderWriter {
                    payload_type: 96,
                    marker: true,
                    padding: false,
                    sequence: index as u16,
                    timestamp: 3000,
                    ssrc: 1,
                };
                let extensions = [(1, &b"mid"[..]), (3, &[1, 2]), (15, &[0x85])];
                let header_len = writer.write(&mut arena, extensions).expect("fits");
                let end = header_len + 1000 + profile.rtp_overhead();
                let packet = &mut arena[..end];
                packet[header_len..header_len + 5].copy_from_slice(&[0x90, 0x80, 0x05, 0x00, 0x01]);
                send.protect_rtp(packet, header_len, index).expect("protects");
                let header = RtpHeader::parse(packet).expect("parses");
                let (len, _) = receive
                    .unprotect_rtp(packet, &header, &mut stream)
                    .expect("authentic");
                unwrapper.unwrap(header.sequence);
                let level = header.extensions(packet).find_map(|(id, value)| {
                    if id == 15 { AudioLevel::parse(value) } else { None }
                });
                assert!(level.is_some_and(|level| level.voice));
                let payload = header.payload(&packet[..len]).expect("no padding");
                normalised.clear();
                vp8::normalise(&packet[payload], &mut normalised).expect("VP8");
                vp8::patch(&mut normalised, 3, 4);
            }
        });
        assert_eq!(count, 0, "{profile}");
    }
}

#[test]
fn rtcp_path() {
    for profile in Profile::ALL {
        let (mut send, receive) = contexts(profile);
        let mut window = RtcpReplay::default();
        let mut buffer = Vec::with_capacity(1500);
        let count = allocations(|| {
            for base in 0..1000u16 {
                buffer.clear();
                let mut writer = rtcp::Writer::new(&mut buffer);
                writer.receiver_report(1, []);
                writer.nack(1, 2, [base, base + 3]);
                writer.transport_feedback(1, 2, base, 5, 6, [Some(1), None, Some(-4)]);
                send.protect_rtcp(&mut buffer).expect("protects");
                let len = receive
                    .unprotect_rtcp(&mut buffer, &mut window)
                    .expect("authentic");
                assert_eq!(rtcp::packets(&buffer[..len]).flatten().count(), 3);
            }
        });
        assert_eq!(count, 0, "{profile}");
    }
}

#[test]
fn codec_payloads() {
    let vp9_key = [0xaa, 0x05, 0x00, 0x45, 0x30, 1, 64, 0, 180, 2, 128, 1, 104, 0x82];
    let stap_a = [0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce, 0, 2, 0x65, 0xb8];
    let aggregate = [0x60, 1, 0, 3, 0x42, 1, 1, 0, 3, 0x26, 1, 0xaf];
    let mut normalised = Vec::with_capacity(1500);
    let count = allocations(|| {
        for picture in 0..1000u16 {
            normalised.clear();
            let descriptor = vp9::normalise(&vp9_key, &mut normalised).expect("VP9");
            vp9::patch(&mut normalised, picture, 4);
            assert!(descriptor.starts_key_picture());
            assert!(h264::Payload::parse(&stap_a).is_ok_and(|payload| payload.key_frame));
            assert!(h265::Payload::parse(&aggregate).is_ok_and(|payload| payload.key_frame));
            assert!(av1::AggregationHeader::parse(&[0x18, 0x0a]).is_ok_and(|header| header.new_sequence));
            let blocks = red::Payload::parse(&[0xef, 0, 0, 1, 0x6f, 1, 2]).expect("RED");
            assert_eq!((blocks.redundant().count(), blocks.primary.data), (1, &[2][..]));
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn dependency_descriptors() {
    let templates = vec![Template::default(); 3];
    let structure = Structure::new(0, 9, templates, &[], &[]).expect("consistent");
    let mut out = Vec::with_capacity(255);
    let count = allocations(|| {
        for number in 0..1000u16 {
            let [high, low] = number.to_be_bytes();
            // The template's frame with a mask, one reference of its own, and no structure.
            let value = [0x82, high, low, 0x50, 0x15, 0x20];
            let (descriptor, brought) = Descriptor::parse(&value, Some(&structure)).expect("parses");
            assert!(brought.is_none() && descriptor.layer == Layer::default());
            out.clear();
            let placement = descriptor.write(&structure, false, &mut out).expect("writes");
            let patch = Patch {
                frame_number: number + 7,
                template_id: 1,
                active_decode_targets: 0x1ff,
            };
            placement.patch(&mut out, &patch);
        }
    });
    assert_eq!(count, 0);
}
