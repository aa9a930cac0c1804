//! Statistics: everything a worker counts, as values.

use super::Worker;
use crate::forward::State;
use crate::ids::Ssrc;
use crate::now::Now;
use crate::stats::{ForwardStats, LayerStats, Stats, TableSizes, TransportStats};
use crate::transport::Transport;

impl Worker {
    pub(super) fn snapshot(&self, now: Now) -> Stats {
        Stats {
            worker: self.config.id,
            port: self.config.port,
            counters: self.counters.clone(),
            tables: TableSizes {
                transports: self.transports.len(),
                tracks: self.sources.len(),
                forwards: self.forwards.len(),
                tuples: self.tuples.len(),
                ssrcs: self
                    .transports
                    .iter()
                    .map(|transport| transport.reception.streams.len())
                    .sum(),
            },
            transports: self.transports.iter().map(transport_stats).collect(),
            layers: self
                .transports
                .iter()
                .flat_map(|transport| self.layer_stats(now, transport))
                .collect(),
            forwards: self.forward_stats(now),
        }
    }

    fn layer_stats(&self, now: Now, transport: &Transport) -> Vec<LayerStats> {
        let reception = &transport.reception;
        let mut layers = Vec::new();
        for published in &reception.tracks {
            let Some(source) = self.sources.get(published.source) else {
                continue;
            };
            for ((layer, ssrc), number) in source.layers.iter().zip(&published.current).zip(0u8..) {
                let Some((ssrc, stream)) = ssrc.and_then(|ssrc| Some((ssrc, reception.streams.get(&ssrc)?)))
                else {
                    continue;
                };
                let statistics = &stream.statistics;
                layers.push(LayerStats {
                    track: published.track,
                    layer: number,
                    ssrc: Ssrc(ssrc),
                    packets: statistics.packets,
                    bytes: statistics.bytes,
                    bitrate: statistics.rate.rate(now),
                    packets_lost: statistics.lost(),
                    nacks_sent: statistics.nacks_sent,
                    packets_recovered: statistics.recovered,
                    key_frame_requests_sent: layer.gate.requests_sent,
                    key_frames: layer.key_frames,
                    jitter_us: statistics.jitter_us(published.parameters.clock_rate),
                });
            }
        }
        layers
    }

    fn forward_stats(&self, now: Now) -> Vec<ForwardStats> {
        let forwards = self.forwards.iter().map(|forward| ForwardStats {
            forward: forward.id,
            track: forward.track,
            ssrc: forward.parameters.ssrc,
            packets: forward.counters.packets,
            bytes: forward.counters.bytes,
            bitrate: forward.rate.rate(now),
            packets_lost: forward.counters.packets_lost,
            nacks_received: forward.counters.nacks_received,
            packets_retransmitted: forward.counters.retransmitted,
            key_frame_requests_received: forward.counters.key_frame_requests,
            spatial: forward.layer,
            temporal: forward.pictures.current(),
            layer_reason: forward.layer_reason(
                self.sources
                    .get(forward.source)
                    .map_or(0, |source| source.layers.len()),
            ),
            paused: forward.state == State::Paused,
        });
        forwards.collect()
    }
}

fn transport_stats(transport: &Transport) -> TransportStats {
    let counters = &transport.counters;
    TransportStats {
        transport: transport.id,
        packets_received: counters.packets_received,
        bytes_received: counters.bytes_received,
        packets_sent: counters.packets_sent,
        bytes_sent: counters.bytes_sent,
        round_trip_time_us: transport
            .round_trip
            .measured()
            .map_or(0, |rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
        tuples: u32::try_from(transport.ice.tuples().len()).unwrap_or(u32::MAX),
        feedback_received: counters.feedback_received,
        feedback_lost: counters.feedback_lost,
    }
}
