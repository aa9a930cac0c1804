//! Runs into a socket, many in one system call, with segmentation offload while the kernel takes it.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::AddAssign;
use std::os::fd::AsRawFd;

use crate::address;
use crate::control::Control;
use crate::socket::{Segmentation, Socket};

/// Messages given to one `sendmmsg` (the kernel takes at most 1024).
const BATCH: usize = 256;

/// Most segments of a run (`UDP_MAX_SEGMENTS` of the oldest kernels that have any).
const SEGMENTS: usize = 64;

/// Most bytes of a run: what an IP datagram can carry, IPv6 and UDP headers taken off.
const RUN_BYTES: usize = 65_535 - 40 - 8;

/// Destinations remembered as refusing runs; beyond, all are forgotten and learnt again at one failed call each.
const REFUSING: usize = 4096;

/// Packets of one length to one destination, the last perhaps shorter; one packet if `segment` equals `length`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Source address of its packets.
    pub source: IpAddr,
    /// Destination of its packets.
    pub remote: SocketAddr,
    /// Where it starts in the arena.
    pub offset: usize,
    /// Bytes of all its packets.
    pub length: usize,
    /// Bytes of each packet but the last.
    pub segment: usize,
}

impl Message {
    fn packets(&self) -> u64 {
        self.length.div_ceil(self.segment.max(1)).max(1) as u64
    }

    fn is_run(&self) -> bool {
        self.segment < self.length
    }

    /// The same packets in messages of at most `segments` packets and [`RUN_BYTES`] bytes.
    fn split(self, segments: usize) -> impl Iterator<Item = Message> {
        let segment = self.segment.max(1);
        let step = segments.min(RUN_BYTES / segment).max(1) * segment;
        let count = self.length.div_ceil(step).max(1);
        (0..count).map(move |index| {
            let start = index * step;
            let length = step.min(self.length - start);
            Message {
                offset: self.offset + start,
                length,
                segment: segment.min(length),
                ..self
            }
        })
    }
}

/// What became of packets and calls, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendCounters {
    /// `sendmmsg` calls.
    pub calls: u64,
    /// Packets the kernel took.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets dropped because the send buffer was full.
    pub buffer_full: u64,
    /// Packets dropped because the kernel refused them (no route, too long, filtered).
    pub refused: u64,
}

impl AddAssign for SendCounters {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.buffer_full += other.buffer_full;
        self.refused += other.refused;
    }
}

/// The system call, so that tests can play kernels that refuse.
trait Kernel {
    /// Send the first messages; how many were taken. An error is about the first.
    fn send(&mut self, headers: &mut [libc::mmsghdr]) -> io::Result<usize>;
}

struct Descriptor(libc::c_int);

impl Kernel for Descriptor {
    fn send(&mut self, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
        // SAFETY: every header points at a name, a vector into the arena and a control buffer that outlive the call.
        let count = unsafe {
            libc::sendmmsg(
                self.0,
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

/// Buffers for one `sendmmsg`.
struct Vectors {
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    pieces: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

impl Vectors {
    fn new() -> Self {
        Self {
            names: vec![address::empty(); BATCH],
            controls: vec![Control::EMPTY; BATCH],
            pieces: vec![
                libc::iovec {
                    iov_base: std::ptr::null_mut(),
                    iov_len: 0
                };
                BATCH
            ],
            // SAFETY: a plain C structure for which all zeroes is a valid value.
            headers: vec![unsafe { std::mem::zeroed() }; BATCH],
        }
    }

    /// Describe up to [`BATCH`] messages; the headers hold until the next call or until `arena` is gone.
    fn fill(&mut self, arena: &[u8], messages: &[Message]) -> &mut [libc::mmsghdr] {
        let count = messages.len().min(BATCH);
        for (index, message) in messages.iter().take(count).enumerate() {
            let bytes = &arena[message.offset..message.offset + message.length];
            self.pieces[index] = libc::iovec {
                iov_base: bytes.as_ptr().cast_mut().cast(),
                iov_len: bytes.len(),
            };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_namelen = address::write(message.remote, &mut self.names[index]);
            header.msg_name = (&raw mut self.names[index]).cast();
            header.msg_iov = &raw mut self.pieces[index];
            header.msg_iovlen = 1;
            let segment = message
                .is_run()
                .then(|| u16::try_from(message.segment).unwrap_or(u16::MAX));
            self.controls[index].write(header, message.source, segment);
        }
        &mut self.headers[..count]
    }
}

/// Sends through one socket and remembers what it could not do.
pub struct Sender {
    segmentation: bool,
    refusing: HashSet<SocketAddr>,
    queue: Vec<Message>,
    vectors: Vectors,
    counters: SendCounters,
}

impl Sender {
    /// A sender that knows nothing of its destinations yet.
    pub fn new(segmentation: Segmentation) -> Self {
        Self {
            segmentation: segmentation != Segmentation::Off,
            refusing: HashSet::new(),
            queue: Vec::with_capacity(BATCH),
            vectors: Vectors::new(),
            counters: SendCounters::default(),
        }
    }

    /// Whether the socket still takes runs.
    pub fn segmentation(&self) -> bool {
        self.segmentation
    }

    /// What became of packets and calls.
    pub fn counters(&self) -> SendCounters {
        self.counters
    }

    /// Queue a message for the next [`Self::flush`].
    pub fn push(&mut self, message: Message) {
        let segments = if self.segmentation && !self.refusing.contains(&message.remote) {
            SEGMENTS
        } else {
            1
        };
        self.queue.extend(message.split(segments));
    }

    /// Send what is queued; packets the kernel has no room for are dropped and counted. Never waits.
    pub fn flush(&mut self, arena: &[u8], socket: &Socket) {
        self.flush_to(arena, &mut Descriptor(socket.as_raw_fd()));
    }

    fn flush_to(&mut self, arena: &[u8], kernel: &mut impl Kernel) {
        let mut done = 0;
        while done < self.queue.len() {
            self.counters.calls += 1;
            match kernel.send(self.vectors.fill(arena, &self.queue[done..])) {
                Ok(taken) => {
                    for message in &self.queue[done..done + taken] {
                        self.counters.packets += message.packets();
                        self.counters.bytes += message.length as u64;
                    }
                    done += taken;
                }
                Err(error) => match (error.raw_os_error(), self.queue[done].is_run()) {
                    (Some(libc::EINTR), _) => {}
                    (Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM), _) => {
                        self.counters.buffer_full +=
                            self.queue[done..].iter().map(Message::packets).sum::<u64>();
                        break;
                    }
                    (Some(libc::EIO), true) => {
                        // The device cannot compute checksums of segments: true of the socket's every run.
                        self.segmentation = false;
                        self.unroll(done, |_| true);
                        done = 0;
                    }
                    (Some(libc::EINVAL | libc::EMSGSIZE), true) => {
                        // A segment is longer than that destination's path takes in one piece.
                        let remote = self.queue[done].remote;
                        if self.refusing.len() >= REFUSING {
                            self.refusing.clear();
                        }
                        self.refusing.insert(remote);
                        self.unroll(done, |message| message.remote == remote);
                        done = 0;
                    }
                    _ => {
                        self.counters.refused += self.queue[done].packets();
                        done += 1;
                    }
                },
            }
        }
        self.queue.clear();
    }

    /// Drop the first `done` messages of the queue, which were sent, and split those that `refused` into single packets.
    fn unroll(&mut self, done: usize, refused: impl Fn(&Message) -> bool) {
        self.queue = self.queue[done..]
            .iter()
            .flat_map(|message| message.split(if refused(message) { 1 } else { SEGMENTS }))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel that answers from a script, then takes everything; remembers (port, length, segmented) of what it took.
    #[derive(Default)]
    struct Scripted {
        script: Vec<Result<usize, i32>>,
        taken: Vec<(u16, usize, bool)>,
    }

    impl Kernel for Scripted {
        fn send(&mut self, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
            let answer = if self.script.is_empty() {
                Ok(headers.len())
            } else {
                self.script.remove(0)
            };
            let count = answer.map_err(io::Error::from_raw_os_error)?.min(headers.len());
            for header in &headers[..count] {
                // SAFETY: the headers under test point at storage and vectors that are alive.
                let (name, vector) = unsafe {
                    let header = &header.msg_hdr;
                    (
                        &*header.msg_name.cast::<libc::sockaddr_storage>(),
                        &*header.msg_iov,
                    )
                };
                let port = address::read(name).expect("an address").port();
                let room = header.msg_hdr.msg_controllen;
                // PKTINFO takes 32 bytes; a segment length follows it.
                self.taken.push((port, vector.iov_len, room > 32));
            }
            Ok(count)
        }
    }

    fn run(port: u16, length: usize, segment: usize) -> Message {
        Message {
            source: "127.0.0.1".parse().expect("ip"),
            remote: SocketAddr::new("127.0.0.1".parse().expect("ip"), port),
            offset: 0,
            length,
            segment,
        }
    }

    fn flush(script: Vec<Result<usize, i32>>, messages: &[Message]) -> (Sender, Vec<(u16, usize, bool)>) {
        let mut sender = Sender::new(Segmentation::Auto);
        let mut kernel = Scripted {
            script,
            taken: Vec::new(),
        };
        for &message in messages {
            sender.push(message);
        }
        sender.flush_to(&vec![0; 100_000], &mut kernel);
        (sender, kernel.taken)
    }

    #[test]
    fn runs_and_singles_share_a_call() {
        let (sender, taken) = flush(vec![], &[run(1, 250, 100), run(2, 80, 80)]);
        assert_eq!(taken, [(1, 250, true), (2, 80, false)]);
        let expected = SendCounters {
            calls: 1,
            packets: 4,
            bytes: 330,
            ..SendCounters::default()
        };
        assert_eq!(sender.counters(), expected);
    }

    #[test]
    fn a_partial_send_goes_on_where_it_stopped() {
        let (sender, taken) = flush(
            vec![Ok(1), Ok(1)],
            &[run(1, 10, 10), run(2, 10, 10), run(3, 10, 10)],
        );
        assert_eq!(
            taken.iter().map(|message| message.0).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert_eq!(sender.counters().calls, 3);
    }

    #[test]
    fn einval_turns_runs_off_for_that_destination_only() {
        let messages = [run(1, 250, 100), run(2, 200, 100), run(1, 200, 100)];
        for errno in [libc::EINVAL, libc::EMSGSIZE] {
            let (mut sender, taken) = flush(vec![Err(errno)], &messages);
            let singles = [
                (1, 100, false),
                (1, 100, false),
                (1, 50, false),
                (2, 200, true),
                (1, 100, false),
                (1, 100, false),
            ];
            assert_eq!(taken, singles);
            assert!(sender.segmentation());
            assert_eq!(sender.counters().packets, 7);
            sender.push(run(1, 200, 100));
            sender.push(run(3, 200, 100));
            assert_eq!(
                sender
                    .queue
                    .iter()
                    .map(|message| message.length)
                    .collect::<Vec<_>>(),
                [100, 100, 200]
            );
        }
    }

    #[test]
    fn eio_turns_runs_off_for_the_socket() {
        let (mut sender, taken) = flush(vec![Ok(1), Err(libc::EIO)], &[run(1, 200, 100), run(2, 200, 100)]);
        assert_eq!(taken, [(1, 200, true), (2, 100, false), (2, 100, false)]);
        assert!(!sender.segmentation());
        assert_eq!(sender.counters().packets, 4);
        sender.push(run(3, 200, 100));
        assert_eq!(sender.queue.len(), 2);
    }

    #[test]
    fn a_full_buffer_drops_the_rest() {
        let (sender, taken) = flush(
            vec![Ok(1), Err(libc::EAGAIN)],
            &[run(1, 10, 10), run(2, 250, 100)],
        );
        assert_eq!(taken.len(), 1);
        assert_eq!(sender.counters().buffer_full, 3);
        assert!(sender.queue.is_empty());
    }

    #[test]
    fn a_refused_packet_drops_alone() {
        let (sender, taken) = flush(vec![Err(libc::ENETUNREACH)], &[run(1, 10, 10), run(2, 10, 10)]);
        assert_eq!(taken, [(2, 10, false)]);
        assert_eq!(sender.counters().refused, 1);
    }

    #[test]
    fn long_runs_are_split_at_the_kernels_limits() {
        let (_, taken) = flush(vec![], &[run(1, 70 * 100, 100), run(2, 60 * 1200, 1200)]);
        assert_eq!(
            taken,
            [
                (1, 6400, true),
                (1, 600, true),
                (2, 64_800, true),
                (2, 7200, true)
            ]
        );
    }
}
