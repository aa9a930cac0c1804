//! What the engine asks of publishers: key frames through a gate, and each missing packet once per round trip.

use std::collections::HashMap;

use super::rule::{Fault, Rule};

/// Requests sent on one publishing transport.
#[derive(Debug, Default)]
pub struct Upstream {
    spacing: u64,
    key_frames: HashMap<u32, u64>,
    packets: HashMap<(u32, u16), u64>,
}

impl Upstream {
    /// Least time between two key-frame requests of one stream.
    pub const GATE: u64 = 500_000;

    /// `spacing`: least time between two requests for one packet.
    pub fn new(spacing: u64) -> Self {
        Self {
            spacing,
            ..Self::default()
        }
    }

    /// A PLI or FIR for a stream left.
    pub fn key_frame(&mut self, at: u64, ssrc: u32) -> Option<Fault> {
        let before = self.key_frames.insert(ssrc, at)?;
        let gap = at - before;
        (gap < Self::GATE)
            .then(|| Fault::new(Rule::KeyFrameGate, format!("ssrc {ssrc:#x} again after {gap} us")))
    }

    /// A NACK for one number left.
    pub fn nack(&mut self, at: u64, ssrc: u32, number: u16) -> Option<Fault> {
        let before = self.packets.insert((ssrc, number), at)?;
        let gap = at - before;
        let soon = gap < self.spacing;
        soon.then(|| {
            Fault::new(
                Rule::NackTooSoon,
                format!("ssrc {ssrc:#x} number {number} again after {gap} us"),
            )
        })
    }
}
