//! The ledger of one peer connection: decrypts what the engine sends and gives it to the rules.

use std::collections::HashMap;
use std::net::SocketAddr;

use rheon_engine_wire::rtcp;
use rheon_engine_wire::rtp::{RtpHeader, parse_transport_sequence};
use rheon_engine_wire::srtp::{Profile, ReceiveContext, ReceiveStream, RtcpReplay, SrtpError};
use rheon_engine_wire::vp8::Descriptor;

use super::forward::{Expected, Forward, Record};
use super::nonce::Nonces;
use super::rule::{Fault, Rule};
use super::transport_cc::TransportCc;
use super::upstream::Upstream;
use super::vp8::Ids;
use crate::log::Log;
use crate::peer::{Keys, subscribed};
use crate::truth::Tag;

/// Windows of one SSRC: the newest, and older ones so that packets too old for a receiver are still identified.
#[derive(Default)]
struct Windows {
    newest: ReceiveStream,
    older: Vec<ReceiveStream>,
    taken: u32,
}

/// Everything sent on one peer connection.
pub struct TransportLedger {
    local: SocketAddr,
    profile: Profile,
    receive: ReceiveContext,
    windows: HashMap<u32, Windows>,
    nonces: Nonces,
    wide: TransportCc,
    upstream: Upstream,
    forwards: HashMap<u32, Forward>,
    rtx: HashMap<u32, u32>,
    former: Vec<Forward>,
    faults: Vec<Fault>,
}

impl TransportLedger {
    /// # Panics
    /// If the keys do not fit their profile.
    pub fn new(local: SocketAddr, keys: &Keys, nack_spacing: u64) -> Self {
        Self {
            local,
            profile: keys.profile,
            receive: ReceiveContext::new(keys.profile, &keys.engine).expect("keys of the right length"),
            windows: HashMap::new(),
            nonces: Nonces::default(),
            wide: TransportCc::default(),
            upstream: Upstream::new(nack_spacing),
            forwards: HashMap::new(),
            rtx: HashMap::new(),
            former: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// A forward was added.
    pub fn add_forward(&mut self, expected: Expected, active: bool) {
        if let Some((rtx, _)) = expected.rtx {
            self.rtx.insert(rtx, expected.ssrc);
        }
        self.forwards
            .insert(expected.ssrc, Forward::new(expected, active));
    }

    /// A removed forward was made again under the same SSRC: its timeline is new, its numbers go on.
    pub fn renew_forward(&mut self, expected: Expected, active: bool) {
        let ssrc = expected.ssrc;
        self.former.extend(self.forwards.remove(&ssrc));
        self.add_forward(expected, active);
        if let Some(forward) = self.forwards.get_mut(&ssrc) {
            forward.continues();
        }
    }

    /// The ledger of the forward sent under an SSRC.
    pub fn forward(&mut self, ssrc: u32) -> Option<&mut Forward> {
        self.forwards.get_mut(&ssrc)
    }

    /// Every broken rule of this transport.
    pub fn judge(&self, log: &Log) -> Vec<Fault> {
        let forwards = self
            .forwards
            .values()
            .chain(&self.former)
            .flat_map(|forward| forward.judge(log));
        self.faults.iter().cloned().chain(forwards).collect()
    }

    /// Judges one datagram.
    pub fn datagram(&mut self, at: u64, local: SocketAddr, datagram: &[u8]) {
        if local != self.local {
            self.faults.push(Fault::new(
                Rule::Destination,
                format!("from {local}, not {}", self.local),
            ));
        }
        let judged = match datagram {
            [0..=3 | 20..=63, ..] => Ok(()),
            [128..=191, 192..=223, ..] => self.rtcp(at, datagram),
            [128..=191, ..] => self.rtp(at, datagram),
            _ => Err(Fault::new(Rule::Undecryptable, "no protocol starts like this")),
        };
        self.faults.extend(judged.err());
    }

    fn rtcp(&mut self, at: u64, datagram: &[u8]) -> Result<(), Fault> {
        let unreadable = |what: &str| Fault::new(Rule::Undecryptable, format!("RTCP: {what}"));
        let ssrc = datagram.get(4..8).ok_or_else(|| unreadable("too short"))?;
        let ssrc = u32::from_be_bytes(ssrc.try_into().map_err(|_| unreadable("too short"))?);
        let trailer = match self.profile {
            Profile::Aes128CmSha1_80 => 14,
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => 4,
        };
        let word = datagram
            .len()
            .checked_sub(trailer)
            .and_then(|from| datagram.get(from..from + 4));
        let word: [u8; 4] = word
            .and_then(|w| w.try_into().ok())
            .ok_or_else(|| unreadable("too short"))?;
        let index = u64::from(u32::from_be_bytes(word) & 0x7FFF_FFFF);
        if let Some(fault) = self.nonces.protect(true, ssrc, index, datagram) {
            self.faults.push(fault);
        }
        let mut bytes = datagram.to_vec();
        let length = self
            .receive
            .unprotect_rtcp(&mut bytes, &mut RtcpReplay::default());
        let length = length.map_err(|error| unreadable(&error.to_string()))?;
        bytes.truncate(length);
        for packet in rtcp::packets(&bytes) {
            match packet.map_err(|error| unreadable(&error.to_string()))? {
                rtcp::Packet::SenderReport { ssrc, info, .. } => match self.forwards.get_mut(&ssrc) {
                    Some(forward) => forward.sender_report(at, info),
                    None => {
                        return Err(Fault::new(
                            Rule::UnknownSsrc,
                            format!("sender report of {ssrc:#x}"),
                        ));
                    }
                },
                rtcp::Packet::Pli { media, .. } => self.faults.extend(self.upstream.key_frame(at, media)),
                rtcp::Packet::Fir { entries, .. } => {
                    for entry in entries {
                        self.faults.extend(self.upstream.key_frame(at, entry.ssrc));
                    }
                }
                rtcp::Packet::Nack { media, items, .. } => {
                    for number in items {
                        self.faults.extend(self.upstream.nack(at, media, number));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn rtp(&mut self, at: u64, datagram: &[u8]) -> Result<(), Fault> {
        let fault = |rule, detail: String| Fault::new(rule, detail);
        let header = RtpHeader::parse(datagram).map_err(|e| fault(Rule::Undecryptable, e.to_string()))?;
        let (packet, index) = match self.decrypt(datagram, &header) {
            Ok(decrypted) => decrypted,
            // A hostile publisher may send packets so late that no receiver of ours would take them.
            Err(_)
                if self
                    .forwards
                    .get(&header.ssrc)
                    .is_some_and(|forward| forward.expected.opaque) =>
            {
                return Ok(());
            }
            Err(fault) => return Err(fault),
        };
        if let Some(fault) = self.nonces.protect(false, header.ssrc, index, datagram) {
            self.faults.push(fault);
        }
        let range = header
            .payload(&packet)
            .map_err(|e| fault(Rule::Undecryptable, e.to_string()))?;
        let payload = &packet[range];
        let main = self.rtx.get(&header.ssrc).copied().unwrap_or(header.ssrc);
        let Some(forward) = self.forwards.get_mut(&main) else {
            return Err(fault(Rule::UnknownSsrc, format!("{:#x}", header.ssrc)));
        };
        let repaired = main != header.ssrc;
        let expected = &forward.expected;
        let name = expected.forward;
        let payload_type = if repaired {
            expected.rtx.map_or(0, |(_, pt)| pt)
        } else {
            expected.payload_type
        };
        if header.payload_type != payload_type {
            let detail = format!(
                "forward {name}: {} instead of {payload_type}",
                header.payload_type
            );
            self.faults.push(fault(Rule::PayloadType, detail));
        }
        let value = |id| {
            header
                .extensions(&packet)
                .find(|(found, _)| *found == id)
                .map(|(_, value)| value)
        };
        if expected
            .mid_id
            .is_some_and(|id| value(id) != Some(expected.mid.as_bytes()))
        {
            self.faults
                .push(fault(Rule::Mid, format!("forward {name} index {index}")));
        }
        if let Some(number) = value(subscribed::TRANSPORT_CC).and_then(parse_transport_sequence) {
            self.faults.extend(self.wide.sent(number));
        }
        if expected.opaque {
            if !repaired {
                forward.opaque(index);
            }
            return Ok(());
        }
        let (original, payload) = match payload.split_first_chunk() {
            Some((number, rest)) if repaired => (u16::from_be_bytes(*number), rest),
            _ => (0, payload),
        };
        let altered = || {
            fault(
                Rule::Altered,
                format!("forward {name} ssrc {:#x} index {index}", header.ssrc),
            )
        };
        let (ids, body) = if expected.video {
            let read = Descriptor::parse(payload).map_err(|_| altered())?;
            (
                Ids {
                    picture: read.picture_id,
                    tl0: read.tl0_pic_idx,
                    tid: read.tid,
                },
                read.len,
            )
        } else {
            (Ids::default(), 0)
        };
        let tag = payload.get(body..).and_then(Tag::read).ok_or_else(altered)?;
        let level = [tag.sequence as u8 & 0x7F];
        if !expected.video && value(subscribed::AUDIO_LEVEL) != Some(&level) {
            self.faults.push(altered());
        }
        let (timestamp, marker) = (header.timestamp, header.marker);
        let record = Record {
            at,
            sequence: index,
            timestamp,
            marker,
            tag,
            ids,
        };
        if repaired {
            forward.rtx(index, original, record);
        } else {
            forward.main(record);
        }
        Ok(())
    }

    fn decrypt(&mut self, datagram: &[u8], header: &RtpHeader) -> Result<(Vec<u8>, u64), Fault> {
        let windows = self.windows.entry(header.ssrc).or_default();
        let mut packet = datagram.to_vec();
        let mut result = self
            .receive
            .unprotect_rtp(&mut packet, header, &mut windows.newest);
        if result == Err(SrtpError::Replay) {
            // A number used twice, or one a receiver would find too old: which of the two, the forward's ledger tells.
            for mut window in windows.older.iter().rev().copied() {
                packet.copy_from_slice(datagram);
                result = self.receive.unprotect_rtp(&mut packet, header, &mut window);
                if result.is_ok() {
                    break;
                }
            }
        } else if windows.taken.is_multiple_of(32) {
            windows.older.push(windows.newest);
            if windows.older.len() > 32 {
                windows.older.remove(0);
            }
        }
        windows.taken += 1;
        let (length, index) = result.map_err(|error| {
            Fault::new(
                Rule::Undecryptable,
                format!("ssrc {:#x} number {}: {error}", header.ssrc, header.sequence),
            )
        })?;
        packet.truncate(length);
        Ok((packet, index))
    }
}
