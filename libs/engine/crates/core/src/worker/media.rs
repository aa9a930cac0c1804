//! RTP in: unprotect, find the stream, count it, normalise it once, hand it to the source.

use std::sync::Arc;

use rheon_engine_wire::rtp::{RtpHeader, parse_transport_sequence};
use rheon_engine_wire::sequence::distance;
use rheon_engine_wire::srtp::{self, SrtpError};

use super::Worker;
use crate::codec::RawPayload;
use crate::counters::DropReason;
use crate::event::Event;
use crate::ice::Tuple;
use crate::ids::Ssrc;
use crate::now::Now;
use crate::packet::{MediaPacket, Passthrough};
use crate::parameters::{ExtensionIds, Kind};
use crate::receive_stream::ReceiveStatistics;
use crate::reception::{Hints, Reception, Role, Stream};
use crate::ring::Refused;
use crate::timers::TimerOwner;
use crate::transport_cc::FEEDBACK_INTERVAL;

/// First receiver report after media began.
const FIRST_REPORT: std::time::Duration = std::time::Duration::from_millis(500);

/// One media packet on its way into a layer.
struct Arrival<'a> {
    source: usize,
    layer: u8,
    /// SSRC of the media stream, also for a retransmission.
    ssrc: u32,
    /// SRTP index it has or had there.
    index: u64,
    timestamp: u32,
    marker: bool,
    payload: &'a [u8],
    /// The payload is RED around payloads of this type.
    red_around: Option<u8>,
    dependency_descriptor: &'a [u8],
    retransmitted: bool,
}

pub(super) fn srtp_reason(error: SrtpError) -> DropReason {
    match error {
        SrtpError::TooShort => DropReason::TooShort,
        SrtpError::Replay => DropReason::SrtpReplay,
        _ => DropReason::SrtpAuthentication,
    }
}

impl Worker {
    pub(super) fn receive_rtp(
        &mut self,
        now: Now,
        slot: usize,
        tuple: Tuple,
        bytes: &mut [u8],
    ) -> Result<(), DropReason> {
        let header = RtpHeader::parse(bytes).map_err(|_| DropReason::RtpMalformed)?;
        let transport = self.transports.get_mut(slot).ok_or(DropReason::UnknownTuple)?;
        let len = bytes.len();
        if transport
            .reception
            .policer
            .as_mut()
            .is_some_and(|policer| !policer.has(now, len))
        {
            return Err(DropReason::Policed);
        }
        let (keys, reception) = transport.receiving().ok_or(DropReason::NotConnected)?;
        let known = reception.streams.get_mut(&header.ssrc);
        let is_new = known.is_none();
        let mut fresh = srtp::ReceiveStream::default();
        let stream = known.map_or(&mut fresh, |stream| &mut stream.srtp);
        let (plain, index) = keys.unprotect_rtp(bytes, &header, stream).map_err(srtp_reason)?;
        let packet = bytes.get(..plain).ok_or(DropReason::TooShort)?;

        // From here on the packet is the peer's own.
        if let Some(policer) = &mut reception.policer {
            policer.charge(len);
        }
        let mut hints = Hints::default();
        let mut passthrough = Passthrough::default();
        let sequence = read_extensions(
            &reception.extensions,
            &header,
            packet,
            &mut hints,
            &mut passthrough,
        );
        if let Some(sequence) = sequence {
            reception.transport_cc.arrived(sequence, now);
            if reception
                .tracks
                .iter()
                .any(|published| published.parameters.transport_cc)
            {
                reception.feedback_due.get_or_insert(now + FEEDBACK_INTERVAL);
            }
        }
        let bound = if is_new {
            let bound = bind(reception, &header, fresh, &hints);
            if let Ok(Role::Media { source, layer }) = bound {
                self.layer_bound(slot, source, layer, header.ssrc, index);
            }
            bound
        } else {
            reception
                .streams
                .get(&header.ssrc)
                .map(|stream| stream.role)
                .ok_or(DropReason::UnknownSsrc)
        };
        let transport = self.transports.get_mut(slot).ok_or(DropReason::UnknownTuple)?;
        transport.ice.authenticated_from(tuple);
        let reception = &mut transport.reception;
        let role = bound?;
        let payload = header.payload(packet).map_err(|_| DropReason::RtpMalformed)?;
        let payload = packet.get(payload).unwrap_or_default();
        let stream = reception
            .streams
            .get(&header.ssrc)
            .ok_or(DropReason::UnknownSsrc)?;
        let red = stream.red_payload_type == Some(header.payload_type);
        if stream.payload_type != header.payload_type && !red {
            return Err(DropReason::UnknownPayloadType);
        }
        let red_around = red.then_some(stream.payload_type);
        reception.reports_due.get_or_insert(now + FIRST_REPORT);
        let arrival = match role {
            Role::Media { source, layer } => Arrival {
                source,
                layer,
                ssrc: header.ssrc,
                index,
                timestamp: header.timestamp,
                marker: header.marker,
                payload,
                red_around,
                dependency_descriptor: hints.dependency_descriptor,
                retransmitted: false,
            },
            Role::Retransmission { source, layer } => Arrival {
                dependency_descriptor: hints.dependency_descriptor,
                ..original(reception, source, layer, &header, payload)?
            },
        };
        if reception.media_ssrc(arrival.source, arrival.layer) != Some(arrival.ssrc) {
            return Err(DropReason::StaleSsrc);
        }
        reception.any_ssrc = arrival.ssrc;
        self.arrived(now, slot, &arrival, passthrough)
    }

    /// A layer's media now comes under this SSRC.
    fn layer_bound(&mut self, slot: usize, source: usize, layer: u8, ssrc: u32, index: u64) {
        let Some(transport) = self.transports.get_mut(slot) else {
            return;
        };
        let reception = &mut transport.reception;
        let published = reception
            .tracks
            .iter_mut()
            .find(|published| published.source == source);
        let current = published.and_then(|published| published.current.get_mut(usize::from(layer)));
        if let Some(former) = current.and_then(|current| current.replace(ssrc)) {
            reception.nacks.forget(former);
        }
        let slot = source;
        let Some(source) = self.sources.get_mut(slot) else {
            return;
        };
        let track = source.track;
        let Some(layer_state) = source.layer_mut(layer) else {
            return;
        };
        let first = !layer_state.started;
        layer_state.bind(index);
        // Who waited for a key frame before there was a publisher to ask is served now.
        self.arm_source(slot);
        if first {
            self.event(Event::TrackStarted {
                track,
                layer,
                ssrc: Ssrc(ssrc),
            });
        }
    }

    /// Count a packet, and make it one of its layer.
    fn arrived(
        &mut self,
        now: Now,
        slot: usize,
        arrival: &Arrival<'_>,
        passthrough: Passthrough,
    ) -> Result<(), DropReason> {
        let source = self
            .sources
            .get_mut(arrival.source)
            .ok_or(DropReason::UnknownSsrc)?;
        let description = source.description.clone().ok_or(DropReason::UnknownSsrc)?;
        let muted = source.muted;
        let layer = source.layer_mut(arrival.layer).ok_or(DropReason::UnknownSsrc)?;
        let transport = self.transports.get_mut(slot).ok_or(DropReason::UnknownTuple)?;
        let reception = &mut transport.reception;

        if arrival.payload.is_empty() {
            layer.leave_out(arrival.index);
            self.counters
                .drop_many(DropReason::NackCap, count(now, reception, arrival, 0, !muted));
            return Err(DropReason::PaddingOnly);
        }
        let sequence = layer.number(arrival.index).ok_or(DropReason::TooLate)?;
        if muted {
            // Counted as received, so that nothing is asked for again; it goes nowhere.
            count(now, reception, arrival, arrival.payload.len(), false);
            return Ok(());
        }
        let mut packet = self.pool.take();
        let filled = Arc::get_mut(&mut packet).ok_or(DropReason::PayloadMalformed)?;
        filled.sequence = sequence;
        filled.epoch = layer.epoch;
        filled.timestamp = arrival.timestamp;
        filled.arrival = now;
        filled.layer = arrival.layer;
        filled.marker = arrival.marker;
        filled.passthrough = passthrough;
        let payload = RawPayload {
            codec: description.codec,
            bytes: arrival.payload,
            red_around: arrival.red_around,
            dependency_descriptor: arrival.dependency_descriptor,
        };
        if !layer.reader.read(&payload, filled) {
            self.pool.give(packet);
            return Err(DropReason::PayloadMalformed);
        }
        let newest = match layer.ring.insert(&packet, &mut self.pool) {
            Ok(newest) => newest,
            Err(refused) => {
                self.pool.give(packet);
                return Err(match refused {
                    Refused::Duplicate => DropReason::Duplicate,
                    Refused::TooLate => DropReason::TooLate,
                });
            }
        };
        if description.kind == Kind::Video && packet.key_frame {
            layer.key_frames += 1;
            layer.gate.answered();
        }
        let given_up = count(now, reception, arrival, packet.payload.len(), true);
        self.counters.drop_many(DropReason::NackCap, given_up);
        self.share(arrival.source, &packet);
        if newest {
            self.heard(now, arrival.source, &packet);
        }
        self.distribute(now, arrival.source, packet, newest);
        Ok(())
    }

    /// Give a packet that is in its ring to the forwards: at once, or with its burst.
    pub(super) fn distribute(&mut self, now: Now, slot: usize, packet: Arc<MediaPacket>, newest: bool) {
        let Some(source) = self.sources.get_mut(slot) else {
            return;
        };
        if source.forwards.is_empty() {
            return;
        }
        let (video, track, number) = (source.is_video(), source.track, packet.layer);
        if !video || !newest {
            self.fan_out(now, slot, std::slice::from_ref(&packet), !newest);
            return;
        }
        let Some(layer) = source.layer_mut(number) else {
            return;
        };
        if layer.burst.push(now, packet) {
            self.close_burst(now, slot, number);
        } else if let Some(due) = layer.burst.due() {
            self.timers.arm(due, TimerOwner::Source(track), &mut source.armed);
        }
    }
}

/// Statistics and gaps (`repair`: to be asked for). Returns how many missing packets were given up for room.
fn count(now: Now, reception: &mut Reception, arrival: &Arrival<'_>, bytes: usize, repair: bool) -> u64 {
    let nack = repair
        && reception
            .track(arrival.source)
            .is_some_and(|published| published.parameters.nack);
    let Some(stream) = reception.streams.get_mut(&arrival.ssrc) else {
        return 0;
    };
    let highest = stream.statistics.highest();
    let mut given_up = 0;
    match highest {
        Some(highest) if arrival.index > highest + 1 && nack => {
            given_up = reception.nacks.gap(arrival.ssrc, highest, arrival.index, now);
        }
        Some(highest) if arrival.index < highest => {
            reception.nacks.arrived(arrival.ssrc, arrival.index);
        }
        _ => {}
    }
    let clock_rate = stream.clock_rate;
    stream.statistics.packet(
        arrival.index,
        arrival.timestamp,
        bytes,
        clock_rate,
        now,
        arrival.retransmitted,
    );
    given_up
}

/// Remember a new SSRC, if it belongs to a track and there is room.
fn bind(
    reception: &mut Reception,
    header: &RtpHeader,
    srtp: srtp::ReceiveStream,
    hints: &Hints<'_>,
) -> Result<Role, DropReason> {
    let role = reception
        .bind(header.ssrc, header.payload_type, hints)
        .ok_or(DropReason::UnknownSsrc)?;
    if !reception.has_room() {
        return Err(DropReason::SsrcCap);
    }
    let published = reception.track(role.source()).ok_or(DropReason::UnknownSsrc)?;
    let parameters = &published.parameters;
    let payload_type = match role {
        Role::Media { .. } => Some(parameters.payload_type),
        Role::Retransmission { .. } => parameters.rtx_payload_type,
    };
    let red_payload_type = match role {
        Role::Media { .. } => parameters.red_payload_type,
        Role::Retransmission { .. } => None,
    };
    let stream = Stream {
        role,
        red_payload_type,
        srtp,
        statistics: ReceiveStatistics::default(),
        payload_type: payload_type.ok_or(DropReason::UnknownPayloadType)?,
        clock_rate: parameters.clock_rate,
    };
    reception.streams.insert(header.ssrc, stream);
    Ok(role)
}

/// What a retransmission brings again (RFC 4588 §4).
fn original<'a>(
    reception: &Reception,
    source: usize,
    layer: u8,
    header: &RtpHeader,
    payload: &'a [u8],
) -> Result<Arrival<'a>, DropReason> {
    let Some((number, payload)) = payload.split_first_chunk::<2>() else {
        return Err(DropReason::PaddingOnly);
    };
    let ssrc = reception
        .media_ssrc(source, layer)
        .ok_or(DropReason::UnknownSsrc)?;
    let stream = reception.streams.get(&ssrc).ok_or(DropReason::UnknownSsrc)?;
    let highest = stream.srtp.highest_index().ok_or(DropReason::UnknownSsrc)?;
    let ahead = distance(u16::from_be_bytes(*number), highest as u16);
    let index = highest
        .checked_add_signed(ahead.into())
        .ok_or(DropReason::TooLate)?;
    Ok(Arrival {
        source,
        layer,
        ssrc,
        index,
        timestamp: header.timestamp,
        marker: header.marker,
        payload,
        red_around: None,
        dependency_descriptor: &[],
        retransmitted: true,
    })
}

/// Read what the engine knows of the header extensions; returns the transport-wide sequence number.
fn read_extensions<'a>(
    ids: &ExtensionIds,
    header: &RtpHeader,
    packet: &'a [u8],
    hints: &mut Hints<'a>,
    passthrough: &mut Passthrough,
) -> Option<u16> {
    let mut sequence = None;
    for (id, value) in header.extensions(packet) {
        let id = Some(id);
        if id == ids.transport_cc {
            sequence = parse_transport_sequence(value);
        } else if id == ids.audio_level {
            passthrough.audio_level.set(value);
        } else if id == ids.mid {
            hints.mid = Some(value);
        } else if id == ids.rid {
            hints.rid = Some(value);
        } else if id == ids.repaired_rid {
            hints.repaired_rid = Some(value);
        } else if id == ids.video_orientation {
            passthrough.video_orientation.set(value);
        } else if id == ids.playout_delay {
            passthrough.playout_delay.set(value);
        } else if id == ids.abs_capture_time {
            passthrough.abs_capture_time.set(value);
        } else if id == ids.dependency_descriptor {
            hints.dependency_descriptor = value;
        } else if id == ids.color_space {
            passthrough.color_space.set(value);
        }
    }
    sequence
}
