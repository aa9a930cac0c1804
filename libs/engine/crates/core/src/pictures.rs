//! What one forward sends of a track whose codec numbers frames: which temporal layers, and under which picture ids and
//! TL0PICIDX (VP8, VP9) or frame numbers (AV1).
//!
//! VP8 (RFC 7741): leaving out a frame closes the gap in picture ids, since receivers wait for a frame they think is
//! missing. A higher temporal layer is entered one at a time, at a frame that says it depends on the base layer only (Y),
//! or at a key frame. VP9 (RFC 9628): picture ids keep their distances, which references count in; higher layers are
//! entered behind a picture that allows it (U). AV1: frame numbers keep their distances, nothing is left out.

use crate::codec::Codec;
use crate::offset_map::OffsetMap;
use crate::packet::{FrameIds, MediaPacket};

/// What a packet is sent under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SentIds {
    /// Picture id of 15 bits, or frame number.
    pub(crate) picture: u16,
    pub(crate) tl0: u8,
}

#[derive(Debug)]
pub(crate) struct PictureRewriter {
    codec: Codec,
    pictures: OffsetMap,
    /// Next free picture id, unwrapped.
    next_picture: u64,
    /// Input minus output, modulo 256.
    tl0_offset: u8,
    last_tl0: u8,
    /// Highest temporal layer wished for, and the one now sent.
    limit: u8,
    current: u8,
    /// Highest temporal layer the publisher sent so far.
    highest: u8,
}

impl PictureRewriter {
    /// Picture ids and TL0PICIDX start as given.
    pub(crate) fn new(first_picture: u16, first_tl0: u8) -> Self {
        Self {
            codec: Codec::default(),
            pictures: OffsetMap::default(),
            next_picture: u64::from(first_picture) + 0x1_0000,
            tl0_offset: 0,
            last_tl0: first_tl0,
            limit: u8::MAX,
            current: u8::MAX,
            highest: 0,
        }
    }

    pub(crate) fn set_limit(&mut self, temporal: u8) {
        self.limit = temporal;
    }

    /// Highest temporal layer sent.
    pub(crate) fn current(&self) -> u8 {
        self.current.min(self.limit).min(self.highest)
    }

    /// A layer is left out by wish.
    pub(crate) fn limited(&self) -> bool {
        self.limit < self.highest
    }

    /// Sending starts, or goes on after a break, at this key frame.
    pub(crate) fn start(&mut self, codec: Codec, ids: &FrameIds) {
        self.codec = codec;
        if let Some(picture) = ids.picture_id {
            self.pictures.start(picture, self.next_picture);
        }
        if let Some(tl0) = ids.tl0_pic_idx {
            self.tl0_offset = tl0.wrapping_sub(self.last_tl0.wrapping_add(1));
        }
        self.current = self.limit;
    }

    /// What to send a packet under; `None`: its frame is left out.
    pub(crate) fn rewrite(&mut self, packet: &MediaPacket, ids: &FrameIds) -> Option<SentIds> {
        self.highest = self.highest.max(ids.tid.unwrap_or(0));
        let Some(picture) = ids.picture_id else {
            // Without picture ids a frame cannot be told from its neighbours: nothing is left out.
            return Some(SentIds {
                picture: 0,
                tl0: self.sent_tl0(ids),
            });
        };
        if self.pictures.newest().is_none_or(|newest| picture > newest) {
            self.layer(packet, ids);
            if ids.tid.is_some_and(|tid| tid > self.current) {
                if self.codec == Codec::Vp8 {
                    self.pictures.leave_out(picture);
                } else {
                    self.pictures.pass_over(picture);
                }
                return None;
            }
        }
        // Late, and its layer is no longer sent: what it refers to may be missing at the subscriber.
        let late = self.pictures.newest().is_some_and(|newest| picture < newest);
        if late && ids.tid.is_some_and(|tid| tid > self.current()) {
            return None;
        }
        let output = self.pictures.map(picture)?;
        self.next_picture = self.next_picture.max(output.saturating_add(1));
        let bits = if self.codec == Codec::Av1 { 0xffff } else { 0x7fff };
        Some(SentIds {
            picture: (output & bits) as u16,
            tl0: self.sent_tl0(ids),
        })
    }

    /// The TL0PICIDX a packet is sent under; the newest is where the next start goes on.
    fn sent_tl0(&mut self, ids: &FrameIds) -> u8 {
        let sent = ids.tl0_pic_idx.unwrap_or(0).wrapping_sub(self.tl0_offset);
        if ids.tl0_pic_idx.is_some() && sent.wrapping_sub(self.last_tl0) < 0x80 {
            self.last_tl0 = sent;
        }
        sent
    }

    /// A new frame: the layers sent may change.
    fn layer(&mut self, packet: &MediaPacket, ids: &FrameIds) {
        if self.limit < self.current || packet.key_frame {
            self.current = self.limit;
        } else if self.limit > self.current && ids.layer_sync {
            if self.codec == Codec::Vp9 && ids.tid.is_some_and(|tid| tid <= self.current) {
                self.current = self.limit;
            } else if self.codec == Codec::Vp8 && ids.tid == self.current.checked_add(1) {
                self.current = self.current.saturating_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One frame per call, pattern 0 2 1 2 with sync points every eight frames.
    fn frame(number: u64) -> (MediaPacket, FrameIds) {
        let tid = [0, 2, 1, 2][(number % 4) as usize];
        let ids = FrameIds {
            picture_id: Some(1000 + number),
            tl0_pic_idx: Some((number / 4) as u8),
            tid: Some(tid),
            layer_sync: tid > 0 && number % 8 < 4,
        };
        (
            MediaPacket {
                key_frame: number == 0,
                ids: Some(ids),
                ..MediaPacket::default()
            },
            ids,
        )
    }

    fn started() -> PictureRewriter {
        let mut rewriter = PictureRewriter::new(5, 200);
        rewriter.start(Codec::Vp8, &frame(0).1);
        rewriter
    }

    fn send(rewriter: &mut PictureRewriter, number: u64) -> Option<(u16, u8)> {
        let (packet, ids) = frame(number);
        rewriter
            .rewrite(&packet, &ids)
            .map(|sent| (sent.picture, sent.tl0))
    }

    #[test]
    fn everything_passes_with_shifted_ids() {
        let mut rewriter = started();
        assert_eq!(send(&mut rewriter, 0), Some((5, 201)));
        assert_eq!(send(&mut rewriter, 1), Some((6, 201)));
        assert_eq!(send(&mut rewriter, 4), Some((9, 202)));
        assert_eq!(send(&mut rewriter, 3), Some((8, 201)));
    }

    #[test]
    fn a_limit_leaves_frames_out_and_closes_the_ids() {
        let mut rewriter = started();
        rewriter.set_limit(0);
        let sent: Vec<_> = (0..16).filter_map(|number| send(&mut rewriter, number)).collect();
        assert_eq!(sent, [(5, 201), (6, 202), (7, 203), (8, 204)]);
    }

    #[test]
    fn a_late_frame_of_a_layer_no_longer_sent_stays_out() {
        let mut rewriter = started();
        assert!(send(&mut rewriter, 0).is_some());
        rewriter.set_limit(0);
        assert_eq!(send(&mut rewriter, 4), Some((9, 202)));
        assert_eq!((send(&mut rewriter, 3), send(&mut rewriter, 1)), (None, None));
    }

    #[test]
    fn a_raised_limit_takes_effect_at_sync_frames_one_layer_at_a_time() {
        let mut rewriter = started();
        rewriter.set_limit(0);
        let _ = (0..5).filter_map(|number| send(&mut rewriter, number)).count();
        rewriter.set_limit(2);
        let sent: Vec<u64> = (5..16)
            .filter(|number| send(&mut rewriter, *number).is_some())
            .collect();
        assert_eq!(sent, [8, 10, 11, 12, 13, 14, 15]);
    }

    #[test]
    fn every_packet_of_a_frame_shares_its_fate() {
        let mut rewriter = started();
        rewriter.set_limit(0);
        assert_eq!(send(&mut rewriter, 0), send(&mut rewriter, 0));
        assert_eq!(send(&mut rewriter, 1), None);
        rewriter.set_limit(2);
        assert_eq!(send(&mut rewriter, 1), None);
    }

    #[test]
    fn ids_go_on_after_a_break() {
        let mut rewriter = started();
        assert_eq!(send(&mut rewriter, 0), Some((5, 201)));
        rewriter.start(Codec::Vp8, &frame(100).1);
        assert_eq!(send(&mut rewriter, 100), Some((6, 202)));
    }

    #[test]
    fn vp9_keeps_distances_and_goes_up_behind_a_picture_that_allows_it() {
        let mut rewriter = PictureRewriter::new(5, 200);
        let ids = |number: u64| FrameIds {
            picture_id: Some(1000 + number),
            tl0_pic_idx: Some((number / 2) as u8),
            tid: Some((number % 2) as u8),
            layer_sync: number.is_multiple_of(8),
        };
        rewriter.start(Codec::Vp9, &ids(0));
        rewriter.set_limit(0);
        let packet = |number| MediaPacket {
            key_frame: number == 0,
            ..MediaPacket::default()
        };
        let mut send = |number| {
            if number == 4 {
                rewriter.set_limit(1);
            }
            rewriter
                .rewrite(&packet(number), &ids(number))
                .map(|sent| (sent.picture, sent.tl0))
        };
        let sent: Vec<_> = (0..11).map(&mut send).collect();
        assert_eq!(sent[..4], [Some((5, 201)), None, Some((7, 202)), None]);
        assert_eq!(sent[4..8], [Some((9, 203)), None, Some((11, 204)), None]);
        assert_eq!(sent[8..], [Some((13, 205)), Some((14, 205)), Some((15, 206))]);
    }

    #[test]
    fn av1_frame_numbers_take_sixteen_bits() {
        let mut rewriter = PictureRewriter::new(0xfffe, 0);
        let ids = |number| FrameIds {
            picture_id: Some(number),
            ..FrameIds::default()
        };
        rewriter.start(Codec::Av1, &ids(70_000));
        let packet = MediaPacket::default();
        let sent: Vec<_> = [70_000, 70_002]
            .into_iter()
            .filter_map(|number| rewriter.rewrite(&packet, &ids(number)))
            .map(|sent| sent.picture)
            .collect();
        assert_eq!(sent, [0xfffe, 0]);
    }

    #[test]
    fn tl0_goes_on_after_a_break_without_picture_ids() {
        let mut rewriter = PictureRewriter::new(5, 200);
        let ids = |tl0| FrameIds {
            tl0_pic_idx: Some(tl0),
            ..FrameIds::default()
        };
        let packet = MediaPacket::default();
        let sent =
            |rewriter: &mut PictureRewriter, tl0| rewriter.rewrite(&packet, &ids(tl0)).map(|sent| sent.tl0);
        rewriter.start(Codec::Vp8, &ids(7));
        assert_eq!(sent(&mut rewriter, 7), Some(201));
        assert_eq!(sent(&mut rewriter, 9), Some(203));
        rewriter.start(Codec::Vp8, &ids(90));
        assert_eq!(sent(&mut rewriter, 90), Some(204));
    }
}
