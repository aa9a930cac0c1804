//! The submodule `rheon_engine._engine.wire`: the wire formats as plain values, so that tests can hold them against
//! independent implementations. Nothing in the services uses it.

mod rtcp;
mod rtp;
mod srtp;
mod stun;

use std::fmt::Display;

use pyo3::PyErr;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Whatever the wire crate refuses is a `ValueError` here.
fn refused(error: impl Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Wire formats, for tests.
#[pymodule(submodule)]
pub mod wire {
    #[pymodule_export]
    use super::rtcp::{RtcpWriter, parse_rtcp};
    #[pymodule_export]
    use super::rtp::{build_rtp, normalise_vp8, parse_rtp, parse_vp8, patch_vp8};
    #[pymodule_export]
    use super::srtp::{SrtpReceiver, SrtpSender};
    #[pymodule_export]
    use super::stun::{
        build_binding_error, build_binding_request, build_binding_success, parse_binding_request,
        parse_binding_response,
    };
}
