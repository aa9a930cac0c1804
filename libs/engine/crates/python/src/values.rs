//! Events and statistics as the dataclasses of `rheon_engine.types`.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyBytes, PyDict, PyType};
use rheon_engine_core::{Event, ForwardStats, LayerStats, Stats, TransportStats};
use rheon_engine_io::{IoStats, StatsAnswer};

/// Keyword arguments of a dataclass.
macro_rules! fields {
    ($py:expr, $($name:ident: $value:expr),+ $(,)?) => {{
        let fields = PyDict::new($py);
        $(fields.set_item(pyo3::intern!($py, stringify!($name)), $value)?;)+
        fields
    }};
}

/// Classes of `rheon_engine.types`, looked up once.
struct Types {
    ice_connected: Py<PyType>,
    dtls_received: Py<PyType>,
    consent_lost: Py<PyType>,
    track_started: Py<PyType>,
    transport_failed: Py<PyType>,
    events_lost: Py<PyType>,
    worker_stats: Py<PyType>,
    transport_stats: Py<PyType>,
    layer_stats: Py<PyType>,
    forward_stats: Py<PyType>,
}

static TYPES: PyOnceLock<Types> = PyOnceLock::new();

fn types(py: Python<'_>) -> PyResult<&Types> {
    TYPES.get_or_try_init(py, || {
        let module = py.import("rheon_engine.types")?;
        let class = |name: &str| -> PyResult<Py<PyType>> {
            Ok(module
                .getattr(name)?
                .cast_into::<PyType>()
                .map_err(PyErr::from)?
                .unbind())
        };
        Ok(Types {
            ice_connected: class("IceConnected")?,
            dtls_received: class("DtlsReceived")?,
            consent_lost: class("ConsentLost")?,
            track_started: class("TrackStarted")?,
            transport_failed: class("TransportFailed")?,
            events_lost: class("EventsLost")?,
            worker_stats: class("WorkerStats")?,
            transport_stats: class("TransportStats")?,
            layer_stats: class("LayerStats")?,
            forward_stats: class("ForwardStats")?,
        })
    })
}

fn build<'py>(
    py: Python<'py>,
    class: &Py<PyType>,
    fields: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    class.bind(py).call((), Some(fields))
}

/// An event; `None` for one that is answered elsewhere.
pub fn event<'py>(py: Python<'py>, event: &Event) -> PyResult<Option<Bound<'py, PyAny>>> {
    let types = types(py)?;
    let (class, fields) = match event {
        Event::IceConnected { transport } => (&types.ice_connected, fields!(py, transport: transport.0)),
        Event::DtlsReceived { transport, datagram } => (
            &types.dtls_received,
            fields!(py, transport: transport.0, datagram: PyBytes::new(py, datagram)),
        ),
        Event::ConsentLost { transport } => (&types.consent_lost, fields!(py, transport: transport.0)),
        Event::TrackStarted { track, layer, ssrc } => (
            &types.track_started,
            fields!(py, track: track.0, layer: *layer, ssrc: ssrc.0),
        ),
        Event::TransportFailed { transport, reason } => (
            &types.transport_failed,
            fields!(py, transport: transport.0, reason: *reason),
        ),
        Event::EventsLost { count } => (&types.events_lost, fields!(py, count: *count)),
        Event::Stats { .. } => return Ok(None),
    };
    build(py, class, &fields).map(Some)
}

/// One worker's answer: token, the worker, its transports, layers and forwards.
pub type Snapshot<'py> = (
    u64,
    Bound<'py, PyAny>,
    Vec<Bound<'py, PyAny>>,
    Vec<Bound<'py, PyAny>>,
    Vec<Bound<'py, PyAny>>,
);

/// One worker's statistics.
pub fn snapshot<'py>(py: Python<'py>, answer: &StatsAnswer) -> PyResult<Snapshot<'py>> {
    let StatsAnswer { token, stats, io } = answer;
    let all = |result: Vec<PyResult<Bound<'py, PyAny>>>| result.into_iter().collect::<PyResult<Vec<_>>>();
    Ok((
        *token,
        worker(py, stats, io)?,
        all(stats
            .transports
            .iter()
            .map(|stats| transport(py, answer.stats.worker.0, stats))
            .collect())?,
        all(stats.layers.iter().map(|stats| layer(py, stats)).collect())?,
        all(stats.forwards.iter().map(|stats| forward(py, stats)).collect())?,
    ))
}

fn worker<'py>(py: Python<'py>, stats: &Stats, io: &IoStats) -> PyResult<Bound<'py, PyAny>> {
    let drops = PyDict::new(py);
    for (reason, count) in stats.counters.drops() {
        drops.set_item(reason.as_str(), count)?;
    }
    for (reason, count) in [
        ("send-buffer-full", io.sent.buffer_full),
        ("send-refused", io.sent.refused),
        ("receive-error", io.receive_errors),
        ("worker-queue-full", io.shared_full),
        ("escaped-panic", io.panics),
    ] {
        drops.set_item(reason, count)?;
    }
    let tables = [
        ("transports", stats.tables.transports),
        ("tracks", stats.tables.tracks),
        ("forwards", stats.tables.forwards),
        ("tuples", stats.tables.tuples),
        ("ssrcs", stats.tables.ssrcs),
    ]
    .into_py_dict(py)?;
    let fields = fields!(py,
        worker: stats.worker.0,
        port: stats.port,
        packets_received: stats.counters.packets_received,
        bytes_received: stats.counters.bytes_received,
        packets_sent: io.sent.packets,
        bytes_sent: io.sent.bytes,
        receive_calls: io.receive_calls,
        send_calls: io.sent.calls,
        segmentation_offload: io.segmentation,
        drops: drops,
        tables: tables,
    );
    build(py, &types(py)?.worker_stats, &fields)
}

fn transport<'py>(py: Python<'py>, worker: u8, stats: &TransportStats) -> PyResult<Bound<'py, PyAny>> {
    let fields = fields!(py,
        transport: stats.transport.0,
        worker: worker,
        packets_received: stats.packets_received,
        bytes_received: stats.bytes_received,
        packets_sent: stats.packets_sent,
        bytes_sent: stats.bytes_sent,
        round_trip_time_us: stats.round_trip_time_us,
        tuples: stats.tuples,
        feedback_received: stats.feedback_received,
        feedback_lost: stats.feedback_lost,
    );
    build(py, &types(py)?.transport_stats, &fields)
}

fn layer<'py>(py: Python<'py>, stats: &LayerStats) -> PyResult<Bound<'py, PyAny>> {
    let fields = fields!(py,
        track: stats.track.0,
        layer: stats.layer,
        ssrc: stats.ssrc.0,
        packets: stats.packets,
        bytes: stats.bytes,
        bitrate: stats.bitrate,
        packets_lost: stats.packets_lost,
        nacks_sent: stats.nacks_sent,
        packets_recovered: stats.packets_recovered,
        key_frame_requests_sent: stats.key_frame_requests_sent,
        key_frames: stats.key_frames,
        jitter_us: stats.jitter_us,
    );
    build(py, &types(py)?.layer_stats, &fields)
}

fn forward<'py>(py: Python<'py>, stats: &ForwardStats) -> PyResult<Bound<'py, PyAny>> {
    let fields = fields!(py,
        forward: stats.forward.0,
        track: stats.track.0,
        ssrc: stats.ssrc.0,
        packets: stats.packets,
        bytes: stats.bytes,
        bitrate: stats.bitrate,
        packets_lost: stats.packets_lost,
        nacks_received: stats.nacks_received,
        packets_retransmitted: stats.packets_retransmitted,
        key_frame_requests_received: stats.key_frame_requests_received,
        spatial: stats.spatial,
        temporal: stats.temporal,
        layer_reason: stats.layer_reason,
        paused: stats.paused,
    );
    build(py, &types(py)?.forward_stats, &fields)
}
