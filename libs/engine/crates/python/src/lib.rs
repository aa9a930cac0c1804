//! The Python module `rheon_engine._engine`: worker threads behind bounded queues.

mod errors;
mod parameters;
mod pool;
mod values;
mod wire;

use pyo3::prelude::*;

/// The native part of `rheon_engine`.
#[pymodule]
#[pyo3(name = "_engine")]
mod engine {
    #[pymodule_export]
    use crate::pool::WorkerPool;
    #[pymodule_export]
    use crate::wire::wire;
}
