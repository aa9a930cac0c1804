//! Control messages that travel beside a datagram: its local address (`PKTINFO`) and segment length (`UDP_SEGMENT`, `UDP_GRO`).

use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Room for every control message used here, in either direction.
const CAPACITY: usize = 128;

/// A control buffer, aligned as `cmsghdr` must be.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Control {
    bytes: [u8; CAPACITY],
}

/// What the control messages of a received datagram said.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// The address the datagram was sent to.
    pub local: Option<IpAddr>,
    /// Length of each of several datagrams the kernel put together, but the last.
    pub segment: Option<usize>,
}

impl Control {
    pub const EMPTY: Self = Self { bytes: [0; CAPACITY] };

    /// Point `header` at this buffer with all its room, for receiving.
    pub fn attach(&mut self, header: &mut libc::msghdr) {
        header.msg_control = self.bytes.as_mut_ptr().cast();
        header.msg_controllen = CAPACITY;
    }

    /// Write the source address and, for a run, the segment length; point `header` at them.
    pub fn write(&mut self, header: &mut libc::msghdr, source: IpAddr, segment: Option<u16>) {
        self.attach(header);
        let mut used = 0;
        if !source.is_unspecified() {
            used += match source {
                IpAddr::V4(ip) => {
                    let info = libc::in_pktinfo {
                        ipi_ifindex: 0,
                        ipi_spec_dst: libc::in_addr {
                            s_addr: u32::from_ne_bytes(ip.octets()),
                        },
                        ipi_addr: libc::in_addr { s_addr: 0 },
                    };
                    self.put(used, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
                }
                IpAddr::V6(ip) => {
                    let info = libc::in6_pktinfo {
                        ipi6_addr: libc::in6_addr { s6_addr: ip.octets() },
                        ipi6_ifindex: 0,
                    };
                    self.put(used, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
                }
            };
        }
        if let Some(segment) = segment {
            used += self.put(used, libc::SOL_UDP, libc::UDP_SEGMENT, segment);
        }
        header.msg_controllen = used;
        if used == 0 {
            header.msg_control = std::ptr::null_mut();
        }
    }

    /// Append one control message at `offset`; returns the room it takes.
    fn put<T: Copy>(&mut self, offset: usize, level: i32, kind: i32, value: T) -> usize {
        let size = mem::size_of::<T>() as libc::c_uint;
        // SAFETY: the CMSG macros only compute lengths here.
        let (length, space) = unsafe { (libc::CMSG_LEN(size), libc::CMSG_SPACE(size)) };
        let data = length as usize - mem::size_of::<T>();
        assert!(
            offset + space as usize <= CAPACITY,
            "control messages outgrow their buffer"
        );
        let header = libc::cmsghdr {
            cmsg_len: length as usize,
            cmsg_level: level,
            cmsg_type: kind,
        };
        // SAFETY: `offset + space` is within the buffer (asserted), and both are written unaligned.
        unsafe {
            let at = self.bytes.as_mut_ptr().add(offset);
            at.cast::<libc::cmsghdr>().write_unaligned(header);
            at.add(data).cast::<T>().write_unaligned(value);
        }
        space as usize
    }

    /// Read what the kernel wrote beside a received datagram. `header` must have been attached to this buffer.
    pub fn read(header: &libc::msghdr) -> Received {
        let mut received = Received::default();
        // SAFETY: the kernel filled msg_control up to msg_controllen with well-formed control messages; the macros
        // walk exactly those, and each value is read unaligned after its type was established by level and kind.
        unsafe {
            let mut at = libc::CMSG_FIRSTHDR(header);
            while !at.is_null() {
                let data = libc::CMSG_DATA(at);
                match ((*at).cmsg_level, (*at).cmsg_type) {
                    (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                        let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                        let ip = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
                        received.local = Some(IpAddr::V4(ip));
                    }
                    (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                        let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                        received.local = Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
                    }
                    (libc::SOL_UDP, libc::UDP_GRO) => {
                        let segment = data.cast::<libc::c_int>().read_unaligned();
                        received.segment = usize::try_from(segment).ok().filter(|&length| length > 0);
                    }
                    _ => {}
                }
                at = libc::CMSG_NXTHDR(header, at);
            }
        }
        received
    }
}
