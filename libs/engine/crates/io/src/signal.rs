//! Wake-ups between threads: an eventfd, and the epoll set a worker waits on.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// A descriptor that any thread can make readable (eventfd).
#[derive(Debug)]
pub struct Signal(File);

impl Signal {
    /// A new one, not readable yet.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked before it is owned.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: a descriptor just made, owned by nobody else.
        Ok(Self(unsafe { File::from_raw_fd(fd) }))
    }

    /// Make it readable.
    pub fn set(&self) {
        // It fails only when the counter is at its limit, and then it is readable already.
        let _ = (&self.0).write(&1_u64.to_ne_bytes());
    }

    /// Make it unreadable.
    pub fn clear(&self) {
        // It fails only when it is unreadable already.
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl AsRawFd for Signal {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A level-triggered epoll set.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

/// Most descriptors reported by one wait; the rest are reported by the next.
pub const READY_AT_ONCE: usize = 8;

impl Epoll {
    /// An empty set.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the result is checked before it is owned.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: a descriptor just made, owned by nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Report `fd` as `token` whenever it is readable.
    pub fn add(&self, fd: &impl AsRawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: token,
        };
        // SAFETY: the event outlives the call; the kernel copies it.
        check(unsafe {
            libc::epoll_ctl(
                self.0.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                fd.as_raw_fd(),
                &raw mut event,
            )
        })?;
        Ok(())
    }

    /// Wait until something is readable or `timeout` has passed (`None`: for ever); the tokens of what is readable.
    ///
    /// The timeout has the resolution of the system's timers, not of milliseconds: bursts are held for 2 ms.
    pub fn wait(&self, timeout: Option<Duration>, ready: &mut Vec<u64>) -> io::Result<()> {
        ready.clear();
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; READY_AT_ONCE];
        let limit = timeout.map(|timeout| libc::timespec {
            tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        // SAFETY: every pointer is to a local that outlives the call, or null where null is allowed; the sigset size
        // is not read when the set is null. A system call because the C library's wrapper is younger than the kernel's.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.0.as_raw_fd(),
                events.as_mut_ptr(),
                events.len(),
                limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref),
                std::ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted {
                Ok(())
            } else {
                Err(error)
            };
        };
        ready.extend(events.iter().take(count).map(|event| event.u64));
        Ok(())
    }
}

/// The result of a system call: -1 becomes the thread's error.
pub fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_readable_until_cleared() {
        let (epoll, signal) = (Epoll::new().expect("epoll"), Signal::new().expect("eventfd"));
        let mut ready = Vec::new();
        epoll.add(&signal, 7).expect("add");
        epoll.wait(Some(Duration::ZERO), &mut ready).expect("wait");
        assert!(ready.is_empty());
        signal.set();
        signal.set();
        epoll.wait(None, &mut ready).expect("wait");
        assert_eq!(ready, [7]);
        signal.clear();
        epoll
            .wait(Some(Duration::from_micros(100)), &mut ready)
            .expect("wait");
        assert!(ready.is_empty());
    }
}
