//! Carrying out commands: what is made, changed and taken apart.

use std::sync::Arc;

use super::Worker;
use super::reports::write_bye;
use crate::caps::{MAX_LAYERS, MAX_TRACKS};
use crate::command::Command;
use crate::counters::DropReason;
use crate::event::Event;
use crate::forward::Forward;
use crate::ids::{ForwardId, Ssrc, TrackId, TransportId, WorkerId};
use crate::now::Now;
use crate::parameters::{ForwardParameters, IceCredentials, SrtpProfile, TrackParameters};
use crate::shared::SharedMessage;
use crate::source::{Origin, Source, TrackDescription};
use crate::transport::{Sender, Transport};

impl Worker {
    pub(super) fn execute(&mut self, now: Now, command: Command) {
        let done = match command {
            Command::AddTransport { transport, ice } => self.add_transport(now, transport, ice),
            Command::SetIce { transport, ice } => self.set_ice(transport, ice),
            Command::SetSrtp {
                transport,
                profile,
                send,
                receive,
            } => self.set_srtp(now, transport, profile, send, &receive),
            Command::SendDtls { transport, datagram } => self
                .transports
                .slot(transport)
                .map(|slot| self.send_dtls(slot, &datagram)),
            Command::CloseTransport { transport } => self.close_transport(now, transport),
            Command::AddTrack {
                transport,
                track,
                parameters,
            } => self.add_track(now, transport, track, parameters),
            Command::RemoveTrack { track } => self.remove_source(now, track),
            Command::MuteTrack { track, muted } => self.mute_track(now, track, muted),
            Command::AddForward {
                transport,
                forward,
                track,
                track_worker,
                parameters,
            } => self.add_forward(now, transport, forward, (track, track_worker), parameters),
            Command::RemoveForward { forward } => self.remove_forward(forward, true),
            Command::SetLayers {
                forward,
                spatial,
                temporal,
            } => self.set_layers(now, forward, spatial, temporal),
            Command::PauseForward { forward } => self.forward_mut(forward).map(Forward::pause),
            Command::ResumeForward { forward } => self.resume_forward(now, forward),
            Command::SetPolicer {
                transport,
                bits_per_second,
            } => {
                let slot = self.transports.slot(transport);
                let transport = slot.and_then(|slot| self.transports.get_mut(slot));
                transport.map(|transport| transport.reception.set_policer(bits_per_second, now))
            }
            Command::Stats { token } => {
                let stats = Box::new(self.snapshot(now));
                self.event(Event::Stats { token, stats });
                Some(())
            }
        };
        if done.is_none() {
            self.counters.drop(DropReason::UnknownTarget);
        }
    }

    fn forward_mut(&mut self, id: ForwardId) -> Option<&mut Forward> {
        let slot = self.forwards.slot(id)?;
        self.forwards.get_mut(slot)
    }

    fn add_transport(&mut self, now: Now, id: TransportId, ice: IceCredentials) -> Option<()> {
        let ufrag = ice.ufrag.clone().into_bytes();
        if self.ufrags.contains_key(&ufrag) {
            return None;
        }
        let rtcp_ssrc = Ssrc(self.random.next_u32());
        let transport = Transport::new(id, ice, rtcp_ssrc, self.hash_keys, now);
        let slot = self.transports.insert(id, transport)?;
        self.ufrags.insert(ufrag, slot);
        Some(())
    }

    fn set_ice(&mut self, id: TransportId, ice: IceCredentials) -> Option<()> {
        let slot = self.transports.slot(id)?;
        let ufrag = ice.ufrag.clone().into_bytes();
        if self.ufrags.contains_key(&ufrag) {
            return None;
        }
        if let Some(invalid) = self.transports.get_mut(slot)?.ice.restart(ice) {
            self.ufrags.remove(invalid.as_bytes());
        }
        self.ufrags.insert(ufrag, slot);
        Some(())
    }

    fn set_srtp(
        &mut self,
        now: Now,
        id: TransportId,
        profile: SrtpProfile,
        send: Vec<u8>,
        receive: &[u8],
    ) -> Option<()> {
        let slot = self.transports.slot(id)?;
        if !self.transports.get_mut(slot)?.set_keys(profile, send, receive) {
            return None;
        }
        self.start_forwards_of(now, slot);
        Some(())
    }

    /// Take a transport apart with its tracks and forwards.
    pub(super) fn close_transport(&mut self, now: Now, id: TransportId) -> Option<()> {
        let slot = self.transports.slot(id)?;
        let transport = self.transports.get(slot)?;
        let tracks: Vec<TrackId> = transport
            .reception
            .tracks
            .iter()
            .map(|published| published.track)
            .collect();
        let forwards: Vec<ForwardId> = transport
            .forwards
            .iter()
            .filter_map(|slot| Some(self.forwards.get(*slot)?.id))
            .collect();
        for track in tracks {
            self.remove_source(now, track);
        }
        for forward in forwards {
            self.remove_forward(forward, false);
        }
        let (_, transport) = self.transports.remove(id)?;
        for ufrag in transport.ice.ufrags() {
            self.ufrags.remove(ufrag.as_bytes());
        }
        for tuple in transport.ice.tuples() {
            // It may have passed a check of another transport since.
            if self.tuples.get(&tuple) == Some(&slot) {
                self.tuples.remove(&tuple);
            }
        }
        Some(())
    }

    fn add_track(
        &mut self,
        now: Now,
        transport: TransportId,
        id: TrackId,
        parameters: TrackParameters,
    ) -> Option<()> {
        let slot = self.transports.slot(transport)?;
        let layers = parameters.encodings.len();
        if layers == 0 || layers > MAX_LAYERS || parameters.clock_rate == 0 {
            return None;
        }
        if self.transports.get(slot)?.reception.tracks.len() >= MAX_TRACKS {
            self.counters.drop(DropReason::TrackCap);
            return Some(());
        }
        let description = Arc::new(TrackDescription {
            kind: parameters.kind,
            codec: parameters.codec,
            clock_rate: parameters.clock_rate,
            layers: layers as u8,
            cname: parameters.cname.clone(),
        });
        let source = Source::new(id, Some(description), Origin::Local { transport: slot });
        let source = self.sources.insert(id, source)?;
        self.transports
            .get_mut(slot)?
            .reception
            .add_track(id, source, parameters);
        self.attach_early_readers(now, id);
        Some(())
    }

    /// Remove a track: ours, with word to every worker that reads it, or one read here. Its forwards end with BYE.
    pub(super) fn remove_source(&mut self, now: Now, track: TrackId) -> Option<()> {
        let slot = self.sources.slot(track)?;
        let source = self.sources.get(slot)?;
        for layer in 0..source.layers.len() {
            self.close_burst(now, slot, layer as u8);
        }
        let source = self.sources.get_mut(slot)?;
        let readers = std::mem::take(&mut source.readers);
        let origin = source.origin;
        let forwards: Vec<ForwardId> = source
            .forwards
            .iter()
            .filter_map(|slot| Some(self.forwards.get(*slot)?.id))
            .collect();
        for worker in readers {
            self.post(worker, SharedMessage::Ended { track });
        }
        if let Origin::Local { transport } = origin
            && let Some(transport) = self.transports.get_mut(transport)
        {
            transport.reception.remove_track(track);
        }
        self.sources.remove(track);
        for forward in forwards {
            self.remove_forward(forward, true);
        }
        Some(())
    }

    /// What came before and what comes after are different streams: forwards go on as after any break.
    fn mute_track(&mut self, now: Now, track: TrackId, muted: bool) -> Option<()> {
        let slot = self.sources.slot(track)?;
        let source = self.sources.get_mut(slot)?;
        if std::mem::replace(&mut source.muted, muted) == muted {
            return Some(());
        }
        for layer in &mut source.layers {
            layer.break_stream(layer.epoch.wrapping_add(1));
            let held = layer.burst.take();
            layer.burst.recycle(held);
        }
        for forward in &source.forwards {
            if let Some(forward) = self.forwards.get_mut(*forward) {
                forward.catch_up = None;
            }
        }
        if source.is_video() && !muted {
            let layers = source.forwards.iter();
            let layers: Vec<u8> = layers
                .filter_map(|forward| Some(self.forwards.get(*forward)?.layer))
                .collect();
            for layer in layers {
                self.want_key_frame(now, slot, layer);
            }
        }
        self.arm_source(slot);
        Some(())
    }

    fn add_forward(
        &mut self,
        now: Now,
        transport: TransportId,
        id: ForwardId,
        (track, worker): (TrackId, WorkerId),
        parameters: ForwardParameters,
    ) -> Option<()> {
        let transport_slot = self.transports.slot(transport)?;
        let transport = self.transports.get(transport_slot)?;
        let ssrcs = [Some(parameters.ssrc), parameters.rtx_ssrc];
        if self.forwards.slot(id).is_some()
            || parameters.rtx_ssrc == Some(parameters.ssrc)
            || ssrcs
                .iter()
                .flatten()
                .any(|ssrc| transport.senders.contains_key(&ssrc.0))
        {
            return None;
        }
        let source_slot = match self.sources.slot(track) {
            Some(slot) => slot,
            None if worker == self.config.id => return None,
            None => {
                self.post(worker, SharedMessage::Attach { track });
                self.sources
                    .insert(track, Source::new(track, None, Origin::Remote(worker)))?
            }
        };
        let indices = (
            self.first_index(transport_slot, Some(parameters.ssrc)),
            self.first_index(transport_slot, parameters.rtx_ssrc),
        );
        let slots = (source_slot, transport_slot);
        let forward = Forward::new(id, track, slots, parameters, indices, &mut self.random, now);
        let (ssrc, rtx_ssrc) = (forward.parameters.ssrc, forward.parameters.rtx_ssrc);
        let slot = self.forwards.insert(id, forward)?;
        self.sources.get_mut(source_slot)?.forwards.push(slot);
        let transport = self.transports.get_mut(transport_slot)?;
        transport.forwards.push(slot);
        transport.senders.insert(
            ssrc.0,
            Sender {
                forward: slot,
                retransmission: false,
            },
        );
        if let Some(rtx) = rtx_ssrc {
            transport.senders.insert(
                rtx.0,
                Sender {
                    forward: slot,
                    retransmission: true,
                },
            );
        }
        self.choose_layer(now, slot);
        self.start_forward(now, slot);
        Some(())
    }

    fn set_layers(&mut self, now: Now, id: ForwardId, spatial: u8, temporal: u8) -> Option<()> {
        let slot = self.forwards.slot(id)?;
        self.forwards.get_mut(slot)?.set_layers(spatial, temporal);
        self.choose_layer(now, slot);
        Some(())
    }

    /// First SRTP index for an SSRC: random, or beyond what a former forward of the SSRC used.
    fn first_index(&mut self, transport: usize, ssrc: Option<Ssrc>) -> u64 {
        // In the lower half, so that neither loss nor reordering of the first packets meets a wrap (RFC 3711 §3.3.1).
        let fresh = 1 + self.random.below(0x7000);
        let transport = self.transports.get(transport);
        transport
            .zip(ssrc)
            .map_or(fresh, |(transport, ssrc)| transport.first_index(ssrc, fresh))
    }

    fn remove_forward(&mut self, id: ForwardId, bye: bool) -> Option<()> {
        let (slot, forward) = self.forwards.remove(id)?;
        if let Some(transport) = self.transports.get_mut(forward.transport) {
            transport.forwards.retain(|other| *other != slot);
            transport.retire(forward.parameters.ssrc, forward.next_index());
            if let Some(rtx) = forward.parameters.rtx_ssrc {
                transport.retire(rtx, forward.rtx_index);
            }
            if bye {
                let out = &mut self.scratch.bytes;
                out.clear();
                write_bye(out, transport.rtcp_ssrc.0, &forward);
                transport.send_rtcp(out, &mut self.egress, &mut self.counters);
            }
        }
        if let Some(source) = self
            .sources
            .get_mut(forward.source)
            .filter(|source| source.track == forward.track)
        {
            source.forwards.retain(|other| *other != slot);
            if let (Origin::Remote(worker), true) = (source.origin, source.forwards.is_empty()) {
                self.sources.remove(forward.track);
                self.post(worker, SharedMessage::Detach { track: forward.track });
            }
        }
        Some(())
    }

    fn resume_forward(&mut self, now: Now, id: ForwardId) -> Option<()> {
        let slot = self.forwards.slot(id)?;
        if self.forwards.get_mut(slot)?.resume() {
            self.start_forward(now, slot);
        }
        Some(())
    }
}
