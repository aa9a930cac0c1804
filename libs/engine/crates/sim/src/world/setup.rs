//! Building a call: workers, publishers with tracks, subscribers with forwards.

use std::net::SocketAddr;

use fastrand::Rng;
use rheon_engine_core::{
    Codec, Command, Encoding, ExtensionIds, ForwardId, ForwardParameters, IceCredentials, Kind, Now,
    SrtpProfile, Ssrc, TrackId, TrackParameters, TransportId, Worker, WorkerConfig, WorkerId,
};
use rheon_engine_wire::srtp::Profile;

use super::{Action, ForwardHost, Peer, PeerHost, Track, WorkerHost, World};
use crate::link::{Link, LinkSettings};
use crate::log::{Clock, Log};
use crate::media::{AudioSettings, VideoSettings};
use crate::oracle::{Expected, Oracle};
use crate::peer::{
    Keys, Publisher, PublisherSettings, StreamSettings, Subscriber, SubscriberSettings, Subscription,
    TransportSettings, published, subscribed,
};

/// A call's frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorldSettings {
    /// Workers of the engine.
    pub workers: u8,
    /// Longest time between the arrival of a datagram and the worker's looking at it, microseconds.
    pub wake_delay: u64,
    /// How late timeouts come at most.
    pub timer_delay: u64,
    /// Most datagrams of one drain of the socket.
    pub batch: usize,
    /// Probability that the queue between two workers is full and drops a packet. Only for calls all of whose subscribers
    /// are on another worker than the publisher: what is dropped counts as never arrived.
    pub shared_loss: f64,
}

impl Default for WorldSettings {
    fn default() -> Self {
        Self {
            workers: 1,
            wake_delay: 300,
            timer_delay: 1_500,
            batch: 16,
            shared_loss: 0.0,
        }
    }
}

/// Both directions between a peer and its worker.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path {
    /// Peer to engine.
    pub up: LinkSettings,
    /// Engine to peer.
    pub down: LinkSettings,
}

/// How a subscriber takes a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionSettings {
    /// Index of the track.
    pub track: usize,
    /// Accepts RTP padding.
    pub padding: bool,
    /// Made paused.
    pub paused: bool,
    /// The track is a hostile publisher's.
    pub opaque: bool,
}

impl SubscriptionSettings {
    /// A track with padding allowed, from the start.
    pub fn new(track: usize) -> Self {
        Self {
            track,
            padding: true,
            paused: false,
            opaque: false,
        }
    }
}

impl World {
    /// A call without peers.
    pub fn new(settings: WorldSettings, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let workers = (0..settings.workers)
            .map(|id| {
                let local = SocketAddr::from(([192, 0, 2, 1], 40_000 + u16::from(id)));
                let config = WorkerConfig {
                    id: WorkerId(id),
                    port: local.port(),
                    seed: std::array::from_fn(|_| rng.u8(..)),
                    ntp_at_zero: 3_900_000_000 << 32,
                };
                WorkerHost::new(WorkerId(id), Worker::new(config, Now::from_micros(0)), local)
            })
            .collect();
        Self {
            now: 0,
            log: Log::default(),
            oracle: Oracle::new(),
            workers,
            peers: Vec::new(),
            tracks: Vec::new(),
            forwards: Vec::new(),
            events: Vec::new(),
            queue: std::collections::BinaryHeap::new(),
            entries: 0,
            rng,
            settings,
            faults: Vec::new(),
            terms: Vec::new(),
            overheard: None,
            copies: Vec::new(),
        }
    }

    /// Random values for a scenario, of the call's one sequence.
    pub fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    fn transport(&mut self, worker: usize, path: &Path) -> (TransportId, TransportSettings) {
        let number = self.peers.len() as u16 + 1;
        let [high, low] = number.to_be_bytes();
        let profiles = Profile::ALL;
        let profile = profiles[self.rng.usize(0..profiles.len())];
        let settings = TransportSettings {
            local: SocketAddr::from(([10, 0, high, low], 50_000)),
            ufrag: format!("u{number}"),
            password: format!("a password of peer {number}"),
            keys: Keys::random(profile, &mut self.rng),
        };
        let transport = TransportId(number.into());
        let local = self.workers[worker].local;
        let round_trip = path.up.delay + path.down.delay;
        self.oracle
            .add_transport(settings.local, local, &settings.keys, round_trip);
        let ice = IceCredentials {
            ufrag: settings.ufrag.clone(),
            pwd: settings.password.clone(),
        };
        self.command(worker, Command::AddTransport { transport, ice });
        let profile = match profile {
            Profile::AeadAes128Gcm => SrtpProfile::AeadAes128Gcm,
            Profile::AeadAes256Gcm => SrtpProfile::AeadAes256Gcm,
            Profile::Aes128CmSha1_80 => SrtpProfile::Aes128CmSha1_80,
        };
        let (send, receive) = (settings.keys.engine.clone(), settings.keys.peer.clone());
        self.command(
            worker,
            Command::SetSrtp {
                transport,
                profile,
                send,
                receive,
            },
        );
        (transport, settings)
    }

    fn add_peer(
        &mut self,
        worker: usize,
        transport: TransportId,
        address: SocketAddr,
        path: Path,
        peer: Peer,
    ) -> usize {
        let (up, down) = (self.rng.u64(..), self.rng.u64(..));
        let index = self.peers.len();
        self.peers.push(PeerHost {
            address,
            worker,
            transport,
            up: Link::new(path.up, up),
            down: Link::new(path.down, down),
            peer,
        });
        self.schedule(self.now, Action::Tick(index));
        index
    }

    fn stream(&self, layer: u16, rate: u32, first_sequence: u16, timestamp: u32, ntp: u64) -> StreamSettings {
        let stream = self.tracks.iter().map(|t| t.streams.len()).sum::<usize>() as u16 + layer;
        let ssrc = 0x1000_0000 + u32::from(stream) * 16;
        let video = rate == 90_000;
        StreamSettings {
            stream,
            ssrc,
            payload_type: if video { 96 } else { 111 },
            rtx: video.then_some((ssrc + 1, 97)),
            mid: if video { "v".into() } else { "a".into() },
            rid: None,
            first_sequence,
            clock: Clock { ntp, timestamp, rate },
        }
    }

    /// A publisher joins with a video track, an audio track or both. Returns the indices of the peer and its tracks.
    pub fn publish(
        &mut self,
        worker: usize,
        path: Path,
        video: Option<VideoSettings>,
        audio: Option<AudioSettings>,
    ) -> (usize, Vec<usize>) {
        let (transport, settings) = self.transport(worker, &path);
        let publisher = self.peers.len();
        let address = settings.local;
        let ntp_at_zero = self.rng.u64((3_800_000_000 << 32)..(3_900_000_000 << 32));
        let mut tracks = Vec::new();
        let mut video_streams = Vec::new();
        if let Some(video) = &video {
            for layer in 0..u16::from(video.simulcast) {
                // Layers count from values of their own.
                let sequence = video.first_sequence.wrapping_add(layer * 7_001) % 0x8000;
                let sequence = if layer == 0 {
                    video.first_sequence
                } else {
                    sequence
                };
                let timestamp = video.first_timestamp.wrapping_add(u32::from(layer) * 0x3333_3333);
                let mut stream = self.stream(layer, 90_000, sequence, timestamp, ntp_at_zero);
                if !video.rtx {
                    stream.rtx = None;
                }
                stream.rid = (video.simulcast > 1).then(|| format!("r{layer}"));
                video_streams.push(stream);
            }
            tracks.push(self.add_track(worker, transport, publisher, &video_streams));
        }
        let audio = audio.map(|audio| {
            let stream = self.stream(
                0,
                48_000,
                audio.first_sequence,
                audio.first_timestamp,
                ntp_at_zero,
            );
            tracks.push(self.add_track(worker, transport, publisher, std::slice::from_ref(&stream)));
            (audio, stream)
        });
        let first_wide = self.rng.u16(..);
        let settings = PublisherSettings {
            transport: settings,
            video,
            video_streams,
            audio,
            first_wide,
            ntp_at_zero,
        };
        let peer = Publisher::new(settings, self.rng.u64(..));
        peer.describe(&mut self.log);
        let peer = Peer::Publisher(Box::new(peer));
        (self.add_peer(worker, transport, address, path, peer), tracks)
    }

    fn add_track(
        &mut self,
        worker: usize,
        transport: TransportId,
        publisher: usize,
        streams: &[StreamSettings],
    ) -> usize {
        let [stream, ..] = streams else {
            panic!("a track has a stream");
        };
        let index = self.tracks.len();
        let id = TrackId(index as u32 + 1);
        let video = stream.clock.rate == 90_000;
        // Some clients declare their SSRCs, others are told apart by mid.
        let declared = self.rng.bool();
        let encodings = streams.iter().map(|stream| Encoding {
            ssrc: declared.then_some(Ssrc(stream.ssrc)),
            rtx_ssrc: stream.rtx.filter(|_| declared).map(|(ssrc, _)| Ssrc(ssrc)),
            rid: stream.rid.clone(),
        });
        let parameters = TrackParameters {
            kind: if video { Kind::Video } else { Kind::Audio },
            mid: stream.mid.clone(),
            codec: if video { Codec::Vp8 } else { Codec::Opus },
            payload_type: stream.payload_type,
            clock_rate: stream.clock.rate,
            encodings: encodings.collect(),
            cname: "publisher".into(),
            red_payload_type: None,
            rtx_payload_type: stream.rtx.map(|(_, payload_type)| payload_type),
            nack: video && stream.rtx.is_some(),
            pli: video,
            transport_cc: true,
            extensions: ExtensionIds {
                mid: Some(published::MID),
                rid: Some(published::RID),
                repaired_rid: Some(published::REPAIRED_RID),
                audio_level: Some(published::AUDIO_LEVEL),
                transport_cc: Some(published::TRANSPORT_CC),
                abs_send_time: Some(published::ABS_SEND_TIME),
                video_orientation: Some(published::ORIENTATION),
                ..ExtensionIds::default()
            },
        };
        self.command(
            worker,
            Command::AddTrack {
                transport,
                track: id,
                parameters,
            },
        );
        self.tracks.push(Track {
            id,
            worker,
            publisher,
            streams: streams.iter().map(|stream| stream.stream).collect(),
            video,
        });
        index
    }

    /// The publisher of a video track goes on under a new SSRC.
    pub fn change_stream(&mut self, track: usize, first_sequence: u16, timestamp: u32) {
        let publisher = self.tracks[track].publisher;
        let old = self.tracks[track].streams.last().copied().unwrap_or_default();
        let ntp = self.log.clock_of(old).map_or(0, |clock| clock.ntp);
        let stream = self.stream(0, 90_000, first_sequence, timestamp, ntp);
        self.tracks[track].streams.push(stream.stream);
        self.log.clock(stream.stream, stream.clock);
        if let Peer::Publisher(peer) = &mut self.peers[publisher].peer {
            peer.change_video_stream(stream);
        }
    }

    /// A peer of which only the transport is played: what it sends is up to the scenario. It publishes a video track
    /// and takes the tracks given. Returns the indices of the peer and of its track.
    pub fn hostile(&mut self, worker: usize, path: Path, tracks: &[SubscriptionSettings]) -> (usize, usize) {
        let (peer, _) = self.subscribe(worker, path, tracks);
        let transport = self.peers[peer].transport;
        let stream = self.stream(0, 90_000, 0, 0, 0);
        let track = self.add_track(worker, transport, peer, &[stream]);
        if let Peer::Subscriber(subscriber) = std::mem::replace(&mut self.peers[peer].peer, Peer::Gone) {
            self.peers[peer].peer = Peer::Hostile(Box::new(subscriber.into_transport()));
        }
        (peer, track)
    }

    /// A removed forward is made again under the same SSRC and keys, as when a subscriber takes a track again.
    pub fn renew_forward(&mut self, forward: usize) {
        let ForwardHost {
            subscriber, track, ..
        } = self.forwards[forward];
        let super::PeerHost {
            address,
            worker,
            transport,
            ..
        } = self.peers[subscriber];
        let (parameters, expected) = self.terms[forward].clone();
        let Track {
            id: track,
            worker: track_worker,
            ..
        } = self.tracks[track];
        let id = ForwardId(10_000 + self.entries as u32);
        self.forwards[forward].id = id;
        if let Some(ledger) = self.oracle.transport(address) {
            ledger.renew_forward(expected, parameters.active);
        }
        let track_worker = WorkerId(track_worker as u8);
        let command = Command::AddForward {
            transport,
            forward: id,
            track,
            track_worker,
            parameters,
        };
        self.command(worker, command);
    }

    /// A track ends.
    pub fn remove_track(&mut self, track: usize) {
        let Track { id, worker, .. } = self.tracks[track];
        self.command(worker, Command::RemoveTrack { track: id });
    }

    /// A subscriber joins. Returns the indices of the peer and its forwards.
    pub fn subscribe(
        &mut self,
        worker: usize,
        path: Path,
        tracks: &[SubscriptionSettings],
    ) -> (usize, Vec<usize>) {
        let (transport, settings) = self.transport(worker, &path);
        let peer = self.peers.len();
        let nack_repeat = path.up.delay + path.down.delay + path.up.jitter + path.down.jitter + 20_000;
        let mut forwards = Vec::new();
        let mut subscriptions = Vec::new();
        for subscription in tracks {
            let index = self.forwards.len();
            let Track {
                id: track,
                worker: track_worker,
                video,
                ..
            } = self.tracks[subscription.track];
            let ssrc = 0x2000_0000 + index as u32 * 16;
            let mid = format!("m{}", subscription.track);
            let expected = Expected {
                forward: index as u32,
                video,
                opaque: subscription.opaque,
                clock_rate: if video { 90_000 } else { 48_000 },
                ssrc,
                payload_type: if video { 100 } else { 110 },
                rtx: video.then_some((ssrc + 1, 101)),
                mid: mid.clone(),
                mid_id: Some(subscribed::MID),
            };
            let parameters = ForwardParameters {
                mid,
                ssrc: Ssrc(ssrc),
                payload_type: expected.payload_type,
                rtx_ssrc: expected.rtx.map(|(ssrc, _)| Ssrc(ssrc)),
                red_payload_type: None,
                rtx_payload_type: expected.rtx.map(|(_, payload_type)| payload_type),
                nack: video,
                padding: subscription.padding,
                extensions: ExtensionIds {
                    mid: Some(subscribed::MID),
                    audio_level: Some(subscribed::AUDIO_LEVEL),
                    transport_cc: Some(subscribed::TRANSPORT_CC),
                    abs_send_time: Some(subscribed::ABS_SEND_TIME),
                    video_orientation: Some(subscribed::ORIENTATION),
                    ..ExtensionIds::default()
                },
                active: !subscription.paused,
            };
            if let Some(ledger) = self.oracle.transport(settings.local) {
                ledger.add_forward(expected.clone(), parameters.active);
            }
            subscriptions.push(Subscription::new(ssrc, expected.rtx.map(|(ssrc, _)| ssrc), video));
            let forward = ForwardId(index as u32 + 1);
            let track_worker = WorkerId(track_worker as u8);
            self.command(
                worker,
                Command::AddForward {
                    transport,
                    forward,
                    track,
                    track_worker,
                    parameters: parameters.clone(),
                },
            );
            self.terms.push((parameters, expected));
            self.forwards.push(ForwardHost {
                id: forward,
                subscriber: peer,
                track: subscription.track,
                ssrc,
            });
            forwards.push(index);
        }
        let address = settings.local;
        let settings = SubscriberSettings {
            transport: settings,
            ssrc: 0x3000_0000 + peer as u32,
            nack_repeat,
        };
        let subscriber = Subscriber::new(settings, subscriptions, self.rng.u64(..));
        let subscriber = Peer::Subscriber(Box::new(subscriber));
        (
            self.add_peer(worker, transport, address, path, subscriber),
            forwards,
        )
    }
}
