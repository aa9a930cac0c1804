//! What is to be sent: one arena of bytes and a list of runs over it.
//!
//! A *run* is datagrams of one length to one destination, the last of which may be shorter: what one message with a
//! `UDP_SEGMENT` control message can carry. Whoever owns the sockets sends every run and clears. The arena keeps its
//! memory, so that nothing is allocated once it has grown to a wake-up's worth.

use std::net::SocketAddr;

/// Most datagrams in one run (`UDP_MAX_SEGMENTS` of older kernels).
pub const MAX_SEGMENTS: usize = 64;

/// Most bytes in one run: a UDP payload's limit with room for headers.
pub const MAX_RUN_BYTES: usize = 65_000;

/// Datagrams of one length to one destination, back to back in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Local address to send from.
    pub local: SocketAddr,
    /// Destination.
    pub remote: SocketAddr,
    /// Where it starts in the arena.
    pub offset: usize,
    /// Its bytes.
    pub len: usize,
    /// Every datagram is this long but the last, which may be shorter; equals `len` for a single one.
    pub segment: u16,
}

/// Arena and runs. Bounded by `limit` bytes: what does not fit is refused, and the caller counts it.
#[derive(Debug)]
pub struct Egress {
    arena: Vec<u8>,
    used: usize,
    limit: usize,
    runs: Vec<Run>,
    datagrams: usize,
    /// Nothing may be appended to the last run (it ended with a shorter datagram, or was sealed).
    sealed: bool,
}

impl Egress {
    /// An empty arena that refuses to grow beyond `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            arena: Vec::new(),
            used: 0,
            limit,
            runs: Vec::new(),
            datagrams: 0,
            sealed: true,
        }
    }

    /// Runs in the order they were made.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The bytes of a run.
    pub fn bytes(&self, run: &Run) -> &[u8] {
        self.arena
            .get(run.offset..run.offset.saturating_add(run.len))
            .unwrap_or(&[])
    }

    /// The datagrams of a run.
    pub fn segments(&self, run: &Run) -> impl Iterator<Item = &[u8]> {
        self.bytes(run).chunks(usize::from(run.segment).max(1))
    }

    /// The arena up to what is used; `Run::offset` and `Run::len` index it.
    pub fn arena(&self) -> &[u8] {
        self.arena.get(..self.used).unwrap_or(&[])
    }

    /// Bytes waiting. Send early once this passes about a megabyte.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Datagrams waiting.
    pub fn datagrams(&self) -> usize {
        self.datagrams
    }

    /// Forget everything, keep the memory.
    pub fn clear(&mut self) {
        self.used = 0;
        self.runs.clear();
        self.datagrams = 0;
        self.sealed = true;
    }

    /// Room for one datagram of at most `len` bytes at the end of the arena; `None` when the arena is full.
    /// Nothing is sent before `commit`.
    pub fn reserve(&mut self, len: usize) -> Option<&mut [u8]> {
        let end = self.used.checked_add(len).filter(|end| *end <= self.limit)?;
        if self.arena.len() < end {
            self.arena.resize(end.next_power_of_two().min(self.limit), 0);
        }
        self.arena.get_mut(self.used..end)
    }

    /// Make the first `len` bytes of the last reservation a datagram: part of the last run where that may be, else a new run.
    pub fn commit(&mut self, local: SocketAddr, remote: SocketAddr, len: usize) {
        let Ok(size) = u16::try_from(len) else { return };
        if size == 0 || self.used + len > self.arena.len() {
            return;
        }
        let offset = self.used;
        self.used += len;
        self.datagrams += 1;
        if !self.sealed
            && let Some(run) = self.runs.last_mut()
            && run.remote == remote
            && run.local == local
            && size <= run.segment
            && run.len / usize::from(run.segment) < MAX_SEGMENTS
            && run.len + len <= MAX_RUN_BYTES
        {
            run.len += len;
            self.sealed = size < run.segment;
            return;
        }
        self.runs.push(Run {
            local,
            remote,
            offset,
            len,
            segment: size,
        });
        self.sealed = false;
    }

    /// Copy one finished datagram in. False when the arena is full.
    pub fn push(&mut self, local: SocketAddr, remote: SocketAddr, datagram: &[u8]) -> bool {
        let Some(room) = self.reserve(datagram.len()) else {
            return false;
        };
        room.copy_from_slice(datagram);
        self.commit(local, remote, datagram.len());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn lengths(egress: &Egress) -> Vec<(usize, u16)> {
        egress.runs().iter().map(|run| (run.len, run.segment)).collect()
    }

    #[test]
    fn equal_lengths_to_one_destination_are_one_run() {
        let mut egress = Egress::new(1 << 20);
        for _ in 0..3 {
            assert!(egress.push(address(1), address(2), &[7; 100]));
        }
        assert_eq!(lengths(&egress), [(300, 100)]);
        assert_eq!(egress.segments(&egress.runs()[0]).count(), 3);
    }

    #[test]
    fn a_shorter_datagram_ends_a_run() {
        let mut egress = Egress::new(1 << 20);
        for len in [100, 60, 60] {
            assert!(egress.push(address(1), address(2), &vec![1; len]));
        }
        assert_eq!(lengths(&egress), [(160, 100), (60, 60)]);
    }

    #[test]
    fn a_longer_datagram_or_another_destination_starts_a_run() {
        let mut egress = Egress::new(1 << 20);
        egress.push(address(1), address(2), &[0; 50]);
        egress.push(address(1), address(2), &[0; 51]);
        egress.push(address(1), address(3), &[0; 51]);
        egress.push(address(4), address(3), &[0; 51]);
        assert_eq!(lengths(&egress), [(50, 50), (51, 51), (51, 51), (51, 51)]);
    }

    #[test]
    fn runs_are_bounded() {
        let mut egress = Egress::new(1 << 20);
        for _ in 0..=MAX_SEGMENTS {
            egress.push(address(1), address(2), &[0; 1200]);
        }
        assert!(egress.runs().iter().all(|run| run.len <= MAX_RUN_BYTES));
        assert_eq!(egress.datagrams(), MAX_SEGMENTS + 1);
        assert_eq!(egress.runs().len(), 2);
    }

    #[test]
    fn a_full_arena_refuses_and_clearing_makes_room() {
        let mut egress = Egress::new(150);
        assert!(egress.push(address(1), address(2), &[0; 100]));
        assert!(!egress.push(address(1), address(2), &[0; 100]));
        egress.clear();
        assert!(egress.push(address(1), address(2), &[0; 100]));
    }
}
