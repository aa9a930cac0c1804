//! SRTP contexts with the bookkeeping the engine does around them.

use std::collections::HashMap;

use pyo3::prelude::*;
use rheon_engine_wire::rtp::RtpHeader;
use rheon_engine_wire::srtp::{Profile, ReceiveContext, ReceiveStream, RtcpReplay, SendContext};

use super::refused;

fn named(name: &str) -> PyResult<Profile> {
    name.parse().map_err(refused)
}

/// The sending side of an association.
#[pyclass(module = "rheon_engine._engine.wire")]
pub struct SrtpSender {
    context: SendContext,
}

#[pymethods]
impl SrtpSender {
    #[new]
    fn new(profile: &str, master: &[u8]) -> PyResult<Self> {
        let context = SendContext::new(named(profile)?, master).map_err(refused)?;
        Ok(Self { context })
    }

    /// Protect a packet whose 48-bit index the caller keeps.
    fn protect_rtp(&self, packet: &[u8], index: u64) -> PyResult<Vec<u8>> {
        let header = RtpHeader::parse(packet).map_err(refused)?;
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + self.context.profile().rtp_overhead(), 0);
        self.context
            .protect_rtp(&mut buffer, header.len, index)
            .map_err(refused)?;
        Ok(buffer)
    }

    /// Protect a compound packet.
    fn protect_rtcp(&mut self, packet: &[u8]) -> PyResult<Vec<u8>> {
        let mut buffer = packet.to_vec();
        self.context.protect_rtcp(&mut buffer).map_err(refused)?;
        Ok(buffer)
    }
}

/// The receiving side of an association. It remembers every SSRC: for tests only.
#[pyclass(module = "rheon_engine._engine.wire")]
pub struct SrtpReceiver {
    context: ReceiveContext,
    streams: HashMap<u32, ReceiveStream>,
    windows: HashMap<u32, RtcpReplay>,
}

#[pymethods]
impl SrtpReceiver {
    #[new]
    fn new(profile: &str, master: &[u8]) -> PyResult<Self> {
        let context = ReceiveContext::new(named(profile)?, master).map_err(refused)?;
        Ok(Self {
            context,
            streams: HashMap::new(),
            windows: HashMap::new(),
        })
    }

    /// The plain packet and its index.
    fn unprotect_rtp(&mut self, packet: &[u8]) -> PyResult<(Vec<u8>, u64)> {
        let header = RtpHeader::parse(packet).map_err(refused)?;
        let stream = self.streams.entry(header.ssrc).or_default();
        let mut buffer = packet.to_vec();
        let (len, index) = self
            .context
            .unprotect_rtp(&mut buffer, &header, stream)
            .map_err(refused)?;
        buffer.truncate(len);
        Ok((buffer, index))
    }

    /// The plain compound packet.
    fn unprotect_rtcp(&mut self, packet: &[u8]) -> PyResult<Vec<u8>> {
        let ssrc = packet
            .get(4..8)
            .and_then(|ssrc| ssrc.try_into().ok())
            .map_or(0, u32::from_be_bytes);
        let window = self.windows.entry(ssrc).or_default();
        let mut buffer = packet.to_vec();
        let len = self
            .context
            .unprotect_rtcp(&mut buffer, window)
            .map_err(refused)?;
        buffer.truncate(len);
        Ok(buffer)
    }
}
