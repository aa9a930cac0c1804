//! Rust errors as the exceptions of `rheon_engine.errors`.

use pyo3::PyErr;
use rheon_engine_io::Refused;

mod imported {
    pyo3::import_exception!(rheon_engine.errors, EngineBusy);
    pyo3::import_exception!(rheon_engine.errors, EngineClosed);
    pyo3::import_exception!(rheon_engine.errors, EngineStartError);
    pyo3::import_exception!(rheon_engine.errors, InvalidParameters);
}

pub use imported::{EngineClosed, EngineStartError, InvalidParameters};

/// A command that was not taken.
pub fn refused(refused: Refused) -> PyErr {
    match refused {
        Refused::Busy => imported::EngineBusy::new_err("the worker's command queue is full"),
        Refused::Closed => closed(),
    }
}

/// A call after `close`.
pub fn closed() -> PyErr {
    EngineClosed::new_err("the engine is closed")
}

/// A value that cannot be worked with.
pub fn invalid(message: impl Into<String>) -> PyErr {
    InvalidParameters::new_err(message.into())
}
