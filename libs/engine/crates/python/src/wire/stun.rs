//! Binding requests and responses.

use std::net::{IpAddr, SocketAddr};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rheon_engine_wire::stun::{
    BindingRequest, BindingResponse, Check, IntegrityKey, Role, TRANSACTION_ID_LEN, write_binding_error,
    write_binding_request, write_binding_success,
};

use super::refused;

type TransactionId = [u8; TRANSACTION_ID_LEN];

/// Parse a check; "authenticated" says whether the password is right.
#[pyfunction]
pub fn parse_binding_request<'py>(
    py: Python<'py>,
    datagram: &[u8],
    password: &[u8],
) -> PyResult<Bound<'py, PyDict>> {
    let request = BindingRequest::parse(datagram).map_err(refused)?;
    let dict = PyDict::new(py);
    dict.set_item("transaction_id", PyBytes::new(py, &request.transaction_id))?;
    dict.set_item("local_ufrag", PyBytes::new(py, request.local_ufrag))?;
    dict.set_item("remote_ufrag", PyBytes::new(py, request.remote_ufrag))?;
    dict.set_item("use_candidate", request.use_candidate)?;
    dict.set_item("priority", request.priority)?;
    dict.set_item("controlling", request.controlling)?;
    dict.set_item("controlled", request.controlled)?;
    dict.set_item(
        "authenticated",
        request.authenticate(&IntegrityKey::new(password)),
    )?;
    Ok(dict)
}

/// Parse a response: (transaction id, mapped address or error code, authenticated).
#[pyfunction]
pub fn parse_binding_response<'py>(
    py: Python<'py>,
    datagram: &[u8],
    password: &[u8],
) -> PyResult<Bound<'py, PyDict>> {
    let response = BindingResponse::parse(datagram).map_err(refused)?;
    let dict = PyDict::new(py);
    dict.set_item("transaction_id", PyBytes::new(py, &response.transaction_id))?;
    dict.set_item(
        "address",
        response
            .outcome
            .ok()
            .map(|mapped| (mapped.ip().to_string(), mapped.port())),
    )?;
    dict.set_item("error", response.outcome.err())?;
    dict.set_item(
        "authenticated",
        response.authenticate(&IntegrityKey::new(password)),
    )?;
    Ok(dict)
}

/// Build a check of a controlling sender.
#[pyfunction]
#[pyo3(signature = (*, transaction_id, receiver_ufrag, sender_ufrag, priority, tie_breaker, use_candidate, password))]
pub fn build_binding_request(
    transaction_id: TransactionId,
    receiver_ufrag: &str,
    sender_ufrag: &str,
    priority: u32,
    tie_breaker: u64,
    use_candidate: bool,
    password: &[u8],
) -> Vec<u8> {
    let check = Check {
        transaction_id,
        receiver_ufrag,
        sender_ufrag,
        priority,
        role: Role::Controlling(tie_breaker),
        use_candidate,
        nomination: None,
    };
    let mut out = Vec::new();
    write_binding_request(&mut out, &check, &IntegrityKey::new(password));
    out
}

/// Build a success response.
#[pyfunction]
pub fn build_binding_success(
    transaction_id: TransactionId,
    address: &str,
    port: u16,
    password: &[u8],
) -> PyResult<Vec<u8>> {
    let ip: IpAddr = address.parse().map_err(refused)?;
    let mut out = Vec::new();
    write_binding_success(
        &mut out,
        &transaction_id,
        SocketAddr::new(ip, port),
        &IntegrityKey::new(password),
    );
    Ok(out)
}

/// Build an error response.
#[pyfunction]
pub fn build_binding_error(transaction_id: TransactionId, code: u16, password: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_binding_error(&mut out, &transaction_id, code, &IntegrityKey::new(password));
    out
}
