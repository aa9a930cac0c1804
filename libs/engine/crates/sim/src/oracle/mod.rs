//! Judges every datagram that leaves the engine, before any network touches it.

mod forward;
#[cfg(test)]
mod ledger_tests;
mod nonce;
mod rule;
mod runs;
#[cfg(test)]
mod tests;
mod timeline;
mod transport;
mod transport_cc;
mod upstream;
mod vp8;

use std::collections::HashMap;
use std::net::SocketAddr;

pub use forward::{Boundary, BoundaryKind, Expected, Forward, RESENDS, Record};
pub use nonce::Nonces;
pub use rule::{Fault, Rule};
pub use runs::{LARGEST, SEGMENTS, segments};
pub use transport::TransportLedger;
pub use transport_cc::TransportCc;
pub use upstream::Upstream;
pub use vp8::Ids;

use crate::log::Log;
use crate::peer::Keys;

/// The oracle of one call: a ledger per transport, found by the peer's address.
#[derive(Default)]
pub struct Oracle {
    transports: HashMap<SocketAddr, TransportLedger>,
    faults: Vec<Fault>,
    /// Datagrams judged.
    pub datagrams: u64,
    /// Messages (runs) they came in.
    pub runs: u64,
}

impl Oracle {
    /// An oracle that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A peer connection was made, over which nothing may be asked for twice within `round_trip`.
    pub fn add_transport(&mut self, remote: SocketAddr, local: SocketAddr, keys: &Keys, round_trip: u64) {
        self.transports
            .insert(remote, TransportLedger::new(local, keys, round_trip));
    }

    /// The ledger of a peer connection.
    pub fn transport(&mut self, remote: SocketAddr) -> Option<&mut TransportLedger> {
        self.transports.get_mut(&remote)
    }

    /// Judges one run; returns its datagrams.
    pub fn run<'a>(
        &mut self,
        at: u64,
        local: SocketAddr,
        remote: SocketAddr,
        bytes: &'a [u8],
        segment: usize,
    ) -> Vec<&'a [u8]> {
        self.runs += 1;
        let datagrams = match segments(bytes, segment) {
            Ok(datagrams) => datagrams,
            Err(fault) => {
                self.faults.push(fault);
                return Vec::new();
            }
        };
        self.datagrams += datagrams.len() as u64;
        match self.transports.get_mut(&remote) {
            Some(ledger) => datagrams
                .iter()
                .for_each(|datagram| ledger.datagram(at, local, datagram)),
            None => self
                .faults
                .push(Fault::new(Rule::Destination, format!("nobody at {remote}"))),
        }
        datagrams
    }

    /// Every broken rule.
    pub fn judge(&self, log: &Log) -> Vec<Fault> {
        let ledgers = self.transports.values().flat_map(|ledger| ledger.judge(log));
        self.faults.iter().cloned().chain(ledgers).collect()
    }
}
