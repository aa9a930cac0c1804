//! RTCP packets as dictionaries, and a writer.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rheon_engine_wire::rtcp::{
    DlrrEntry, FirEntry, Packet, Records, ReportBlock, SenderInfo, Writer, XrBlock, packets,
};

use super::refused;

/// Fields of a report block in the order of the wire.
type Block = (u32, u8, i32, u32, u32, u32, u32);

fn blocks(reports: Records<'_, ReportBlock>) -> Vec<Block> {
    reports
        .map(|report| {
            (
                report.ssrc,
                report.fraction_lost,
                report.cumulative_lost,
                report.highest_sequence,
                report.jitter,
                report.last_sender_report,
                report.delay_since_last,
            )
        })
        .collect()
}

fn report(block: Block) -> ReportBlock {
    let (
        ssrc,
        fraction_lost,
        cumulative_lost,
        highest_sequence,
        jitter,
        last_sender_report,
        delay_since_last,
    ) = block;
    ReportBlock {
        ssrc,
        fraction_lost,
        cumulative_lost,
        highest_sequence,
        jitter,
        last_sender_report,
        delay_since_last,
    }
}

/// Parse a compound packet: one dictionary per packet, named by its "kind". Raises at the first malformed one.
#[pyfunction]
pub fn parse_rtcp<'py>(py: Python<'py>, compound: &[u8]) -> PyResult<Vec<Bound<'py, PyDict>>> {
    packets(compound)
        .map(|packet| dictionary(py, packet.map_err(refused)?))
        .collect()
}

fn dictionary<'py>(py: Python<'py>, packet: Packet<'_>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    match packet {
        Packet::SenderReport { ssrc, info, reports } => {
            dict.set_item("kind", "sender_report")?;
            dict.set_item("ssrc", ssrc)?;
            dict.set_item("ntp", info.ntp)?;
            dict.set_item("rtp_timestamp", info.rtp_timestamp)?;
            dict.set_item("packets", info.packets)?;
            dict.set_item("octets", info.octets)?;
            dict.set_item("reports", blocks(reports))?;
        }
        Packet::ReceiverReport { ssrc, reports } => {
            dict.set_item("kind", "receiver_report")?;
            dict.set_item("ssrc", ssrc)?;
            dict.set_item("reports", blocks(reports))?;
        }
        Packet::SourceDescription(items) => {
            let items: Vec<_> = items
                .map(|item| (item.ssrc, item.item_type, PyBytes::new(py, item.text)))
                .collect();
            dict.set_item("kind", "source_description")?;
            dict.set_item("items", items)?;
        }
        Packet::Bye { sources } => {
            dict.set_item("kind", "bye")?;
            dict.set_item("sources", sources.collect::<Vec<_>>())?;
        }
        Packet::Nack { sender, media, items } => {
            dict.set_item("kind", "nack")?;
            dict.set_item("sender", sender)?;
            dict.set_item("media", media)?;
            dict.set_item("lost", items.collect::<Vec<_>>())?;
        }
        Packet::Pli { sender, media } => {
            dict.set_item("kind", "pli")?;
            dict.set_item("sender", sender)?;
            dict.set_item("media", media)?;
        }
        Packet::Fir { sender, entries } => {
            let entries: Vec<_> = entries.map(|entry| (entry.ssrc, entry.sequence)).collect();
            dict.set_item("kind", "fir")?;
            dict.set_item("sender", sender)?;
            dict.set_item("entries", entries)?;
        }
        Packet::TransportFeedback(feedback) => {
            let statuses: Vec<_> = feedback
                .statuses()
                .map(|status| (status.sequence, status.delta))
                .collect();
            dict.set_item("kind", "transport_feedback")?;
            dict.set_item("sender", feedback.sender)?;
            dict.set_item("media", feedback.media)?;
            dict.set_item("reference_time", feedback.reference_time)?;
            dict.set_item("feedback_count", feedback.feedback_count)?;
            dict.set_item("statuses", statuses)?;
        }
        Packet::Remb {
            sender,
            bitrate,
            sources,
        } => {
            dict.set_item("kind", "remb")?;
            dict.set_item("sender", sender)?;
            dict.set_item("bitrate", bitrate)?;
            dict.set_item("sources", sources.collect::<Vec<_>>())?;
        }
        Packet::ExtendedReport { ssrc, blocks } => {
            dict.set_item("kind", "extended_report")?;
            dict.set_item("ssrc", ssrc)?;
            for block in blocks {
                match block {
                    XrBlock::ReferenceTime { ntp } => dict.set_item("ntp", ntp)?,
                    XrBlock::Dlrr(entries) => {
                        let entries: Vec<_> = entries
                            .map(|entry| (entry.ssrc, entry.last_receiver_report, entry.delay_since_last))
                            .collect();
                        dict.set_item("dlrr", entries)?;
                    }
                    XrBlock::Other { .. } => {}
                }
            }
        }
        Packet::Other { packet_type, count } => {
            dict.set_item("kind", "other")?;
            dict.set_item("packet_type", packet_type)?;
            dict.set_item("count", count)?;
        }
    }
    Ok(dict)
}

/// Builds a compound packet.
#[pyclass(module = "rheon_engine._engine.wire")]
#[derive(Default)]
pub struct RtcpWriter {
    out: Vec<u8>,
}

#[pymethods]
impl RtcpWriter {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The packets written so far.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.out)
    }

    fn sender_report(
        &mut self,
        ssrc: u32,
        ntp: u64,
        rtp_timestamp: u32,
        packets: u32,
        octets: u32,
        reports: Vec<Block>,
    ) {
        let info = SenderInfo {
            ntp,
            rtp_timestamp,
            packets,
            octets,
        };
        Writer::new(&mut self.out).sender_report(ssrc, info, reports.into_iter().map(report));
    }

    fn receiver_report(&mut self, ssrc: u32, reports: Vec<Block>) {
        Writer::new(&mut self.out).receiver_report(ssrc, reports.into_iter().map(report));
    }

    fn source_description(&mut self, ssrc: u32, cname: &str) {
        Writer::new(&mut self.out).source_description(ssrc, cname);
    }

    fn bye(&mut self, sources: Vec<u32>) {
        Writer::new(&mut self.out).bye(sources);
    }

    fn nack(&mut self, sender: u32, media: u32, lost: Vec<u16>) {
        Writer::new(&mut self.out).nack(sender, media, lost);
    }

    fn pli(&mut self, sender: u32, media: u32) {
        Writer::new(&mut self.out).pli(sender, media);
    }

    fn fir(&mut self, sender: u32, entries: Vec<(u32, u8)>) {
        let entries = entries
            .into_iter()
            .map(|(ssrc, sequence)| FirEntry { ssrc, sequence });
        Writer::new(&mut self.out).fir(sender, entries);
    }

    #[expect(clippy::needless_pass_by_value, reason = "the form extraction gives")]
    fn remb(&mut self, sender: u32, bitrate: u64, sources: Vec<u32>) {
        Writer::new(&mut self.out).remb(sender, bitrate, &sources);
    }

    fn transport_feedback(
        &mut self,
        sender: u32,
        media: u32,
        base_sequence: u16,
        reference_time: i32,
        feedback_count: u8,
        statuses: Vec<Option<i16>>,
    ) {
        Writer::new(&mut self.out).transport_feedback(
            sender,
            media,
            base_sequence,
            reference_time,
            feedback_count,
            statuses,
        );
    }

    fn extended_report_rrtr(&mut self, ssrc: u32, ntp: u64) {
        Writer::new(&mut self.out).extended_report_rrtr(ssrc, ntp);
    }

    fn extended_report_dlrr(&mut self, ssrc: u32, entries: Vec<(u32, u32, u32)>) {
        let entries = entries
            .into_iter()
            .map(|(ssrc, last_receiver_report, delay_since_last)| DlrrEntry {
                ssrc,
                last_receiver_report,
                delay_since_last,
            });
        Writer::new(&mut self.out).extended_report_dlrr(ssrc, entries);
    }
}
