//! Transport-wide sequence numbers are dense in the order packets leave a transport.

use super::rule::{Fault, Rule};

/// The last number of one transport.
#[derive(Debug, Default)]
pub struct TransportCc {
    last: Option<u16>,
}

impl TransportCc {
    /// Records the number of a packet that left.
    pub fn sent(&mut self, number: u16) -> Option<Fault> {
        let expected = self.last.map(|last| last.wrapping_add(1));
        self.last = Some(number);
        let right = expected.is_none_or(|expected| expected == number);
        (!right).then(|| Fault::new(Rule::TransportCc, format!("{number} instead of {expected:?}")))
    }
}
