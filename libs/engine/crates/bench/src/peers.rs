//! The subscribing peers, and how any peer connects.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use rheon_engine_wire::rtp::RtpHeader;
use rheon_engine_wire::srtp::{Profile, ReceiveContext, ReceiveStream};
use rheon_engine_wire::stun::{BindingResponse, Check, IntegrityKey, Role, write_binding_request};

use crate::Workload;
use crate::latency::Latencies;
use crate::publisher::nanoseconds;

/// Master key and salt of what the publisher sends.
pub const PUBLISHER_KEY: [u8; 28] = [1; 28];

/// Master key and salt of what every subscriber receives.
const SUBSCRIBER_KEY: [u8; 28] = [2; 28];

/// Password of every transport.
const PASSWORD: &[u8] = b"pppppppppppppppppppppppp";

/// SSRCs from here on are video, below audio.
const FIRST_VIDEO_SSRC: u32 = 20_000;

/// Every subscriber's socket. One subscriber's packets are decrypted, for the time they carry.
pub struct Subscribers {
    sockets: Vec<UdpSocket>,
    polled: Vec<libc::pollfd>,
    received: u64,
    srtp: ReceiveContext,
    audio: (ReceiveStream, Latencies),
    frames: (ReceiveStream, Latencies),
}

impl Subscribers {
    /// Connect them.
    pub fn connect(workload: &Workload) -> Self {
        let sockets: Vec<UdpSocket> = (0..workload.subscribers)
            .map(|number| {
                let server = &workload.servers[number % workload.servers.len()];
                connect(server, &format!("s{number:04}"))
            })
            .collect();
        for socket in &sockets {
            socket.set_nonblocking(true).expect("non-blocking");
        }
        let polled = sockets
            .iter()
            .map(|socket| libc::pollfd {
                fd: socket.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            })
            .collect();
        Self {
            sockets,
            polled,
            received: 0,
            srtp: ReceiveContext::new(Profile::AeadAes128Gcm, &SUBSCRIBER_KEY).expect("a key"),
            audio: Default::default(),
            frames: Default::default(),
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.sockets.len() as u64
    }

    /// RTP packets all of them received.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Start the latency figures afresh.
    pub fn forget_latencies(&mut self) {
        self.audio.1.clear();
        self.frames.1.clear();
    }

    /// Time from sending to receiving: of audio packets, and of the last packets of video frames.
    pub fn latencies(&self) -> [(&'static str, &Latencies); 2] {
        [("audio", &self.audio.1), ("frame", &self.frames.1)]
    }

    /// Take everything there is, waiting a while for the first.
    pub fn receive(&mut self, wait: Duration) {
        let limit = libc::timespec {
            tv_sec: libc::time_t::try_from(wait.as_secs()).expect("a short time"),
            tv_nsec: wait.subsec_nanos().into(),
        };
        // SAFETY: the array and the time outlive the call; the length is the array's.
        let ready = unsafe {
            let count = self.polled.len() as libc::nfds_t;
            libc::ppoll(
                self.polled.as_mut_ptr(),
                count,
                &raw const limit,
                std::ptr::null(),
            )
        };
        if ready <= 0 {
            return;
        }
        let mut buffer = [0; 2048];
        for index in 0..self.sockets.len() {
            if self.polled[index].revents == 0 {
                continue;
            }
            while let Ok(length) = self.sockets[index].recv(&mut buffer) {
                let packet = &mut buffer[..length];
                if packet[0] < 128 || (192..=223).contains(&packet[1]) {
                    continue;
                }
                self.received += 1;
                if index == 0 {
                    self.time(packet);
                }
            }
        }
    }

    fn time(&mut self, packet: &mut [u8]) {
        let now = nanoseconds();
        let Ok(header) = RtpHeader::parse(packet) else {
            return;
        };
        let video = header.ssrc >= FIRST_VIDEO_SSRC;
        let (stream, latencies) = if video { &mut self.frames } else { &mut self.audio };
        let Ok((length, _)) = self.srtp.unprotect_rtp(packet, &header, stream) else {
            return;
        };
        if video && !header.marker {
            return;
        }
        if let Some(sent) = packet[..length].last_chunk::<8>() {
            latencies.add(Duration::from_nanos(
                now.saturating_sub(u64::from_be_bytes(*sent)),
            ));
        }
    }
}

/// A socket whose ICE check was answered.
pub fn connect(server: &str, ufrag: &str) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(server).expect("an address");
    let size: libc::c_int = 4 << 20;
    for option in [libc::SO_RCVBUFFORCE, libc::SO_SNDBUFFORCE] {
        // SAFETY: the value outlives the call and has the size told. Without the privilege the default size stays.
        unsafe {
            let length = size_of_val(&size) as libc::socklen_t;
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const size).cast(),
                length,
            )
        };
    }
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a timeout");
    let key = IntegrityKey::new(PASSWORD);
    let end = Instant::now() + Duration::from_secs(10);
    let mut transaction_id = [0; 12];
    while Instant::now() < end {
        transaction_id[..8].copy_from_slice(&nanoseconds().to_be_bytes());
        let check = Check {
            transaction_id,
            receiver_ufrag: ufrag,
            sender_ufrag: "load",
            priority: 1_845_494_271,
            role: Role::Controlling(1),
            use_candidate: true,
            nomination: None,
        };
        let mut request = Vec::new();
        write_binding_request(&mut request, &check, &key);
        socket.send(&request).expect("sent");
        let mut buffer = [0; 1500];
        if let Ok(length) = socket.recv(&mut buffer)
            && BindingResponse::parse(&buffer[..length]).is_ok()
        {
            return socket;
        }
    }
    panic!("no answer to the ICE check of {ufrag}");
}
