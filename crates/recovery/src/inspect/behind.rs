//! What stands behind the segment that is being verified.

use flashstrike_segment::verify::any_block;
use flashstrike_segment::{Following, SegmentStart};

use super::body::Scratch;
use super::scout::Scout;
use super::verify::Known;
use crate::error::{Code, Error};

/// The segments behind the one being verified, read when the verifier asks.
pub(super) struct Behind<'a> {
    pub(super) known: &'a Known<'a>,
    pub(super) scout: &'a Scout<'a>,
    pub(super) rest: &'a [u32],
    pub(super) error: Option<Error>,
}

impl Behind<'_> {
    fn start_of(&mut self, index: u32) -> Option<SegmentStart> {
        if let Some(start) = self.known.starts.get(&index) {
            return Some(start.clone());
        }
        match self.known.source.start(index, None) {
            Ok(start) => start,
            // An unsupported version is found when the segment's turn comes.
            Err(error) if error.code() == Code::Unsupported => None,
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    fn has_blocks(&mut self, index: u32, scratch: &mut Scratch) -> bool {
        let Some(start) = self.start_of(index) else { return false };
        if start.published {
            return true;
        }
        if self.known.prepared.contains(&index) {
            match self.scout.blank(index) {
                Ok(Some(_)) => return false,
                Ok(None) => {}
                Err(error) => {
                    self.error = Some(error);
                    return false;
                }
            }
        }
        match self.known.source.body(index, scratch, None) {
            Ok(body) => body.is_some_and(|body| any_block(&start, scratch.bytes(&body))),
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
    }
}

impl Following for Behind<'_> {
    fn next_start(&mut self) -> Option<SegmentStart> {
        let next = *self.rest.first()?;
        self.start_of(next)
    }

    fn any_block(&mut self) -> bool {
        let mut scratch = Scratch::default();
        let rest = self.rest;
        rest.iter().any(|&index| self.has_blocks(index, &mut scratch))
    }
}
