//! The publishing peer.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use rheon_engine_wire::srtp::{Profile, SendContext};

use crate::Workload;
use crate::peers::{PUBLISHER_KEY, connect};

/// SSRCs and payload types of the published tracks.
const AUDIO: (u32, u8) = (1001, 111);
const VIDEO: (u32, u8) = (2001, 96);

/// Bytes of an audio packet, protected.
const AUDIO_SIZE: usize = 150;

/// Frames from one key frame to the next.
const KEY_FRAME_DISTANCE: u64 = 300;

const HEADER: usize = 12;

pub struct Publisher {
    socket: UdpSocket,
    srtp: SendContext,
    workload: Workload,
    video: Stream,
    audio: Stream,
    packet: Vec<u8>,
}

/// One RTP stream: where it is in time and numbers.
struct Stream {
    next: Option<Instant>,
    /// When the frame's first packet was due.
    start: Instant,
    interval: Duration,
    ssrc: u32,
    payload_type: u8,
    packets: u64,
    frame: u64,
    /// Packet of the frame that is next.
    position: usize,
}

impl Stream {
    fn new((ssrc, payload_type): (u32, u8), interval: f64, now: Instant) -> Self {
        let next = interval.is_finite().then_some(now);
        let interval = if interval.is_finite() {
            Duration::from_secs_f64(interval)
        } else {
            Duration::ZERO
        };
        Self {
            next,
            start: now,
            interval,
            ssrc,
            payload_type,
            packets: 0,
            frame: 0,
            position: 0,
        }
    }
}

impl Publisher {
    /// Connect the peer.
    pub fn connect(workload: &Workload) -> Self {
        let socket = connect(workload.servers.first().expect("an address"), "publ");
        socket.set_nonblocking(true).expect("non-blocking");
        let now = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "a few packets")]
        let frame_interval = workload.burst as f64 / workload.video;
        Self {
            socket,
            srtp: SendContext::new(Profile::AeadAes128Gcm, &PUBLISHER_KEY).expect("a key"),
            video: Stream::new(VIDEO, frame_interval, now),
            audio: Stream::new(AUDIO, 1.0 / workload.audio, now),
            packet: Vec::new(),
            workload: workload.clone(),
        }
    }

    /// Packets sent.
    pub fn sent(&self) -> u64 {
        self.video.packets + self.audio.packets
    }

    /// When [`Self::send_due`] has something to send.
    pub fn next_due(&self) -> Instant {
        let next = [self.video.next, self.audio.next].into_iter().flatten().min();
        next.unwrap_or_else(|| Instant::now() + Duration::from_secs(1))
    }

    /// Send what is due.
    pub fn send_due(&mut self, now: Instant) {
        while self.audio.next.is_some_and(|due| due <= now) {
            self.send_audio();
        }
        while self.video.next.is_some_and(|due| due <= now) {
            self.send_video();
        }
        // The engine's feedback is not acted upon.
        let mut ignored = [0; 1500];
        while self.socket.recv(&mut ignored).is_ok() {}
    }

    fn send_audio(&mut self) {
        self.header(false, false, 960);
        self.packet.resize(AUDIO_SIZE - 16 - 8, 0xfc);
        self.finish(false);
        self.audio.frame += 1;
        self.audio.next = self.audio.next.map(|due| due + self.audio.interval);
    }

    fn send_video(&mut self) {
        let last = self.video.position + 1 == self.workload.burst;
        self.header(true, last, 3000);
        let (frame, first) = (self.video.frame, self.video.position == 0);
        // Payload descriptor (RFC 7741 §4.2): X, S on the first packet; I; a 15-bit picture id.
        self.packet
            .extend_from_slice(&[if first { 0x90 } else { 0x80 }, 0x80]);
        self.packet
            .extend_from_slice(&(0x8000 | (frame & 0x7fff) as u16).to_be_bytes());
        if first && frame % KEY_FRAME_DISTANCE == 0 {
            // Frame header of a key frame (RFC 6386 §9.1): start code, 320 by 180.
            self.packet
                .extend_from_slice(&[0x10, 2, 0, 0x9d, 1, 0x2a, 0x40, 1, 0xb4, 0]);
        } else if first {
            self.packet.extend_from_slice(&[0x11, 2, 0]);
        }
        self.packet.resize(self.workload.size - 16 - 8, 0xaa);
        self.finish(true);
        let gap = self.workload.spread / u32::try_from(self.workload.burst.max(2) - 1).expect("a few");
        if last {
            self.video.position = 0;
            self.video.frame += 1;
            self.video.start += self.video.interval;
        } else {
            self.video.position += 1;
        }
        self.video.next = Some(self.video.start + gap * u32::try_from(self.video.position).expect("a few"));
    }

    fn header(&mut self, video: bool, marker: bool, step: u64) {
        let stream = if video { &self.video } else { &self.audio };
        self.packet.clear();
        self.packet
            .extend_from_slice(&[0x80, u8::from(marker) << 7 | stream.payload_type]);
        self.packet
            .extend_from_slice(&(stream.packets as u16).to_be_bytes());
        self.packet
            .extend_from_slice(&((stream.frame * step) as u32).to_be_bytes());
        self.packet.extend_from_slice(&stream.ssrc.to_be_bytes());
    }

    /// Append the time, protect and send.
    fn finish(&mut self, video: bool) {
        let stream = if video { &mut self.video } else { &mut self.audio };
        let index = stream.packets;
        stream.packets += 1;
        self.packet.extend_from_slice(&nanoseconds().to_be_bytes());
        self.packet.resize(self.packet.len() + 16, 0);
        self.srtp
            .protect_rtp(&mut self.packet, HEADER, index)
            .expect("protected");
        // A full buffer loses the packet: the figures will show it.
        let _ = self.socket.send(&self.packet);
    }
}

/// Time on the machine's monotonic clock, as packets carry it.
pub fn nanoseconds() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a local that outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
