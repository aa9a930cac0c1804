//! A datagram's first steps: what it is, whose it is, ICE checks and DTLS (RFC 7983, RFC 8445 §7.3, RFC 5764 §5.1.2).

use rheon_engine_wire::stun::{self, BindingRequest};

use super::{Datagram, Worker};
use crate::classify::{Protocol, classify};
use crate::counters::DropReason;
use crate::event::Event;
use crate::ice::{Check, Outcome, Tuple};
use crate::now::Now;

/// We are a lite agent and always controlled: a peer that thinks it is controlled is told of the conflict.
const ROLE_CONFLICT: u16 = 487;

impl Worker {
    pub(super) fn receive(&mut self, now: Now, datagram: Datagram<'_>) -> Result<(), DropReason> {
        let tuple = Tuple {
            local: datagram.local,
            remote: datagram.remote,
        };
        let bytes = datagram.bytes;
        let protocol = classify(bytes)?;
        if protocol == Protocol::Stun {
            return self.receive_stun(now, tuple, bytes);
        }
        let slot = self.tuples.get(&tuple).copied().ok_or(DropReason::UnknownTuple)?;
        self.count_received(slot, bytes.len());
        let done = self.contained(slot, |worker| match protocol {
            Protocol::Rtp => worker.receive_rtp(now, slot, tuple, bytes),
            Protocol::Rtcp => worker.receive_rtcp(now, slot, tuple, bytes),
            Protocol::Dtls | Protocol::Stun => {
                worker.receive_dtls(slot, bytes);
                Ok(())
            }
        });
        self.arm_transport(slot);
        done.unwrap_or(Ok(()))
    }

    fn count_received(&mut self, slot: usize, len: usize) {
        if let Some(transport) = self.transports.get_mut(slot) {
            transport.counters.packets_received += 1;
            transport.counters.bytes_received = transport.counters.bytes_received.saturating_add(len as u64);
        }
    }

    fn receive_dtls(&mut self, slot: usize, bytes: &[u8]) {
        if let Some(transport) = self.transports.get(slot) {
            let transport = transport.id;
            self.event(Event::DtlsReceived {
                transport,
                datagram: bytes.to_vec(),
            });
        }
    }

    /// Strangers get no answer at all: neither an oracle for user fragments nor a reflector.
    fn receive_stun(&mut self, now: Now, tuple: Tuple, bytes: &[u8]) -> Result<(), DropReason> {
        let request = BindingRequest::parse(bytes).map_err(|_| DropReason::StunMalformed)?;
        let slot = self
            .ufrags
            .get(request.local_ufrag)
            .copied()
            .ok_or(DropReason::StunUnknownUfrag)?;
        let done = self.contained(slot, |worker| {
            worker.check(now, slot, tuple, &request, bytes.len())
        });
        self.arm_transport(slot);
        done.unwrap_or(Ok(()))
    }

    fn check(
        &mut self,
        now: Now,
        slot: usize,
        tuple: Tuple,
        request: &BindingRequest<'_>,
        len: usize,
    ) -> Result<(), DropReason> {
        let held = self.tuples.get(&tuple).is_some_and(|owner| {
            *owner != slot
                && self
                    .transports
                    .get(*owner)
                    .is_some_and(|owner| owner.ice.holds(tuple, now))
        });
        let transport = self
            .transports
            .get_mut(slot)
            .ok_or(DropReason::StunUnknownUfrag)?;
        let (key, current) = transport
            .ice
            .key(request.local_ufrag)
            .ok_or(DropReason::StunUnknownUfrag)?;
        if !request.authenticate(key) {
            return Err(DropReason::StunIntegrity);
        }
        // A tuple goes over to another transport only once its owner has gone quiet: the peer made a new connection from
        // the same port. Sooner, somebody with credentials of its own could take a call away by a forged address.
        if held {
            return Err(DropReason::TupleTaken);
        }
        let out = &mut self.scratch.bytes;
        out.clear();
        if request.unknown_attributes().next().is_some() {
            stun::write_unknown_attributes(out, &request.transaction_id, request.unknown_attributes(), key);
            self.send_raw(slot, tuple);
            return Ok(());
        }
        if request.controlled.is_some() {
            stun::write_binding_error(out, &request.transaction_id, ROLE_CONFLICT, key);
            self.send_raw(slot, tuple);
            return Ok(());
        }
        stun::write_binding_success(out, &request.transaction_id, tuple.remote, key);
        let check = Check {
            transaction_id: request.transaction_id,
            nominates: request.use_candidate || request.nomination.is_some(),
            nomination: request.nomination,
            current,
        };
        let Outcome::Valid {
            evicted, connected, ..
        } = transport.ice.check(now, tuple, check)
        else {
            return Err(DropReason::TupleCap);
        };
        let id = transport.id;
        let superseded = transport.ice.take_superseded();
        if let Some(evicted) = evicted {
            self.tuples.remove(&evicted);
        }
        if let Some(ufrag) = superseded {
            self.ufrags.remove(ufrag.as_bytes());
        }
        self.tuples.insert(tuple, slot);
        self.count_received(slot, len);
        self.send_raw(slot, tuple);
        if connected {
            self.event(Event::IceConnected { transport: id });
            self.start_forwards_of(now, slot);
        }
        Ok(())
    }

    /// Send the scratch buffer as it is.
    fn send_raw(&mut self, slot: usize, tuple: Tuple) {
        let bytes = &self.scratch.bytes;
        if !self.egress.push(tuple.local, tuple.remote, bytes) {
            self.counters.drop(DropReason::EgressFull);
        } else if let Some(transport) = self.transports.get_mut(slot) {
            transport.count_sent(bytes.len(), &mut self.counters);
        }
    }

    /// Send one DTLS datagram of ours.
    pub(super) fn send_dtls(&mut self, slot: usize, datagram: &[u8]) {
        let Some(transport) = self.transports.get_mut(slot) else {
            return;
        };
        let Some(tuple) = transport.ice.destination() else {
            self.counters.drop(DropReason::NotConnected);
            return;
        };
        if self.egress.push(tuple.local, tuple.remote, datagram) {
            transport.count_sent(datagram.len(), &mut self.counters);
        } else {
            self.counters.drop(DropReason::EgressFull);
        }
    }
}
