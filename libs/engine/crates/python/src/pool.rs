//! `WorkerPool`: the pool of worker threads as Python holds it.

use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::sync::{PoisonError, RwLock};

use pyo3::prelude::*;
use rheon_engine_core::{Command, ForwardId, TrackId, TransportId, WorkerId};
use rheon_engine_io::{MAX_WORKERS, Pool, PoolConfig, Segmentation};

use crate::errors::{EngineStartError, closed, invalid, refused};
use crate::parameters::{self, RawForwardParameters, RawTrackParameters};
use crate::values::{self, Snapshot};

/// Worker threads, their sockets and queues. Methods are thread-safe and never wait for a worker, but `close`.
#[pyclass(frozen, module = "rheon_engine._engine")]
pub struct WorkerPool(RwLock<Option<Pool>>);

impl WorkerPool {
    fn with<T>(&self, use_pool: impl FnOnce(&Pool) -> PyResult<T>) -> PyResult<T> {
        // Nothing panics under the lock; a poisoned one would hold a whole pool still.
        let pool = self.0.read().unwrap_or_else(PoisonError::into_inner);
        use_pool(pool.as_ref().ok_or_else(closed)?)
    }

    fn command(&self, worker: u8, command: Command) -> PyResult<()> {
        self.with(|pool| pool.command(WorkerId(worker), command).map_err(refused))
    }
}

#[pymethods]
impl WorkerPool {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "converted from a Python sequence")]
    #[pyo3(signature = (*, workers, bind, port, segmentation = "auto"))]
    fn new(py: Python<'_>, workers: i64, bind: Vec<String>, port: i64, segmentation: &str) -> PyResult<Self> {
        let config = PoolConfig {
            workers: u16::try_from(workers)
                .ok()
                .filter(|count| (1..=MAX_WORKERS).contains(count))
                .ok_or_else(|| invalid(format!("workers has to be 1 to {MAX_WORKERS}")))?,
            bind: bind
                .iter()
                .map(|text| {
                    text.parse()
                        .map_err(|_| invalid(format!("{text:?} is not an IP address")))
                })
                .collect::<PyResult<Vec<IpAddr>>>()?,
            port: u16::try_from(port).map_err(|_| invalid("port has to be 0 to 65535"))?,
            segmentation: match segmentation {
                "auto" => Segmentation::Auto,
                "off" => Segmentation::Off,
                "fail" => Segmentation::Fail,
                other => {
                    return Err(invalid(format!(
                        "segmentation {other:?} is not auto, off or fail"
                    )));
                }
            },
        };
        if config.bind.is_empty() {
            return Err(invalid("at least one address has to be bound"));
        }
        let pool = py
            .detach(|| Pool::start(&config))
            .map_err(|error| EngineStartError::new_err(format!("cannot open media sockets: {error}")))?;
        Ok(Self(RwLock::new(Some(pool))))
    }

    #[getter]
    fn ports(&self) -> PyResult<Vec<u16>> {
        self.with(|pool| Ok(pool.ports().to_vec()))
    }

    #[getter]
    fn signal(&self) -> PyResult<i32> {
        self.with(|pool| Ok(pool.as_raw_fd()))
    }

    fn clear_signal(&self) -> PyResult<()> {
        self.with(|pool| {
            pool.clear_signal();
            Ok(())
        })
    }

    fn take_events<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let events = self.with(|pool| Ok(pool.take_events(limit)))?;
        events
            .iter()
            .filter_map(|event| values::event(py, event).transpose())
            .collect()
    }

    fn take_stats<'py>(&self, py: Python<'py>) -> PyResult<Vec<Snapshot<'py>>> {
        let answers = self.with(|pool| Ok(pool.take_stats()))?;
        answers
            .iter()
            .map(|answer| values::snapshot(py, answer))
            .collect()
    }

    fn request_stats(&self, worker: u8, token: u64) -> PyResult<()> {
        self.command(worker, Command::Stats { token })
    }

    fn add_transport(&self, worker: u8, transport: u32, ufrag: String, pwd: String) -> PyResult<()> {
        let ice = parameters::credentials(ufrag, pwd)?;
        self.command(
            worker,
            Command::AddTransport {
                transport: TransportId(transport),
                ice,
            },
        )
    }

    fn set_ice(&self, worker: u8, transport: u32, ufrag: String, pwd: String) -> PyResult<()> {
        let ice = parameters::credentials(ufrag, pwd)?;
        self.command(
            worker,
            Command::SetIce {
                transport: TransportId(transport),
                ice,
            },
        )
    }

    fn set_srtp(
        &self,
        worker: u8,
        transport: u32,
        profile: &str,
        send_key: &[u8],
        receive_key: &[u8],
    ) -> PyResult<()> {
        let command = Command::SetSrtp {
            transport: TransportId(transport),
            profile: parameters::srtp_profile(profile, send_key, receive_key)?,
            send: send_key.to_vec(),
            receive: receive_key.to_vec(),
        };
        self.command(worker, command)
    }

    fn send_dtls(&self, worker: u8, transport: u32, datagram: &[u8]) -> PyResult<()> {
        let datagram = parameters::dtls(datagram)?;
        self.command(
            worker,
            Command::SendDtls {
                transport: TransportId(transport),
                datagram,
            },
        )
    }

    fn close_transport(&self, worker: u8, transport: u32) -> PyResult<()> {
        self.command(
            worker,
            Command::CloseTransport {
                transport: TransportId(transport),
            },
        )
    }

    fn add_track(
        &self,
        worker: u8,
        transport: u32,
        track: u32,
        parameters: RawTrackParameters,
    ) -> PyResult<()> {
        let command = Command::AddTrack {
            transport: TransportId(transport),
            track: TrackId(track),
            parameters: parameters.check()?,
        };
        self.command(worker, command)
    }

    fn remove_track(&self, worker: u8, track: u32) -> PyResult<()> {
        self.command(
            worker,
            Command::RemoveTrack {
                track: TrackId(track),
            },
        )
    }

    fn set_muted(&self, worker: u8, track: u32, muted: bool) -> PyResult<()> {
        let track = TrackId(track);
        self.command(worker, Command::MuteTrack { track, muted })
    }

    fn add_forward(
        &self,
        worker: u8,
        transport: u32,
        forward: u32,
        track: u32,
        track_worker: u8,
        parameters: RawForwardParameters,
    ) -> PyResult<()> {
        let command = Command::AddForward {
            transport: TransportId(transport),
            forward: ForwardId(forward),
            track: TrackId(track),
            track_worker: WorkerId(track_worker),
            parameters: parameters.check()?,
        };
        self.command(worker, command)
    }

    fn remove_forward(&self, worker: u8, forward: u32) -> PyResult<()> {
        self.command(
            worker,
            Command::RemoveForward {
                forward: ForwardId(forward),
            },
        )
    }

    fn set_layers(&self, worker: u8, forward: u32, spatial: i64, temporal: i64) -> PyResult<()> {
        let command = Command::SetLayers {
            forward: ForwardId(forward),
            spatial: parameters::layer("spatial", spatial)?,
            temporal: parameters::layer("temporal", temporal)?,
        };
        self.command(worker, command)
    }

    fn set_paused(&self, worker: u8, forward: u32, paused: bool) -> PyResult<()> {
        let forward = ForwardId(forward);
        let command = if paused {
            Command::PauseForward { forward }
        } else {
            Command::ResumeForward { forward }
        };
        self.command(worker, command)
    }

    fn close(&self, py: Python<'_>) {
        // Dropped outside the lock and without the interpreter's: joining waits for the workers.
        let pool = self.0.write().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(pool));
    }
}
