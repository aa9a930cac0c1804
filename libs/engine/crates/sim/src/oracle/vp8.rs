//! Continuity of VP8 picture ids and TL0PICIDX from one forwarded frame to the next (RFC 7741 §4.2).

use super::forward::Record;
use super::rule::Rule;
use crate::log::Log;

/// The ids of a VP8 payload descriptor as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ids {
    /// `PictureID`: 15 bits, however the publisher wrote it.
    pub picture: Option<u16>,
    /// TL0PICIDX.
    pub tl0: Option<u8>,
    /// TID.
    pub tid: Option<u8>,
}

/// Judges two packets of consecutive forwarded frames; `continuous` is the call's log where nothing interrupted the
/// forward between them.
pub fn judge(before: &Record, now: &Record, continuous: Option<&Log>, fault: &mut dyn FnMut(Rule, &str)) {
    if let (Some(old), Some(new)) = (before.ids.picture, now.ids.picture) {
        let step = new.wrapping_sub(old) & 0x7FFF;
        let (stream, last, next) = (now.tag.stream, before.tag.frame, now.tag.frame);
        let lost = continuous.map(|log| log.open_frames_between(stream, last, next));
        let most = lost.map_or(0x3FFF, |lost| lost + 1);
        if step == 0 || u64::from(step) > most {
            fault(Rule::PictureId, &format!("step {step}, at most {most}"));
        }
    }
    if before.ids.picture.is_some() != now.ids.picture.is_some() && before.tag.stream == now.tag.stream {
        fault(Rule::PictureId, "came or went");
    }
    if let (Some(old), Some(new)) = (before.ids.tl0, now.ids.tl0) {
        let step = new.wrapping_sub(old);
        let expected = now.tag.base.wrapping_sub(before.tag.base) as u8;
        let right = match continuous {
            Some(_) => step == expected,
            None => step < 128 && (now.tag.tid > 0 || step > 0),
        };
        if !right {
            fault(Rule::Tl0, &format!("step {step}, expected {expected}"));
        }
    }
}
