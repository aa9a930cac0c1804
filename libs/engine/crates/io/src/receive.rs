//! Many datagrams out of a socket in one system call.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use crate::address;
use crate::control::Control;
use crate::socket::Socket;

/// Messages taken in one `recvmmsg`.
pub const BATCH: usize = 64;

/// Largest message: what the kernel coalesces is at most one IP datagram long. Only pages written to are ever resident.
const BUFFER: usize = 65_536;

/// Reusable buffers for one `recvmmsg`, shared by the sockets of a worker.
pub struct ReceiveBatch {
    buffers: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

/// One received datagram, or one of several the kernel put together.
#[derive(Debug)]
pub struct Arrived<'a> {
    /// Where it was sent to.
    pub local: SocketAddr,
    /// Where it came from.
    pub remote: SocketAddr,
    /// What it carries.
    pub bytes: &'a mut [u8],
}

impl ReceiveBatch {
    /// Empty buffers.
    pub fn new() -> Self {
        let mut buffers = vec![0_u8; BATCH * BUFFER];
        let mut names = vec![address::empty(); BATCH];
        let mut controls = vec![Control::EMPTY; BATCH];
        let mut vectors: Vec<libc::iovec> = buffers
            .chunks_exact_mut(BUFFER)
            .map(|buffer| libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: BUFFER,
            })
            .collect();
        let headers = (0..BATCH)
            .map(|index| {
                // SAFETY: a plain C structure for which all zeroes is a valid value.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_name = (&raw mut names[index]).cast();
                header.msg_hdr.msg_iov = &raw mut vectors[index];
                header.msg_hdr.msg_iovlen = 1;
                controls[index].attach(&mut header.msg_hdr);
                header
            })
            .collect();
        Self {
            buffers,
            names,
            controls,
            vectors,
            headers,
        }
    }

    /// Take what the socket has, up to [`BATCH`] messages; how many there were (fewer than that: it is drained).
    pub fn receive(&mut self, socket: &Socket) -> io::Result<usize> {
        debug_assert_eq!(self.vectors.len(), self.headers.len());
        for (header, control) in self.headers.iter_mut().zip(&mut self.controls) {
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            control.attach(&mut header.msg_hdr);
        }
        // SAFETY: every header points at a name, a control buffer and one vector of this batch, whose heap blocks live
        // as long as it and are never resized.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        if let Ok(count) = usize::try_from(count) {
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
            _ => Err(error),
        }
    }

    /// Call `each` with the datagrams of message `index`, which the last [`Self::receive`] from `socket` filled.
    pub fn datagrams(&mut self, index: usize, socket: &Socket, mut each: impl FnMut(Arrived<'_>)) {
        let header = &self.headers[index];
        let Some(remote) = address::read(&self.names[index]) else {
            return;
        };
        let received = Control::read(&header.msg_hdr);
        let local = SocketAddr::new(
            received.local.unwrap_or(socket.local().ip()),
            socket.local().port(),
        );
        let start = index * BUFFER;
        let length = (header.msg_len as usize).min(BUFFER);
        let bytes = &mut self.buffers[start..start + length];
        let segment = received.segment.unwrap_or(length).max(1);
        if bytes.is_empty() {
            each(Arrived { local, remote, bytes });
            return;
        }
        for bytes in bytes.chunks_mut(segment) {
            each(Arrived { local, remote, bytes });
        }
    }
}
