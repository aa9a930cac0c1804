//! RTP packets and VP8 descriptors as dictionaries.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rheon_engine_wire::rtp::{HeaderWriter, RtpHeader};
use rheon_engine_wire::vp8;

use super::refused;

/// Parse a packet.
#[pyfunction]
pub fn parse_rtp<'py>(py: Python<'py>, packet: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    let header = RtpHeader::parse(packet).map_err(refused)?;
    let payload = header.payload(packet).map_err(refused)?;
    let extensions: Vec<_> = header
        .extensions(packet)
        .map(|(id, value)| (id, PyBytes::new(py, value)))
        .collect();
    let dict = PyDict::new(py);
    dict.set_item("payload_type", header.payload_type)?;
    dict.set_item("marker", header.marker)?;
    dict.set_item("sequence", header.sequence)?;
    dict.set_item("timestamp", header.timestamp)?;
    dict.set_item("ssrc", header.ssrc)?;
    dict.set_item("csrcs", header.csrcs(packet).collect::<Vec<_>>())?;
    dict.set_item("extensions", extensions)?;
    dict.set_item("padding", packet.len() - payload.end)?;
    dict.set_item(
        "payload",
        PyBytes::new(py, packet.get(payload).unwrap_or_default()),
    )?;
    Ok(dict)
}

/// Build a packet; `padding` counts its padding bytes.
#[pyfunction]
#[pyo3(signature = (*, payload_type, marker, sequence, timestamp, ssrc, extensions, payload, padding=0))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
#[expect(clippy::needless_pass_by_value, reason = "the form extraction gives")]
pub fn build_rtp(
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    extensions: Vec<(u8, Vec<u8>)>,
    payload: &[u8],
    padding: u8,
) -> PyResult<Vec<u8>> {
    let writer = HeaderWriter {
        payload_type,
        marker,
        padding: padding > 0,
        sequence,
        timestamp,
        ssrc,
    };
    let extensions = extensions.iter().map(|(id, value)| (*id, &value[..]));
    let mut packet = vec![0; HeaderWriter::len(extensions.clone()).map_err(refused)?];
    writer.write(&mut packet, extensions).map_err(refused)?;
    packet.extend_from_slice(payload);
    packet.resize(packet.len() + usize::from(padding), 0);
    if let (Some(last), true) = (packet.last_mut(), padding > 0) {
        *last = padding;
    }
    Ok(packet)
}

/// Parse a VP8 payload descriptor.
#[pyfunction]
pub fn parse_vp8<'py>(py: Python<'py>, payload: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    let descriptor = vp8::Descriptor::parse(payload).map_err(refused)?;
    let dict = PyDict::new(py);
    dict.set_item("picture_id", descriptor.picture_id)?;
    dict.set_item("tl0_pic_idx", descriptor.tl0_pic_idx)?;
    dict.set_item("tid", descriptor.tid)?;
    dict.set_item("layer_sync", descriptor.layer_sync)?;
    dict.set_item("start_of_frame", descriptor.start_of_frame)?;
    dict.set_item("key_frame", descriptor.key_frame)?;
    dict.set_item("len", descriptor.len)?;
    Ok(dict)
}

/// The payload with its picture id widened to 15 bits.
#[pyfunction]
pub fn normalise_vp8(payload: &[u8]) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    vp8::normalise(payload, &mut out).map_err(refused)?;
    Ok(out)
}

/// The payload with other picture id and TL0PICIDX.
#[pyfunction]
pub fn patch_vp8(payload: &[u8], picture_id: u16, tl0_pic_idx: u8) -> Vec<u8> {
    let mut out = payload.to_vec();
    vp8::patch(&mut out, picture_id, tl0_pic_idx);
    out
}
