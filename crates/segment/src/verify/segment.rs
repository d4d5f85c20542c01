//! One segment of a log.

use std::cell::OnceCell;

use super::block::on_its_own;
use super::chain::{Chain, Link, Previous};
use super::scan::scan;
use super::view::View;
use super::{
    BlockRef, Following, LogVerifier, Note, Position, Reason, SegmentBytes, SegmentReport, SegmentStart,
};
use crate::block_header::{KIND_EVENTS, KIND_METADATA};
use crate::layout::SEGMENT_HEADER_SIZE;
use crate::names::{cold_name, hot_name};
use crate::{BlockHeader, Unsupported};

type Visit<'v> = &'v mut dyn FnMut(BlockRef<'_>);

/// Where the blocks of a segment end, and why.
enum End {
    /// Behind the last block, as the sealed header or the next segment says: nothing that follows can be a block.
    Told(usize),
    /// Where no block has been published: if any follows, there is a gap.
    Unpublished(usize),
    /// At a block that does not verify.
    Bad(usize, Reason),
    /// The metadata block is intact and continues another block than the last one.
    ContinuesAnother,
}

/// The segment under verification.
struct Current<'a> {
    index: u32,
    start: &'a SegmentStart,
    view: View<'a>,
}

impl LogVerifier {
    /// Verifies the next segment. `visit` gets every block of events that verifies in place, in order, up to the first
    /// damage of the log. Segments have to come in the order of their numbers, without those below `first_segment` of
    /// `wal.meta`.
    ///
    /// `visit` sees a block before the rest of its segment has been verified. Whoever must not use events of a segment
    /// that turns out damaged waits for the return. After an error there is no verdict: the log is of a version that this
    /// one cannot judge.
    pub fn segment(
        &mut self,
        segment: SegmentBytes<'_>,
        following: &mut dyn Following,
        visit: &mut dyn FnMut(BlockRef<'_>),
    ) -> Result<SegmentReport, Unsupported> {
        self.segment_diagnostic(segment, following, visit, &mut |_| {})
    }

    /// As [`LogVerifier::segment`]; `on_its_own` gets in addition every block of events that does not verify in place,
    /// or stands behind damage, but verifies on its own.
    pub fn segment_diagnostic(
        &mut self,
        segment: SegmentBytes<'_>,
        following: &mut dyn Following,
        in_place: &mut dyn FnMut(BlockRef<'_>),
        on_its_own: &mut dyn FnMut(BlockRef<'_>),
    ) -> Result<SegmentReport, Unsupported> {
        let SegmentBytes { index, bytes, cold } = segment;
        let is_cold = cold.is_some();
        let start = SegmentStart::read(bytes)?;
        let view = start.view(bytes, self.log.segment_size);
        let current = Current { index, start: &start, view };
        self.arrive_at(index);
        if let Some(gap) = self.unpublished.filter(|_| start.published) {
            self.damage(at(gap, SEGMENT_HEADER_SIZE), Reason::NoMetadataBlock);
        }
        if let Some(seal) = &start.sealed {
            self.prove(seal.last_event_id);
        }
        let mut report = self.report_start(&current, is_cold, bytes.len());
        let cold_damage = cold.and_then(|cold| cold.damage);
        let was_damaged = self.is_damaged();
        if let Some(text) = &cold_damage {
            self.judge_cold(index, bytes, text.clone());
        }
        if self.is_damaged() {
            self.look_behind(&current, SEGMENT_HEADER_SIZE, -1, &mut report, on_its_own);
        } else if start.published {
            self.walk(&current, following, &mut report, in_place, on_its_own)?;
        } else {
            self.without_metadata(&current, is_cold, following, &mut report, on_its_own);
        }
        if report.unpublished_remains {
            self.note(Note::UnpublishedRemains { segment: report.index, offset: report.end_offset });
        }
        // What is made of sealed segments only has nothing undurable in it.
        if is_cold && !report.sealed && self.is_bad_in(index) {
            self.lose_without_proof();
        }
        if let Some(cause) = cold_damage.filter(|_| !was_damaged && self.is_bad_in(index)) {
            self.blame_cold_file(cold_name(index), cause);
        }
        self.segments.push(report.clone());
        Ok(report)
    }

    fn report_start(&mut self, current: &Current<'_>, is_cold: bool, file_len: usize) -> SegmentReport {
        let Current { index, start, view } = current;
        let header = start.header.as_ref().filter(|header| header.segment_index == *index);
        let has_content = start.published || !view.is_zero_from(SEGMENT_HEADER_SIZE);
        if header.is_none() && has_content && !self.is_damaged() {
            self.note(Note::HeaderDamaged { segment: *index });
        }
        let wrong_length = !is_cold && file_len != view.len();
        if wrong_length {
            let (found, expected) = (file_len as u64, view.len() as u64);
            self.note(Note::WrongLength { segment: *index, found, expected });
        }
        SegmentReport {
            index: *index,
            is_cold,
            sealed: start.sealed.is_some(),
            header_damaged: header.is_none(),
            published: start.published,
            end_offset: SEGMENT_HEADER_SIZE as u64,
            wrong_length,
            segment_size: start.segment_size(),
            salt: start.salt,
            created_ts_ns: header.map(|header| header.created_ts_ns),
            ..SegmentReport::default()
        }
    }

    /// A cold segment that cannot be read whole is corruption. Damage behind its last block loses nothing.
    fn judge_cold(&mut self, segment: u32, content: &[u8], text: String) {
        let is_whole = is_whole(segment, content);
        if !is_whole {
            self.lose_without_proof();
        }
        self.note(Note::ColdDamage { segment, text, is_whole });
    }

    /// A segment whose metadata block has not been published: prepared, unless anything says that it had blocks.
    fn without_metadata(
        &mut self,
        current: &Current<'_>,
        is_cold: bool,
        following: &mut dyn Following,
        report: &mut SegmentReport,
        on_its_own: Visit<'_>,
    ) {
        let has_blocks = self.look_behind(current, SEGMENT_HEADER_SIZE, -1, report, on_its_own);
        if has_blocks || current.start.sealed.is_some() || is_cold || following.any_block() {
            self.damage(at(current.index, SEGMENT_HEADER_SIZE), Reason::NoMetadataBlock);
        } else {
            self.unpublished.get_or_insert(current.index);
            report.unpublished_remains = !current.view.is_zero_from(SEGMENT_HEADER_SIZE);
        }
    }

    /// Walks the blocks of a segment as far as they verify in place, then judges what is behind.
    fn walk(
        &mut self,
        current: &Current<'_>,
        following: &mut dyn Following,
        report: &mut SegmentReport,
        in_place: Visit<'_>,
        on_its_own: Visit<'_>,
    ) -> Result<(), Unsupported> {
        let mut chain = Chain::new(current.index, current.start, self.previous);
        let mut next = Next { following, start: OnceCell::new() };
        let end = self.walk_blocks(current, &mut chain, &mut next, report, in_place)?;
        report.blocks = chain.next_index;
        report.events = chain.events;
        report.events_on_their_own += chain.events;
        report.first_event_id = chain.first_event_id;
        report.first_written_ts_ns = chain.first_written_ts_ns;
        let last_index = i64::from(chain.next_index) - 1;
        match end {
            End::Told(end) => {
                if let Some(Err(reason)) = current.start.sealed.as_ref().map(|seal| chain.check_seal(seal)) {
                    self.damage(at(current.index, end), reason);
                    self.lose_without_proof();
                } else {
                    report.unpublished_remains = !current.view.is_zero_from(end);
                }
            }
            End::Unpublished(end) => {
                if self.look_behind(current, end, last_index, report, on_its_own) {
                    self.damage(at(current.index, end), Reason::BlocksBehindGap);
                } else {
                    report.unpublished_remains = !current.view.is_zero_from(end);
                }
            }
            End::Bad(place, reason) => {
                self.damage(at(current.index, place), reason);
                self.look_behind(current, place, last_index, report, on_its_own);
            }
            End::ContinuesAnother => {
                self.damage(self.end_or_beginning(), self.continues_another(current, report.is_cold));
                self.look_behind(current, SEGMENT_HEADER_SIZE, -1, report, on_its_own);
            }
        }
        Ok(())
    }

    fn walk_blocks(
        &mut self,
        current: &Current<'_>,
        chain: &mut Chain,
        next: &mut Next<'_>,
        report: &mut SegmentReport,
        in_place: Visit<'_>,
    ) -> Result<End, Unsupported> {
        let Current { index, start, view } = current;
        let mut place = SEGMENT_HEADER_SIZE;
        loop {
            if let Some(seal) = &start.sealed {
                if chain.next_index >= seal.block_count {
                    return Ok(End::Told(place));
                }
            } else if chain.next_index > 0 && next.continues(*index, chain.previous()) {
                return Ok(End::Told(place));
            } else if !view.is_published(place) {
                return Ok(End::Unpublished(place));
            }
            let (header, payload) = match on_its_own(view, place, start.setting(None)) {
                Ok(block) => block,
                Err(reason) => return Ok(End::Bad(place, reason)),
            };
            if chain.next_index == 0 && !self.is_continued(current) {
                return Ok(End::ContinuesAnother);
            }
            match chain.push(&header, &payload, place as u64, &self.log) {
                Ok(()) => {}
                Err(Reason::Unsupported(unsupported)) => return Err(unsupported),
                Err(reason) => return Ok(End::Bad(place, reason)),
            }
            self.accept(current, &header, chain, place);
            report.last_event_id = header.last_event_id;
            report.last_chain = header.chained_checksum;
            report.last_written_ts_ns = header.written_ts_ns;
            if header.kind == KIND_EVENTS {
                in_place(BlockRef {
                    segment: *index,
                    offset: place as u64,
                    header: header.clone(),
                    payload: &payload,
                });
            }
            place += header.block_len();
            report.end_offset = place as u64;
        }
    }

    /// Whether the metadata block, which verifies on its own and names this segment, continues the last block. One that
    /// names another segment is damage of its own.
    fn is_continued(&self, current: &Current<'_>) -> bool {
        match &current.start.metadata {
            Some((block, metadata)) if metadata.segment_index == current.index => {
                self.previous.is_continued_by(block, metadata)
            }
            _ => true,
        }
    }

    fn continues_another(&self, current: &Current<'_>, is_cold: bool) -> Reason {
        let file = if is_cold { cold_name(current.index) } else { hot_name(current.index) };
        current.start.metadata.as_ref().map_or(Reason::ContinuesAnotherBlock, |(_, metadata)| {
            Reason::continues_another(file, metadata, self.log_id())
        })
    }

    /// A block verifies in place.
    fn accept(&mut self, current: &Current<'_>, header: &BlockHeader, chain: &Chain, place: usize) {
        if let Some((_, metadata)) = current.start.metadata.as_ref().filter(|_| header.kind == KIND_METADATA)
        {
            self.learn(metadata);
        }
        if header.kind == KIND_EVENTS {
            if self.first_event_id == 0 {
                self.first_event_id = header.first_event_id;
            }
            self.events += u64::from(header.event_count);
        }
        if let Some(event_id) = header.proves_durable() {
            self.prove(event_id);
        }
        self.previous = chain.previous();
        self.next_block_index = chain.next_index;
        self.end = Some(at(current.index, place + header.block_len()));
    }

    /// Looks for blocks from `from` on; whether there are any. Those that verify on their own are evidence of what was
    /// durable if they stand behind the last good block: with ids above its, and, in its segment, a higher index.
    fn look_behind(
        &mut self,
        current: &Current<'_>,
        from: usize,
        last_index: i64,
        report: &mut SegmentReport,
        on_its_own: Visit<'_>,
    ) -> bool {
        let g = self.g();
        let mut found = false;
        scan(&current.view, from, current.start.setting(self.event_size()), &mut |place, header, payload| {
            found = true;
            let Some(payload) = payload else { return true };
            let is_metadata_at_g = header.kind == KIND_METADATA && header.first_event_id == g;
            let is_behind = i64::from(header.block_index) > last_index;
            let is_evidence = is_behind && (header.first_event_id > g || is_metadata_at_g);
            if let Some(event_id) = header.proves_durable().filter(|_| is_evidence) {
                self.prove(event_id);
            }
            if header.kind == KIND_EVENTS {
                report.events_on_their_own += u64::from(header.event_count);
                let (segment, offset) = (current.index, place as u64);
                on_its_own(BlockRef { segment, offset, header, payload: &payload });
            }
            true
        });
        found
    }
}

/// The beginning of the next segment, once it has been asked for.
struct Next<'f> {
    following: &'f mut dyn Following,
    start: OnceCell<Option<SegmentStart>>,
}

impl Next<'_> {
    /// Whether the segment behind segment `index` continues this block.
    fn continues(&mut self, index: u32, previous: Previous) -> bool {
        let start = self.start.get_or_init(|| self.following.next_start());
        start.as_ref().and_then(|start| start.metadata.as_ref()).is_some_and(|(block, metadata)| {
            u64::from(metadata.segment_index) == u64::from(index) + 1
                && previous.is_continued_by(block, metadata)
        })
    }
}

fn at(segment: u32, offset: usize) -> Position {
    Position { segment: Some(segment), offset: offset as u64 }
}

/// Whether a sealed segment's blocks all verify and agree with its header, looking at nothing but its own bytes. When
/// both forms of a segment are there, the hot one is read if this holds for it, else the cold one.
#[must_use]
pub fn is_whole(index: u32, bytes: &[u8]) -> bool {
    whole_link(index, bytes).is_some()
}

fn whole_link(index: u32, bytes: &[u8]) -> Option<Link> {
    let start = SegmentStart::read(bytes).ok()?;
    let view = start.view(bytes, None);
    let mut chain = Chain::new(index, &start, Previous::Unknown);
    let mut place = SEGMENT_HEADER_SIZE;
    let seal = start.sealed.as_ref()?;
    while chain.next_index < seal.block_count {
        let (header, payload) = on_its_own(&view, place, start.setting(None)).ok()?;
        chain.push(&header, &payload, place as u64, &super::expectation::LogExpectation::default()).ok()?;
        place += header.block_len();
    }
    chain.check_seal(seal).ok()?;
    chain.link()
}
