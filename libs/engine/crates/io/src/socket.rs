//! A worker's UDP sockets: binding, options, buffers.

use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::address;
use crate::signal::check;

/// Asked of the kernel for each direction: 300 ms of 100 Mbit/s.
const BUFFER_BYTES: libc::c_int = 4 << 20;

/// Whether runs leave as one system call's message (UDP segmentation offload).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Segmentation {
    /// While the kernel takes them.
    #[default]
    Auto,
    /// Never.
    Off,
    /// The kernel is made to refuse each (EINVAL), over IPv4: for tests of the fallback.
    Fail,
}

/// A bound UDP socket.
#[derive(Debug)]
pub struct Socket {
    inner: UdpSocket,
    local: SocketAddr,
}

impl Socket {
    /// Bind `address` with every option the engine wants. IPv6 sockets carry IPv6 only.
    pub fn bind(address: SocketAddr, segmentation: Segmentation) -> io::Result<Self> {
        let family = if address.is_ipv4() {
            libc::AF_INET
        } else {
            libc::AF_INET6
        };
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no pointers; the result is checked before it is owned.
        let raw = check(unsafe { libc::socket(family, kind, 0) })?;
        // SAFETY: a descriptor just made, owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };

        if address.is_ipv4() {
            set(raw, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
        } else {
            set(raw, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
            set(raw, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
        }
        grow(raw, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF)?;
        grow(raw, libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)?;
        if segmentation == Segmentation::Fail && address.is_ipv4() {
            // The kernel refuses to segment datagrams it is to send without a checksum.
            set(raw, libc::SOL_SOCKET, libc::SO_NO_CHECK, 1)?;
        }
        // A sender's run may come in one piece. Absent before Linux 5.0: then every datagram comes by itself.
        let _ = set(raw, libc::SOL_UDP, libc::UDP_GRO, 1);

        let mut storage = address::empty();
        let length = address::write(address, &mut storage);
        // SAFETY: the storage outlives the call and holds an address of that length.
        check(unsafe { libc::bind(raw, (&raw const storage).cast(), length) })?;
        let inner = UdpSocket::from(fd);
        let local = inner.local_addr()?;
        Ok(Self { inner, local })
    }

    /// The address it is bound to, with the port the system chose if it was asked to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether a datagram with this source address leaves through this socket.
    pub fn carries(&self, source: IpAddr) -> bool {
        let bound = self.local.ip();
        bound == source || (bound.is_unspecified() && bound.is_ipv4() == source.is_ipv4())
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

fn set(fd: RawFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let size = mem::size_of_val(&value) as libc::socklen_t;
    // SAFETY: the value outlives the call and has the size told.
    check(unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), size) })?;
    Ok(())
}

/// Ask for a large buffer beyond the system's limit, or up to it where that needs a privilege we lack.
fn grow(fd: RawFd, forced: libc::c_int, polite: libc::c_int) -> io::Result<()> {
    set(fd, libc::SOL_SOCKET, forced, BUFFER_BYTES)
        .or_else(|_| set(fd, libc::SOL_SOCKET, polite, BUFFER_BYTES))
}

/// The sockets of each of `workers` workers on consecutive ports: `port`, or a later block if one of its ports is busy;
/// port 0 lets the system choose each worker's. Each worker has one socket per address, all on its one port.
pub fn bind_block(
    addresses: &[IpAddr],
    port: u16,
    workers: u16,
    segmentation: Segmentation,
) -> io::Result<Vec<Vec<Socket>>> {
    if port == 0 {
        return (0..workers)
            .map(|_| bind_anywhere(addresses, segmentation))
            .collect();
    }
    let mut first = port;
    loop {
        let last = first.checked_add(workers - 1).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("no free block of {workers} ports from {port} on"),
            )
        })?;
        let block: io::Result<Vec<Vec<Socket>>> = (first..=last)
            .map(|port| bind_all(addresses, port, segmentation))
            .collect();
        match block {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                first = last.checked_add(1).ok_or(error)?;
            }
            other => return other,
        }
    }
}

fn bind_all(addresses: &[IpAddr], port: u16, segmentation: Segmentation) -> io::Result<Vec<Socket>> {
    addresses
        .iter()
        .map(|&ip| Socket::bind(SocketAddr::new(ip, port), segmentation))
        .collect()
}

/// How often to try again when the port the system chose for one address is busy on another.
const PORT_ATTEMPTS: usize = 16;

fn bind_anywhere(addresses: &[IpAddr], segmentation: Segmentation) -> io::Result<Vec<Socket>> {
    let Some((&first, others)) = addresses.split_first() else {
        return Ok(Vec::new());
    };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let socket = Socket::bind(SocketAddr::new(first, 0), segmentation)?;
        match bind_all(others, socket.local().port(), segmentation) {
            Ok(mut rest) => {
                rest.insert(0, socket);
                return Ok(rest);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempt < PORT_ATTEMPTS => {}
            Err(error) => return Err(error),
        }
    }
}
