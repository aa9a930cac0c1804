//! What one transport receives: its SSRCs, which tracks they belong to, and the feedback owed to the publisher.
//!
//! Nothing is kept about an SSRC before a packet of it authenticated. A stream belongs to a track by its SSRC where the
//! description named it, else by mid and rid, else by its payload type where only one track has that.

use rheon_engine_wire::srtp;

use crate::caps::{MAX_SSRCS, POLICER_BITS_PER_SECOND};
use crate::hash::{KeyedMap, KeyedState};
use crate::ids::TrackId;
use crate::meter::TokenBucket;
use crate::nack::NackList;
use crate::now::Now;
use crate::parameters::{ExtensionIds, TrackParameters};
use crate::receive_stream::ReceiveStatistics;
use crate::transport_cc::Recorder;

/// What an SSRC carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Media { source: usize, layer: u8 },
    Retransmission { source: usize, layer: u8 },
}

impl Role {
    pub(crate) fn source(self) -> usize {
        match self {
            Self::Media { source, .. } | Self::Retransmission { source, .. } => source,
        }
    }
}

/// One SSRC received.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) role: Role,
    pub(crate) srtp: srtp::ReceiveStream,
    pub(crate) statistics: ReceiveStatistics,
    pub(crate) payload_type: u8,
    /// Payload type of RED around it.
    pub(crate) red_payload_type: Option<u8>,
    pub(crate) clock_rate: u32,
}

/// What of a track is needed to find its streams.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) track: TrackId,
    /// Slot of its source.
    pub(crate) source: usize,
    pub(crate) parameters: TrackParameters,
    /// SSRC each layer now uses.
    pub(crate) current: Vec<Option<u32>>,
}

/// What a first packet says about where it belongs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints<'a> {
    pub(crate) mid: Option<&'a [u8]>,
    pub(crate) rid: Option<&'a [u8]>,
    pub(crate) repaired_rid: Option<&'a [u8]>,
    pub(crate) dependency_descriptor: &'a [u8],
}

/// The last receiver reference time of the peer (RFC 3611 §4.4), to be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReferenceTime {
    pub(crate) ssrc: u32,
    pub(crate) middle: u32,
    pub(crate) arrival: Now,
}

#[derive(Debug)]
pub(crate) struct Reception {
    pub(crate) streams: KeyedMap<u32, Stream>,
    pub(crate) rtcp_windows: KeyedMap<u32, srtp::RtcpReplay>,
    pub(crate) tracks: Vec<Published>,
    /// Extension ids of all tracks of the transport: with BUNDLE they agree (RFC 8843 §9.2).
    pub(crate) extensions: ExtensionIds,
    pub(crate) policer: Option<TokenBucket>,
    pub(crate) nacks: NackList,
    pub(crate) transport_cc: Recorder,
    /// A media SSRC, for the feedback's header.
    pub(crate) any_ssrc: u32,
    pub(crate) feedback_due: Option<Now>,
    pub(crate) reports_due: Option<Now>,
    pub(crate) reference_time: Option<ReferenceTime>,
    /// Our own last reference time: middle NTP bits and when it went out.
    pub(crate) own_reference: Option<(u32, Now)>,
}

/// A quarter of a second at the limit.
fn policer(bits_per_second: u64, now: Now) -> TokenBucket {
    TokenBucket::new(bits_per_second, bits_per_second / 32, now)
}

impl Reception {
    pub(crate) fn new(keys: KeyedState, now: Now) -> Self {
        Self {
            streams: KeyedMap::with_hasher(keys),
            rtcp_windows: KeyedMap::with_hasher(keys),
            tracks: Vec::new(),
            extensions: ExtensionIds::default(),
            policer: Some(policer(POLICER_BITS_PER_SECOND, now)),
            nacks: NackList::default(),
            transport_cc: Recorder::default(),
            any_ssrc: 0,
            feedback_due: None,
            reports_due: None,
            reference_time: None,
            own_reference: None,
        }
    }

    pub(crate) fn set_policer(&mut self, bits_per_second: Option<u64>, now: Now) {
        self.policer = bits_per_second.map(|rate| policer(rate, now));
    }

    /// Keys changed: indices start over.
    pub(crate) fn rekeyed(&mut self) {
        self.rtcp_windows.clear();
        for stream in self.streams.values_mut() {
            stream.srtp = srtp::ReceiveStream::default();
        }
    }

    pub(crate) fn add_track(&mut self, track: TrackId, source: usize, parameters: TrackParameters) {
        let ids = &parameters.extensions;
        let known = &mut self.extensions;
        for (known, id) in [
            (&mut known.mid, ids.mid),
            (&mut known.rid, ids.rid),
            (&mut known.repaired_rid, ids.repaired_rid),
            (&mut known.audio_level, ids.audio_level),
            (&mut known.transport_cc, ids.transport_cc),
            (&mut known.abs_send_time, ids.abs_send_time),
            (&mut known.video_orientation, ids.video_orientation),
            (&mut known.playout_delay, ids.playout_delay),
            (&mut known.abs_capture_time, ids.abs_capture_time),
            (&mut known.color_space, ids.color_space),
            (&mut known.dependency_descriptor, ids.dependency_descriptor),
        ] {
            *known = id.or(*known);
        }
        let current = vec![None; parameters.encodings.len()];
        self.tracks.push(Published {
            track,
            source,
            parameters,
            current,
        });
    }

    /// Forget a track and its streams.
    pub(crate) fn remove_track(&mut self, track: TrackId) {
        let Some(position) = self.tracks.iter().position(|published| published.track == track) else {
            return;
        };
        let removed = self.tracks.remove(position);
        let nacks = &mut self.nacks;
        self.streams.retain(|ssrc, stream| {
            let keep = stream.role.source() != removed.source;
            if !keep {
                nacks.forget(*ssrc);
            }
            keep
        });
    }

    pub(crate) fn track(&self, source: usize) -> Option<&Published> {
        self.tracks.iter().find(|published| published.source == source)
    }

    /// Room for another SSRC.
    pub(crate) fn has_room(&self) -> bool {
        self.streams.len() < MAX_SSRCS
    }

    /// Where a new SSRC belongs.
    pub(crate) fn bind(&self, ssrc: u32, payload_type: u8, hints: &Hints<'_>) -> Option<Role> {
        if let Some(role) = self.by_ssrc(ssrc) {
            return Some(role);
        }
        match hints.mid {
            Some(mid) => self.by_mid(mid, payload_type, hints),
            None => self
                .by_rid(payload_type, hints)
                .or_else(|| self.by_payload_type(payload_type)),
        }
    }

    fn by_ssrc(&self, ssrc: u32) -> Option<Role> {
        self.tracks.iter().find_map(|published| {
            published
                .parameters
                .encodings
                .iter()
                .zip(0u8..)
                .find_map(|(encoding, layer)| {
                    let is = |declared: Option<crate::ids::Ssrc>| {
                        declared.is_some_and(|declared| declared.0 == ssrc)
                    };
                    if is(encoding.ssrc) {
                        Some(Role::Media {
                            source: published.source,
                            layer,
                        })
                    } else if is(encoding.rtx_ssrc) {
                        Some(Role::Retransmission {
                            source: published.source,
                            layer,
                        })
                    } else {
                        None
                    }
                })
        })
    }

    fn by_mid(&self, mid: &[u8], payload_type: u8, hints: &Hints<'_>) -> Option<Role> {
        let published = self
            .tracks
            .iter()
            .find(|published| published.parameters.mid.as_bytes() == mid)?;
        role_in(published, payload_type, hints)
    }

    /// A rid without a mid tells where only one track has such a layer.
    fn by_rid(&self, payload_type: u8, hints: &Hints<'_>) -> Option<Role> {
        hints.rid.or(hints.repaired_rid)?;
        let mut roles = self
            .tracks
            .iter()
            .filter(|published| published.parameters.encodings.len() > 1)
            .filter_map(|published| role_in(published, payload_type, hints));
        let role = roles.next()?;
        roles.next().is_none().then_some(role)
    }

    fn by_payload_type(&self, payload_type: u8) -> Option<Role> {
        let mut roles = self
            .tracks
            .iter()
            .filter(|published| published.parameters.encodings.len() == 1)
            .filter_map(|published| {
                let (parameters, source) = (&published.parameters, published.source);
                if carries(parameters, payload_type) {
                    Some(Role::Media { source, layer: 0 })
                } else if parameters.rtx_payload_type == Some(payload_type) {
                    Some(Role::Retransmission { source, layer: 0 })
                } else {
                    None
                }
            });
        let role = roles.next()?;
        roles.next().is_none().then_some(role)
    }

    /// SSRC a layer's media now comes under.
    pub(crate) fn media_ssrc(&self, source: usize, layer: u8) -> Option<u32> {
        self.track(source)?
            .current
            .get(usize::from(layer))
            .copied()
            .flatten()
    }

    /// When feedback of it is due.
    pub(crate) fn due(&self) -> Option<Now> {
        [self.nacks.due(), self.feedback_due, self.reports_due]
            .into_iter()
            .flatten()
            .min()
    }
}

/// What a stream of this payload type is in a track, by its rid where there are several layers.
fn role_in(published: &Published, payload_type: u8, hints: &Hints<'_>) -> Option<Role> {
    let parameters = &published.parameters;
    let layer_of = |rid: &[u8]| {
        let found = parameters.encodings.iter().position(|encoding| {
            encoding
                .rid
                .as_ref()
                .is_some_and(|declared| declared.as_bytes() == rid)
        });
        found.and_then(|layer| u8::try_from(layer).ok())
    };
    let source = published.source;
    let single = parameters.encodings.len() == 1;
    if parameters.rtx_payload_type == Some(payload_type) {
        let layer = hints.repaired_rid.and_then(layer_of).or(single.then_some(0))?;
        return Some(Role::Retransmission { source, layer });
    }
    if !carries(parameters, payload_type) {
        return None;
    }
    let layer = hints.rid.and_then(layer_of).or(single.then_some(0))?;
    Some(Role::Media { source, layer })
}

/// Media of a track comes under this payload type.
fn carries(parameters: &TrackParameters, payload_type: u8) -> bool {
    parameters.payload_type == payload_type || parameters.red_payload_type == Some(payload_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ssrc;
    use crate::parameters::{Codec, Encoding, Kind};

    fn track(mid: &str, payload_type: u8, encodings: Vec<Encoding>) -> TrackParameters {
        TrackParameters {
            kind: Kind::Video,
            mid: mid.into(),
            codec: Codec::Vp8,
            payload_type,
            clock_rate: 90_000,
            encodings,
            cname: "c".into(),
            rtx_payload_type: Some(payload_type + 1),
            red_payload_type: None,
            nack: true,
            pli: true,
            transport_cc: false,
            extensions: ExtensionIds::default(),
        }
    }

    fn reception(tracks: Vec<TrackParameters>) -> Reception {
        let mut reception = Reception::new(KeyedState::new(1, 2), Now::default());
        for (number, parameters) in (0..).zip(tracks) {
            reception.add_track(TrackId(number), number as usize, parameters);
        }
        reception
    }

    #[test]
    fn declared_ssrcs_come_first() {
        let encoding = Encoding {
            ssrc: Some(Ssrc(7)),
            rtx_ssrc: Some(Ssrc(8)),
            rid: None,
        };
        let reception = reception(vec![
            track("0", 96, vec![Encoding::default()]),
            track("1", 98, vec![encoding]),
        ]);
        let hints = Hints {
            mid: Some(b"0"),
            ..Hints::default()
        };
        assert_eq!(
            reception.bind(7, 96, &hints),
            Some(Role::Media { source: 1, layer: 0 })
        );
        assert_eq!(
            reception.bind(8, 96, &hints),
            Some(Role::Retransmission { source: 1, layer: 0 })
        );
    }

    #[test]
    fn mid_and_rid_choose_track_and_layer() {
        let rids = |rid: &str| Encoding {
            rid: Some(rid.into()),
            ..Encoding::default()
        };
        let reception = reception(vec![
            track("0", 96, vec![rids("l"), rids("h")]),
            track("1", 96, vec![Encoding::default()]),
        ]);
        let hints = |mid, rid, repaired_rid| Hints {
            mid,
            rid,
            repaired_rid,
            ..Hints::default()
        };
        let bind = |payload_type, hints: Hints<'_>| reception.bind(1, payload_type, &hints);
        assert_eq!(
            bind(96, hints(Some(b"0"), Some(b"h"), None)),
            Some(Role::Media { source: 0, layer: 1 })
        );
        assert_eq!(
            bind(97, hints(Some(b"0"), None, Some(b"l"))),
            Some(Role::Retransmission { source: 0, layer: 0 })
        );
        assert_eq!(bind(96, hints(Some(b"0"), None, None)), None);
        assert_eq!(
            bind(96, hints(Some(b"1"), None, None)),
            Some(Role::Media { source: 1, layer: 0 })
        );
        assert_eq!(bind(99, hints(Some(b"1"), None, None)), None);
    }

    #[test]
    fn a_payload_type_decides_where_it_is_unique() {
        let one = || vec![Encoding::default()];
        let unique = reception(vec![track("0", 96, one()), track("1", 98, one())]);
        assert_eq!(
            unique.bind(1, 98, &Hints::default()),
            Some(Role::Media { source: 1, layer: 0 })
        );
        assert_eq!(
            unique.bind(1, 97, &Hints::default()),
            Some(Role::Retransmission { source: 0, layer: 0 })
        );
        let shared = reception(vec![track("0", 96, one()), track("1", 96, one())]);
        assert_eq!(shared.bind(1, 96, &Hints::default()), None);
    }
}
