//! What time a forward's frames should have: the publisher's, shifted by a constant for as long as one stream is sent, and
//! joined where another takes over. Frames older than what was sent come close together until time has caught up.

use super::forward::Record;

/// Time runs this much more slowly in frames that come too late.
const SQUEEZE: u32 = 64;

/// Records of one stream with nothing of another between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Stream.
    pub stream: u16,
    /// Number of its first record.
    pub start: u64,
    first: Record,
    /// Timestamp of the record before the run.
    before: Option<u32>,
    /// What is added to the publisher's timestamps.
    pub offset: u32,
    /// The offset is certain: two frames agree on it.
    pub settled: bool,
}

impl Run {
    /// The timestamp a record of the run should have.
    pub fn expected(&self, record: &Record) -> u32 {
        let aligned = record.tag.timestamp.wrapping_add(self.offset);
        let since = record.tag.timestamp.wrapping_sub(self.first.tag.timestamp);
        match self.before {
            Some(before) if since < 1 << 31 => {
                let close = before.wrapping_add(1).wrapping_add(since / SQUEEZE);
                let ahead = close.wrapping_sub(aligned).cast_signed() > 0;
                if ahead { close } else { aligned }
            }
            _ => aligned,
        }
    }
}

/// Runs of everything sent, in order. `breaks` tells whether time may be set anew between two records of one stream.
pub fn runs<'a>(
    records: impl Iterator<Item = &'a Record>,
    breaks: impl Fn(&Record, &Record) -> bool,
) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut previous: Option<&Record> = None;
    for record in records {
        let offset = record.timestamp.wrapping_sub(record.tag.timestamp);
        match (runs.last_mut(), previous) {
            (Some(run), Some(before)) if run.stream == record.tag.stream && !breaks(before, record) => {
                let lower = run.offset.wrapping_sub(offset).cast_signed();
                if lower > 0 {
                    run.offset = offset;
                    run.settled = false;
                } else if lower == 0 && record.tag.frame != before.tag.frame {
                    run.settled = true;
                }
            }
            _ => runs.push(Run {
                stream: record.tag.stream,
                start: record.sequence,
                first: *record,
                before: previous.map(|before| before.timestamp),
                offset,
                settled: previous.is_none(),
            }),
        }
        previous = Some(record);
    }
    runs
}
