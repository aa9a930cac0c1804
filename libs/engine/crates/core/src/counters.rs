//! Counters of a worker, and the reasons for which it drops.

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// Why a datagram, a packet or a request was dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum DropReason { $($(#[$doc])* $name,)+ }

        impl DropReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name in statistics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

drop_reasons! {
    /// Shorter than its protocol's header.
    TooShort = "too-short",
    /// Longer than 1500 bytes (DTLS 4096).
    TooLong = "too-long",
    /// First byte belongs to no protocol we speak (RFC 7983).
    UnknownProtocol = "unknown-protocol",
    /// From an address that passed no ICE check.
    UnknownTuple = "unknown-tuple",
    /// Not a well-formed binding request with FINGERPRINT.
    StunMalformed = "stun-malformed",
    /// To a user fragment of no transport here.
    StunUnknownUfrag = "stun-unknown-ufrag",
    /// MESSAGE-INTEGRITY missing or wrong.
    StunIntegrity = "stun-integrity",
    /// Eight addresses already passed a check of this transport.
    TupleCap = "tuple-cap",
    /// A check from an address that another transport was checked from within the last ten seconds.
    TupleTaken = "tuple-taken",
    /// SRTP before keys were agreed, or DTLS and media to send without an address.
    NotConnected = "not-connected",
    /// SRTP packet seen before, or too old to tell.
    SrtpReplay = "srtp-replay",
    /// SRTP authentication failed.
    SrtpAuthentication = "srtp-authentication",
    /// Not well-formed RTP.
    RtpMalformed = "rtp-malformed",
    /// Not well-formed RTCP.
    RtcpMalformed = "rtcp-malformed",
    /// Belongs to no track.
    UnknownSsrc = "unknown-ssrc",
    /// 256 SSRCs already belong to this transport.
    SsrcCap = "ssrc-cap",
    /// Another payload type than the track's.
    UnknownPayloadType = "unknown-payload-type",
    /// Of an SSRC its track no longer uses.
    StaleSsrc = "stale-ssrc",
    /// The publisher sent more than its limit.
    Policed = "policed",
    /// Nothing but padding.
    PaddingOnly = "padding-only",
    /// Arrived twice (once by retransmission, say).
    Duplicate = "duplicate",
    /// So late that the ring no longer covers it.
    TooLate = "too-late",
    /// Payload is no payload of its codec.
    PayloadMalformed = "payload-malformed",
    /// More missing packets than the NACK list holds: the oldest were given up.
    NackCap = "nack-cap",
    /// More tracks than a publisher may have.
    TrackCap = "track-cap",
    /// A subscriber asked for key frames too often.
    KeyFrameRequestLimit = "key-frame-request-limit",
    /// A retransmission asked for is no longer in the ring.
    RetransmissionGone = "retransmission-gone",
    /// A retransmission asked for again within a round trip, or more than three times.
    RetransmissionRepeat = "retransmission-repeat",
    /// A retransmission beyond the byte budget.
    RetransmissionBudget = "retransmission-budget",
    /// The egress arena was full.
    EgressFull = "egress-full",
    /// The queue to another worker was full.
    SharedFull = "shared-full",
    /// The event queue was full.
    EventsFull = "events-full",
    /// A command named something unknown, or was not acceptable.
    UnknownTarget = "unknown-target",
    /// A transport was closed because its processing panicked.
    Panic = "panic",
}

/// Counts since the worker was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams given to `Worker::input`.
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Datagrams put into the egress arena.
    pub packets_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    drops: [u64; DropReason::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            packets_received: 0,
            bytes_received: 0,
            packets_sent: 0,
            bytes_sent: 0,
            drops: [0; DropReason::ALL.len()],
        }
    }
}

impl Counters {
    /// Count one drop.
    pub(crate) fn drop(&mut self, reason: DropReason) {
        self.drop_many(reason, 1);
    }

    pub(crate) fn drop_many(&mut self, reason: DropReason, count: u64) {
        if let Some(counter) = self.drops.get_mut(reason as usize) {
            *counter = counter.saturating_add(count);
        }
    }

    /// How often this happened.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops.get(reason as usize).copied().unwrap_or(0)
    }

    /// Every reason with its count.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL
            .iter()
            .map(|reason| (*reason, self.dropped(*reason)))
    }
}
