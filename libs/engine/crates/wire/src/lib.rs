//! Wire formats of the packet engine: STUN, RTP, RTCP, SRTP and codec payload descriptors.
