//! One RTP stream a publisher sends, with the history its retransmissions come from.

use std::collections::BTreeMap;

use rheon_engine_wire::rtp::HeaderWriter;

use super::transport::Transport;
use super::{Meaning, Outgoing};
use crate::log::Clock;
use crate::media::Payload;
use crate::truth::Tag;

/// Header extension ids on publishing transports; deliberately others than on subscribing ones.
pub mod extension {
    /// Audio level.
    pub const AUDIO_LEVEL: u8 = 1;
    /// Absolute send time.
    pub const ABS_SEND_TIME: u8 = 2;
    /// Transport-wide sequence number.
    pub const TRANSPORT_CC: u8 = 3;
    /// Mid.
    pub const MID: u8 = 4;
    /// RTP stream id.
    pub const RID: u8 = 5;
    /// RTP stream id of what is resent.
    pub const REPAIRED_RID: u8 = 6;
    /// Video orientation.
    pub const ORIENTATION: u8 = 13;
}

/// How a stream is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// Number in the call's log.
    pub stream: u16,
    /// SSRC.
    pub ssrc: u32,
    /// Payload type.
    pub payload_type: u8,
    /// SSRC and payload type of retransmissions.
    pub rtx: Option<(u32, u8)>,
    /// Media section.
    pub mid: String,
    /// RTP stream id; told in the first packets only, and in every one that is resent.
    pub rid: Option<String>,
    /// First sequence number.
    pub first_sequence: u16,
    /// RTP time and NTP time.
    pub clock: Clock,
}

#[derive(Debug, Clone)]
struct Sent {
    payload: Vec<u8>,
    marker: bool,
    timestamp: u32,
}

/// The sending side of one stream.
#[derive(Debug)]
pub struct Stream {
    /// How it was declared.
    pub settings: StreamSettings,
    index: u64,
    rtx_index: u64,
    history: BTreeMap<u64, Sent>,
    packets: u32,
    octets: u32,
}

impl Stream {
    /// Packets kept for retransmission.
    const HISTORY: usize = 600;
    /// Packets that tell their RTP stream id: browsers stop once feedback on the stream arrived.
    const TOLD: u32 = 60;

    /// A stream that has sent nothing.
    pub fn new(settings: StreamSettings) -> Self {
        let index = settings.first_sequence.into();
        Self {
            settings,
            index,
            rtx_index: 100,
            history: BTreeMap::new(),
            packets: 0,
            octets: 0,
        }
    }

    /// Packets and octets sent, as sender reports tell.
    pub fn sent(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// Sends a payload with `padding` bytes of RTP padding. Returns its completed tag too.
    pub fn media(
        &mut self,
        payload: &Payload,
        timestamp: u32,
        padding: u8,
        wide: u16,
        transport: &Transport,
    ) -> (Tag, Outgoing) {
        let tag = Tag {
            sequence: self.index as u32,
            timestamp,
            ..payload.tag
        };
        let sent = Sent {
            payload: payload.render(&tag),
            marker: payload.marker,
            timestamp,
        };
        let outgoing = self.packet(self.index, &sent, padding, wide, transport);
        self.packets += 1;
        self.octets += sent.payload.len() as u32;
        self.history.insert(self.index, sent);
        while self.history.len() > Self::HISTORY {
            self.history.pop_first();
        }
        self.index += 1;
        (tag, outgoing)
    }

    /// Sends a packet of padding alone as browsers probe: on the RTX stream where there is one, else it takes a sequence
    /// number of the media stream.
    pub fn padding(&mut self, timestamp: u32, wide: u16, transport: &Transport) -> Outgoing {
        let sent = Sent {
            payload: Vec::new(),
            marker: false,
            timestamp,
        };
        if let Some((ssrc, payload_type)) = self.settings.rtx {
            let index = self.rtx_index;
            self.rtx_index += 1;
            let sequence = index as u16;
            let writer = HeaderWriter {
                payload_type,
                marker: false,
                padding: true,
                sequence,
                timestamp,
                ssrc,
            };
            return Outgoing::now(self.write(writer, index, &[], 200, wide, transport, 0));
        }
        let outgoing = self.packet(self.index, &sent, 200, wide, transport);
        self.history.insert(self.index, sent);
        self.index += 1;
        outgoing
    }

    fn packet(&self, index: u64, sent: &Sent, padding: u8, wide: u16, transport: &Transport) -> Outgoing {
        let writer = HeaderWriter {
            payload_type: self.settings.payload_type,
            marker: sent.marker,
            padding: padding > 0,
            sequence: index as u16,
            timestamp: sent.timestamp,
            ssrc: self.settings.ssrc,
        };
        let bytes = self.write(
            writer,
            index,
            &sent.payload,
            padding,
            wide,
            transport,
            index as u8,
        );
        Outgoing {
            delay: 0,
            bytes,
            meaning: self.meaning(index),
        }
    }

    /// Answers a NACK for one number over RTX (RFC 4588 §4), if the packet is still known.
    pub fn resend(&mut self, number: u16, wide: u16, transport: &Transport) -> Option<Outgoing> {
        let (ssrc, payload_type) = self.settings.rtx?;
        let (index, sent) = self
            .history
            .iter()
            .rev()
            .find(|(index, _)| **index as u16 == number)?;
        let (index, sent) = (*index, sent.clone());
        let rtx = self.rtx_index;
        self.rtx_index += 1;
        let writer = HeaderWriter {
            payload_type,
            marker: sent.marker,
            padding: sent.payload.is_empty(),
            sequence: rtx as u16,
            timestamp: sent.timestamp,
            ssrc,
        };
        let mut payload = number.to_be_bytes().to_vec();
        payload.extend_from_slice(&sent.payload);
        let padding = if sent.payload.is_empty() { 200 } else { 0 };
        let bytes = self.write(writer, rtx, &payload, padding, wide, transport, index as u8);
        Some(Outgoing {
            delay: 0,
            bytes,
            meaning: self.meaning(index),
        })
    }

    fn meaning(&self, index: u64) -> Meaning {
        Meaning::Packet {
            stream: self.settings.stream,
            sequence: index as u32,
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn write(
        &self,
        writer: HeaderWriter,
        index: u64,
        payload: &[u8],
        padding: u8,
        wide: u16,
        transport: &Transport,
        level: u8,
    ) -> Vec<u8> {
        let wide = wide.to_be_bytes();
        let level = [level & 0x7F];
        let orientation = [level[0] & 3];
        let time = [1, 2, 3];
        let mut extensions: Vec<(u8, &[u8])> = vec![
            (extension::MID, self.settings.mid.as_bytes()),
            (extension::TRANSPORT_CC, &wide),
            (extension::ABS_SEND_TIME, &time),
        ];
        if self.settings.clock.rate == 48_000 {
            extensions.push((extension::AUDIO_LEVEL, &level));
        } else if writer.marker {
            extensions.push((extension::ORIENTATION, &orientation));
        }
        if let Some(rid) = &self.settings.rid {
            let media = writer.ssrc == self.settings.ssrc;
            if !media {
                extensions.push((extension::REPAIRED_RID, rid.as_bytes()));
            } else if self.packets < Self::TOLD {
                extensions.push((extension::RID, rid.as_bytes()));
            }
        }
        let mut packet = vec![0; 200];
        let header = writer
            .write(&mut packet, extensions.iter().copied())
            .expect("room for a header");
        packet.truncate(header);
        packet.extend_from_slice(payload);
        if padding > 0 {
            packet.resize(packet.len() + usize::from(padding) - 1, 0);
            packet.push(padding);
        }
        transport.protect_rtp(packet, header, index)
    }
}
