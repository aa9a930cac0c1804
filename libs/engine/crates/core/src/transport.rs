//! One peer connection: its addresses, its keys, what it receives (`reception`) and how it sends.

use rheon_engine_wire::dependency_descriptor;
use rheon_engine_wire::rtp::{HeaderWriter, abs_send_time};
use rheon_engine_wire::srtp::{Profile, ReceiveContext, SendContext};

use crate::codec::Rewrite;
use crate::counters::{Counters, DropReason};
use crate::egress::Egress;
use crate::hash::{KeyedMap, KeyedState};
use crate::ice::Ice;
use crate::ids::{Ssrc, TransportId};
use crate::now::Now;
use crate::packet::Passthrough;
use crate::parameters::{ExtensionIds, IceCredentials};
use crate::reception::Reception;
use crate::round_trip::RoundTrip;
use crate::timers::Armed;

/// Keys in both directions.
struct Keys {
    send: SendContext,
    receive: ReceiveContext,
    /// Master key and salt of `send`: the same keys must never start over.
    master: Vec<u8>,
}

/// Which forward an SSRC we send belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    /// Slot of the forward.
    pub(crate) forward: usize,
    /// The SSRC is its RTX one.
    pub(crate) retransmission: bool,
}

/// What a peer counted and we counted for it.
#[derive(Debug, Default)]
pub(crate) struct TransportCounters {
    pub(crate) packets_received: u64,
    pub(crate) bytes_received: u64,
    pub(crate) packets_sent: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) feedback_received: u64,
    pub(crate) feedback_lost: u64,
}

/// One packet to write: what `Transport::send_media` needs besides its own state.
pub(crate) struct Outgoing<'a> {
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    /// SRTP index: sequence number with rollover counter.
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: Ssrc,
    pub(crate) extensions: &'a ExtensionIds,
    pub(crate) mid: &'a str,
    pub(crate) passthrough: &'a Passthrough,
    /// Original sequence number, in front of a retransmission's payload (RFC 4588 §4).
    pub(crate) original: Option<u16>,
    pub(crate) payload: &'a [u8],
    pub(crate) dependency_descriptor: &'a [u8],
    /// What is different in this copy.
    pub(crate) rewrite: Rewrite,
    /// Bytes of RTP padding.
    pub(crate) padding: u8,
}

pub(crate) struct Transport {
    pub(crate) id: TransportId,
    pub(crate) ice: Ice,
    keys: Option<Keys>,
    pub(crate) reception: Reception,
    /// Slots of its forwards.
    pub(crate) forwards: Vec<usize>,
    pub(crate) senders: KeyedMap<u32, Sender>,
    /// First index not yet used of every SSRC ever sent under the present keys whose forward is gone.
    retired: KeyedMap<u32, u64>,
    /// SSRC of our RTCP.
    pub(crate) rtcp_ssrc: Ssrc,
    /// Next transport-wide sequence number.
    next_sequence: u16,
    pub(crate) round_trip: RoundTrip,
    /// When sender reports are due next; `None`: nothing was sent since the last ones.
    pub(crate) sender_reports_due: Option<Now>,
    pub(crate) armed: Armed,
    pub(crate) counters: TransportCounters,
}

impl Transport {
    pub(crate) fn new(
        id: TransportId,
        ice: IceCredentials,
        rtcp_ssrc: Ssrc,
        keys: KeyedState,
        now: Now,
    ) -> Self {
        Self {
            id,
            ice: Ice::new(ice),
            keys: None,
            reception: Reception::new(keys, now),
            forwards: Vec::new(),
            senders: KeyedMap::with_hasher(keys),
            retired: KeyedMap::with_hasher(keys),
            rtcp_ssrc,
            next_sequence: 0,
            round_trip: RoundTrip::default(),
            sender_reports_due: None,
            armed: Armed::default(),
            counters: TransportCounters::default(),
        }
    }

    /// New keys. False: their length is wrong. Keys already in use are left as they are, counters and all.
    pub(crate) fn set_keys(&mut self, profile: Profile, send: Vec<u8>, receive: &[u8]) -> bool {
        if self
            .keys
            .as_ref()
            .is_some_and(|keys| keys.master == send && keys.send.profile() == profile)
        {
            return true;
        }
        let (Ok(sender), Ok(receiver)) = (
            SendContext::new(profile, &send),
            ReceiveContext::new(profile, receive),
        ) else {
            return false;
        };
        self.keys = Some(Keys {
            send: sender,
            receive: receiver,
            master: send,
        });
        self.retired.clear();
        self.reception.rekeyed();
        true
    }

    /// Keys to open packets with, beside what they change.
    pub(crate) fn receiving(&mut self) -> Option<(&ReceiveContext, &mut Reception)> {
        self.keys
            .as_ref()
            .map(|keys| (&keys.receive, &mut self.reception))
    }

    /// Keys and an address are there.
    #[inline]
    pub(crate) fn can_send(&self) -> bool {
        self.keys.is_some() && self.ice.destination().is_some()
    }

    /// First index an SSRC may be sent under.
    pub(crate) fn first_index(&self, ssrc: Ssrc, fresh: u64) -> u64 {
        self.retired.get(&ssrc.0).copied().unwrap_or(fresh)
    }

    /// An SSRC's forward is gone, `next` is its first index not used.
    pub(crate) fn retire(&mut self, ssrc: Ssrc, next: u64) {
        self.senders.remove(&ssrc.0);
        self.retired.insert(ssrc.0, next);
    }

    /// Write, protect and queue one packet. False: it was not sent.
    pub(crate) fn send_media(
        &mut self,
        now: Now,
        packet: &Outgoing<'_>,
        egress: &mut Egress,
        counters: &mut Counters,
    ) -> bool {
        let (Some(keys), Some(destination)) = (&self.keys, self.ice.destination()) else {
            return false;
        };
        let transport_sequence = self.next_sequence.to_be_bytes();
        let send_time = abs_send_time(now.as_micros());
        let ids = packet.extensions;
        let passed = packet.passthrough;
        let mut descriptor = [0; dependency_descriptor::MAX_LEN];
        let descriptor = descriptor.get_mut(..packet.dependency_descriptor.len());
        let descriptor = descriptor.filter(|copy| !copy.is_empty()).map(|copy| {
            copy.copy_from_slice(packet.dependency_descriptor);
            packet.rewrite.dependency_descriptor(copy);
            &*copy
        });
        let all = [
            (ids.mid, Some(packet.mid.as_bytes())),
            (ids.transport_cc, Some(&transport_sequence[..])),
            (ids.abs_send_time, Some(&send_time[..])),
            (ids.audio_level, passed.audio_level.get()),
            (ids.video_orientation, passed.video_orientation.get()),
            (ids.playout_delay, passed.playout_delay.get()),
            (ids.abs_capture_time, passed.abs_capture_time.get()),
            (ids.color_space, passed.color_space.get()),
            (ids.dependency_descriptor, descriptor),
        ];
        let elements = all
            .iter()
            .filter_map(|(id, value)| id.filter(|id| *id > 0).zip(*value));

        let header = HeaderWriter {
            payload_type: packet.payload_type,
            marker: packet.marker,
            padding: packet.padding > 0,
            sequence: packet.index as u16,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc.0,
        };
        let Ok(header_len) = HeaderWriter::len(elements.clone()) else {
            return false;
        };
        let prefix = if packet.original.is_some() { 2 } else { 0 };
        let padding = usize::from(packet.padding);
        let len = header_len + prefix + packet.payload.len() + padding + keys.send.profile().rtp_overhead();
        let Some(room) = egress.reserve(len) else {
            counters.drop(DropReason::EgressFull);
            return false;
        };
        if header.write(room, elements).is_err() {
            return false;
        }
        let Some(body) = room.get_mut(header_len..) else {
            return false;
        };
        let Some((osn, body)) = body.split_at_mut_checked(prefix) else {
            return false;
        };
        if let Some(original) = packet.original {
            osn.copy_from_slice(&original.to_be_bytes());
        }
        let Some((payload, rest)) = body.split_at_mut_checked(packet.payload.len()) else {
            return false;
        };
        payload.copy_from_slice(packet.payload);
        packet.rewrite.payload(payload);
        if let Some(pad) = rest.get_mut(..padding) {
            pad.fill(0);
            if let Some(last) = pad.last_mut() {
                *last = packet.padding;
            }
        }
        if keys.send.protect_rtp(room, header_len, packet.index).is_err() {
            return false;
        }
        egress.commit(destination.local, destination.remote, len);
        if ids.transport_cc.is_some() {
            self.next_sequence = self.next_sequence.wrapping_add(1);
        }
        self.count_sent(len, counters);
        true
    }

    /// Protect and queue a compound RTCP packet; the buffer is left in no defined state.
    pub(crate) fn send_rtcp(
        &mut self,
        compound: &mut Vec<u8>,
        egress: &mut Egress,
        counters: &mut Counters,
    ) -> bool {
        let (Some(keys), Some(destination)) = (&mut self.keys, self.ice.destination()) else {
            return false;
        };
        if keys.send.protect_rtcp(compound).is_err() {
            return false;
        }
        if !egress.push(destination.local, destination.remote, compound) {
            counters.drop(DropReason::EgressFull);
            return false;
        }
        self.count_sent(compound.len(), counters);
        true
    }

    /// Count a datagram that was queued.
    pub(crate) fn count_sent(&mut self, len: usize, counters: &mut Counters) {
        self.counters.packets_sent += 1;
        self.counters.bytes_sent = self.counters.bytes_sent.saturating_add(len as u64);
        counters.packets_sent += 1;
        counters.bytes_sent = counters.bytes_sent.saturating_add(len as u64);
    }

    /// When something of it is due.
    pub(crate) fn due(&self) -> Option<Now> {
        [
            self.ice.consent_due(),
            self.sender_reports_due,
            self.reception.due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
