//! Answering a subscriber's NACKs: RTX from the shared ring (RFC 4588), each under a number of its own.

use super::Worker;
use crate::counters::DropReason;
use crate::now::Now;
use crate::parameters::Codec;
use crate::sent_ring::NotResent;
use crate::transport::Outgoing;

impl Worker {
    /// A subscriber misses one packet of a forward.
    pub(super) fn retransmit(&mut self, now: Now, slot: usize, sequence: u16) -> Result<(), DropReason> {
        let Some(forward) = self.forwards.get_mut(slot) else {
            return Ok(());
        };
        forward.counters.nacks_received += 1;
        let parameters = &forward.parameters;
        let (Some(ssrc), Some(payload_type), true) = (
            parameters.rtx_ssrc,
            parameters.rtx_payload_type,
            forward.retransmits(),
        ) else {
            return Ok(());
        };
        let Some(transport) = self.transports.get_mut(forward.transport) else {
            return Ok(());
        };
        let output = forward.unwrap(sequence);
        let sent = forward
            .sent
            .get(output, now, transport.round_trip.typical())
            .map_err(|refused| match refused {
                NotResent::Gone => DropReason::RetransmissionGone,
                NotResent::Repeat => DropReason::RetransmissionRepeat,
            })?;
        let source = self.sources.get(forward.source);
        let codec = source
            .and_then(|source| source.description.as_ref())
            .map_or(Codec::default(), |description| description.codec);
        let layer = source.and_then(|source| source.layer(sent.layer));
        let packet = layer
            .and_then(|layer| layer.ring.get(sent.sequence(layer.ring.newest()?)))
            .ok_or(DropReason::RetransmissionGone)?;
        if !forward.take_retransmission(now, packet.payload.len()) {
            return Err(DropReason::RetransmissionBudget);
        }
        let parameters = &forward.parameters;
        let outgoing = Outgoing {
            payload_type,
            marker: packet.marker,
            index: forward.rtx_index,
            timestamp: sent.timestamp,
            ssrc,
            extensions: &parameters.extensions,
            mid: &parameters.mid,
            passthrough: &packet.passthrough,
            original: Some(output as u16),
            payload: &packet.payload,
            dependency_descriptor: &packet.dependency_descriptor,
            rewrite: forward.rewrite(codec, packet, sent.ids()),
            padding: 0,
        };
        // The number is used up even if sending fails: no index ever protects two packets.
        forward.rtx_index = forward.rtx_index.saturating_add(1);
        if transport.send_media(now, &outgoing, &mut self.egress, &mut self.counters) {
            forward.sent.resent(output, now);
            forward.counters.retransmitted += 1;
        }
        Ok(())
    }
}
