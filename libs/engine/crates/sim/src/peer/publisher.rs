//! A publishing peer: one video and one audio track, sender reports, answers to NACK and key-frame requests.

use fastrand::Rng;
use rheon_engine_wire::rtcp;

use super::stream::{Stream, StreamSettings};
use super::transport::{Input, Transport, TransportSettings};
use super::{Meaning, Outgoing};
use crate::log::Log;
use crate::media::{AudioSettings, OpusSource, VideoSettings, Vp8Source};

/// What a publisher sends.
#[derive(Debug, Clone)]
pub struct PublisherSettings {
    /// Its peer connection.
    pub transport: TransportSettings,
    /// The video track.
    pub video: Option<VideoSettings>,
    /// The streams it is sent on: its layers.
    pub video_streams: Vec<StreamSettings>,
    /// The audio track.
    pub audio: Option<(AudioSettings, StreamSettings)>,
    /// First transport-wide number.
    pub first_wide: u16,
    /// Its NTP clock at virtual time zero.
    pub ntp_at_zero: u64,
}

/// NTP time `micros` after `zero`.
pub fn ntp(zero: u64, micros: u64) -> u64 {
    zero.wrapping_add(((u128::from(micros) << 32) / 1_000_000) as u64)
}

/// One stream of the video track.
struct Lane {
    settings: VideoSettings,
    source: Vp8Source,
    stream: Stream,
    key_wanted: bool,
    fir: Option<u8>,
    active: bool,
}

fn lane_of(lanes: &mut [Lane], ssrc: u32) -> Option<&mut Lane> {
    lanes.iter_mut().find(|lane| lane.stream.settings.ssrc == ssrc)
}

/// A publishing peer.
pub struct Publisher {
    transport: Transport,
    rng: Rng,
    video: Vec<Lane>,
    audio: Option<(OpusSource, Stream)>,
    ntp_at_zero: u64,
    next_video: u64,
    next_audio: u64,
    next_report: u64,
    wide: u16,
    wide_base: u16,
    /// The engine's last receiver reference time: whose, what, and when it came (RFC 3611 §4.4).
    reference_time: Option<(u32, u64, u64)>,
    /// Key-frame requests received (RTCP packets).
    pub key_requests: u64,
    /// Packets reported received by transport-cc feedback.
    pub reported_received: u64,
    /// Transport-wide numbers used.
    pub wide_sent: u64,
    /// Transport-cc feedback spoke of packets never sent.
    pub false_feedback: u64,
    /// Reports and requests received.
    pub rtcp_received: u64,
    /// Packets resent.
    pub resent: u64,
}

impl Publisher {
    /// A publisher that sends once its first check is answered.
    pub fn new(settings: PublisherSettings, seed: u64) -> Self {
        Self {
            transport: Transport::new(settings.transport, seed),
            rng: Rng::with_seed(seed ^ 1),
            video: settings
                .video
                .iter()
                .cycle()
                .zip(settings.video_streams)
                .map(|(video, stream)| Lane {
                    settings: video.clone(),
                    source: Vp8Source::new(video.clone(), seed ^ 2 ^ u64::from(stream.stream) << 8),
                    stream: Stream::new(stream),
                    key_wanted: false,
                    fir: None,
                    active: true,
                })
                .collect(),
            audio: settings
                .audio
                .map(|(audio, stream)| (OpusSource::new(audio, seed ^ 3), Stream::new(stream))),
            ntp_at_zero: settings.ntp_at_zero,
            next_video: 0,
            next_audio: 0,
            next_report: 0,
            wide: settings.first_wide,
            wide_base: settings.first_wide,
            reference_time: None,
            key_requests: 0,
            reported_received: 0,
            wide_sent: 0,
            false_feedback: 0,
            rtcp_received: 0,
            resent: 0,
        }
    }

    /// Declares the streams' clocks.
    pub fn describe(&self, log: &mut Log) {
        for stream in self.streams() {
            log.clock(stream.settings.stream, stream.settings.clock);
        }
    }

    fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.video
            .iter()
            .map(|lane| &lane.stream)
            .chain(self.audio.iter().map(|(_, stream)| stream))
    }

    /// Sends the video on under a new SSRC from now on, starting with a key frame.
    pub fn change_video_stream(&mut self, settings: StreamSettings) {
        if let Some(lane) = self.video.first_mut() {
            lane.stream = Stream::new(settings);
            lane.key_wanted = true;
        }
    }

    /// Stops sending a layer of the video, or sends it again, starting with a key frame.
    pub fn set_layer_active(&mut self, layer: usize, active: bool) {
        if let Some(lane) = self.video.get_mut(layer) {
            lane.key_wanted |= active && !lane.active;
            lane.active = active;
        }
    }

    /// When `tick` has something to do.
    pub fn next(&self) -> u64 {
        if !self.transport.connected() {
            return self.transport.next_check();
        }
        let video = if self.video.is_empty() {
            u64::MAX
        } else {
            self.next_video
        };
        let audio = if self.audio.is_some() {
            self.next_audio
        } else {
            u64::MAX
        };
        video
            .min(audio)
            .min(self.next_report)
            .min(self.transport.next_check())
    }

    /// Sends what is due.
    pub fn tick(&mut self, now: u64, log: &mut Log) -> Vec<Outgoing> {
        let mut out: Vec<Outgoing> = self.transport.check(now).map(Outgoing::now).into_iter().collect();
        if !self.transport.connected() {
            return out;
        }
        if !self.video.is_empty() && now >= self.next_video {
            self.video_frame(now, log, &mut out);
        }
        if self.audio.is_some() && now >= self.next_audio {
            self.audio_frame(now, log, &mut out);
        }
        if now >= self.next_report {
            self.next_report = now + self.rng.u64(400_000..1_000_000);
            out.push(self.sender_reports(now));
        }
        out
    }

    fn next_wide(&mut self) -> u16 {
        let wide = self.wide;
        self.wide = wide.wrapping_add(1);
        self.wide_sent += 1;
        wide
    }

    fn video_frame(&mut self, now: u64, log: &mut Log, out: &mut Vec<Outgoing>) {
        let mut lanes = std::mem::take(&mut self.video);
        let rate = lanes.first().map_or(1, |lane| lane.settings.rate);
        self.next_video = now.max(self.next_video) + 1_000_000 / rate;
        // A browser hands the packets of a frame to the network within a millisecond or two, layer by layer.
        let mut delay = 0;
        for lane in lanes.iter_mut().filter(|lane| lane.active) {
            self.layer_frame(now, lane, &mut delay, log, out);
        }
        self.video = lanes;
    }

    fn layer_frame(
        &mut self,
        now: u64,
        lane: &mut Lane,
        delay: &mut u64,
        log: &mut Log,
        out: &mut Vec<Outgoing>,
    ) {
        let Lane {
            settings,
            source,
            stream,
            key_wanted,
            ..
        } = lane;
        let timestamp = stream.settings.clock.timestamp_at(ntp(self.ntp_at_zero, now));
        let frame = source.frame(stream.settings.stream, std::mem::take(key_wanted));
        for payload in &frame {
            let padding = if self.rng.f64() < settings.padding {
                self.rng.u8(1..=32)
            } else {
                0
            };
            let wide = self.next_wide();
            let (tag, mut outgoing) = stream.media(payload, timestamp, padding, wide, &self.transport);
            if tag.packet == 0 {
                log.published(now, tag);
            }
            outgoing.delay = *delay;
            *delay += self.rng.u64(0..=250);
            out.push(outgoing);
        }
        if self.rng.f64() < settings.padding_only {
            let wide = self.next_wide();
            let mut outgoing = stream.padding(timestamp, wide, &self.transport);
            outgoing.delay = *delay;
            out.push(outgoing);
        }
    }

    fn audio_frame(&mut self, now: u64, log: &mut Log, out: &mut Vec<Outgoing>) {
        let Some((mut source, mut stream)) = self.audio.take() else {
            return;
        };
        self.next_audio = now.max(self.next_audio) + 20_000;
        let timestamp = stream.settings.clock.timestamp_at(ntp(self.ntp_at_zero, now));
        if let Some(payload) = source.frame(stream.settings.stream) {
            let wide = self.next_wide();
            let (tag, outgoing) = stream.media(&payload, timestamp, 0, wide, &self.transport);
            log.published(now, tag);
            out.push(outgoing);
        }
        self.audio = Some((source, stream));
    }

    fn sender_reports(&mut self, now: u64) -> Outgoing {
        let time = ntp(self.ntp_at_zero, now);
        let mut bytes = Vec::new();
        let mut writer = rtcp::Writer::new(&mut bytes);
        let mut streams = Vec::new();
        for stream in self.streams() {
            let (packets, octets) = stream.sent();
            let timestamp = stream.settings.clock.timestamp_at(time);
            let info = rtcp::SenderInfo {
                ntp: time,
                rtp_timestamp: timestamp,
                packets,
                octets,
            };
            writer.sender_report(stream.settings.ssrc, info, []);
            writer.source_description(stream.settings.ssrc, "peer");
            streams.push(stream.settings.stream);
            if let Some((ssrc, ntp, at)) = self.reference_time {
                let delay_since_last = ((now - at) * 65_536 / 1_000_000) as u32;
                let entry = rtcp::DlrrEntry {
                    ssrc,
                    last_receiver_report: (ntp >> 16) as u32,
                    delay_since_last,
                };
                writer.extended_report_dlrr(stream.settings.ssrc, [entry]);
            }
        }
        Outgoing {
            delay: 0,
            bytes: self.transport.protect_rtcp(bytes),
            meaning: Meaning::Report(streams),
        }
    }

    /// Takes a datagram from the engine.
    pub fn input(&mut self, now: u64, datagram: Vec<u8>) -> Vec<Outgoing> {
        let mut out = Vec::new();
        match self.transport.input(datagram) {
            Input::Checked => {
                // Tracks of one publisher do not tick together.
                self.next_video = self.next_video.max(now + self.rng.u64(0..20_000));
                self.next_audio = self.next_audio.max(now + self.rng.u64(0..20_000));
                self.next_report = self.next_report.max(now + self.rng.u64(0..300_000));
            }
            Input::Rtcp(bytes) => {
                self.rtcp_received += 1;
                for packet in rtcp::packets(&bytes).flatten() {
                    self.rtcp(now, &packet, &mut out);
                }
            }
            Input::Rtp(..) | Input::Ignored => {}
        }
        out
    }

    fn rtcp(&mut self, now: u64, packet: &rtcp::Packet<'_>, out: &mut Vec<Outgoing>) {
        if self.video.is_empty() {
            return;
        }
        match packet {
            rtcp::Packet::Pli { media, .. } => {
                if let Some(lane) = lane_of(&mut self.video, *media) {
                    self.key_requests += 1;
                    lane.key_wanted = true;
                }
            }
            rtcp::Packet::Fir { entries, .. } => {
                for entry in entries.clone() {
                    if let Some(lane) = lane_of(&mut self.video, entry.ssrc)
                        && lane.fir != Some(entry.sequence)
                    {
                        lane.fir = Some(entry.sequence);
                        self.key_requests += 1;
                        lane.key_wanted = true;
                    }
                }
            }
            rtcp::Packet::Nack { media, items, .. } => {
                let Some(Lane { stream, .. }) = lane_of(&mut self.video, *media) else {
                    return;
                };
                for number in items.clone() {
                    let wide = self.wide;
                    if let Some(outgoing) = stream.resend(number, wide, &self.transport) {
                        self.wide = wide.wrapping_add(1);
                        self.wide_sent += 1;
                        self.resent += 1;
                        out.push(outgoing);
                    }
                }
            }
            rtcp::Packet::TransportFeedback(feedback) => {
                for rtcp::PacketStatus {
                    sequence: number,
                    delta,
                } in feedback.statuses()
                {
                    if u64::from(number.wrapping_sub(self.wide_base)) >= self.wide_sent
                        && self.wide_sent < 65_536
                    {
                        self.false_feedback += 1;
                    }
                    self.reported_received += u64::from(delta.is_some());
                }
            }
            rtcp::Packet::ExtendedReport { ssrc, blocks } => {
                for block in blocks.clone() {
                    if let rtcp::XrBlock::ReferenceTime { ntp } = block {
                        self.reference_time = Some((*ssrc, ntp, now));
                    }
                }
            }
            _ => {}
        }
    }
}
