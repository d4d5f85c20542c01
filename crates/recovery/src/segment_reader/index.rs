//! What is remembered of a segment that was verified as a whole: enough to read on from any place of it.
//!
//! An index holds a place every so many blocks, with all that the block behind it has to follow from. So the blocks
//! between two of its places verify in place without those before them, and nothing of them has to be believed: if they
//! lead from one place to the next, they are the very bytes that were verified.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use flashstrike_segment::cold::SeekTable;
use flashstrike_segment::{ChainPlace, ChainVerifier, SegmentHeader};

use super::Boundary;
use super::indexed::ColdBytes;
use crate::directory::{cold_path, hot_path};
use crate::error::Result;
use crate::files::FileId;
use crate::plan::{follows_the_one_before, is_contradicted};
use crate::segment_reader::ReadContext;
use crate::telemetry::ReadTelemetry;

/// Most bytes between two places, unless a single block has more. Reading and verifying so many takes some ten
/// microseconds.
const STRIDE: u64 = 128 << 10;
/// Most bytes of all indexes of a recovery: those of some 60 GiB in segments of the usual size.
pub(crate) const MOST_BYTES: usize = 16 << 20;

/// The file that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileMark {
    pub(super) id: FileId,
    pub(super) length: u64,
    pub(super) form: Form,
}

/// What a file has that another one in its place would hardly have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    Hot(SegmentHeader),
    Cold(SeekTable),
}

/// Places of a segment that was verified as a whole.
#[derive(Debug)]
pub(crate) struct SegmentIndex {
    pub(super) boundary: Boundary,
    pub(super) file: FileMark,
    /// Each begins a chunk; the last one is the end.
    pub(super) places: Vec<ChainPlace>,
    /// Verifies from any of the places on.
    pub(super) verifier: ChainVerifier,
    /// Whether it continues the segment before, once somebody has asked.
    pub(super) follows: OnceLock<bool>,
    /// Whether the segment behind does not contradict, once somebody has asked.
    pub(super) is_followed: OnceLock<bool>,
}

impl SegmentIndex {
    /// Whether it continues the segment before, as far as that says.
    ///
    /// # Errors
    /// `WAL_UNSUPPORTED`, `WAL_IO`.
    pub(crate) fn follows(&self, context: &ReadContext, telemetry: &ReadTelemetry) -> Result<bool> {
        if let Some(&follows) = self.follows.get() {
            return Ok(follows);
        }
        let follows = follows_the_one_before(context, &self.boundary, telemetry)?;
        Ok(*self.follows.get_or_init(|| follows))
    }

    /// Whether the segment behind does not contradict, as far as that says anything.
    ///
    /// # Errors
    /// `WAL_UNSUPPORTED`, `WAL_IO`.
    pub(crate) fn is_followed(&self, context: &ReadContext, telemetry: &ReadTelemetry) -> Result<bool> {
        if let Some(&is_followed) = self.is_followed.get() {
            return Ok(is_followed);
        }
        let is_followed = !is_contradicted(context, &self.boundary, telemetry)?;
        Ok(*self.is_followed.get_or_init(|| is_followed))
    }

    /// The number in the segment's name.
    pub(crate) fn segment(&self) -> u32 {
        self.boundary.index
    }

    /// Where the segment begins and ended when it was verified.
    pub(crate) fn boundary(&self) -> Boundary {
        self.boundary
    }

    /// Where the file lies that was verified.
    pub(crate) fn path(&self, directory: &Path) -> PathBuf {
        match self.file.form {
            Form::Hot(_) => hot_path(directory, self.segment()),
            Form::Cold(_) => cold_path(directory, self.segment()),
        }
    }

    /// The file that was verified.
    pub(crate) fn file_id(&self) -> FileId {
        self.file.id
    }

    pub(super) fn chunks(&self) -> usize {
        self.places.len() - 1
    }

    /// The first chunk whose end is not `before` what is sought; `chunks()` if there is none.
    pub(super) fn chunk_of(&self, is_before: impl Fn(&ChainPlace) -> bool) -> usize {
        self.places[1..].partition_point(is_before)
    }

    fn bytes(&self) -> usize {
        let frames = match &self.file.form {
            Form::Hot(_) => 0,
            Form::Cold(table) => size_of_val(table.frames()),
        };
        size_of::<Self>() + size_of::<Slot>() + size_of_val(self.places.as_slice()) + frames
    }
}

/// Gathers places while a segment is verified.
#[derive(Debug)]
pub(super) struct IndexBuilder {
    places: Vec<ChainPlace>,
    /// Behind the block seen last.
    end: Option<ChainPlace>,
    /// Where the frames of a compressed segment end, later ones first; a chunk lies in one frame, except for a block
    /// that lies in two.
    frames: Vec<u64>,
}

impl IndexBuilder {
    pub(super) fn of_hot() -> Self {
        Self { places: Vec::new(), end: None, frames: Vec::new() }
    }

    pub(super) fn of_cold(table: &SeekTable) -> Self {
        let end_of = |frame: &flashstrike_segment::cold::Frame| frame.content_range().end as u64;
        Self { frames: table.frames().iter().rev().map(end_of).collect(), ..Self::of_hot() }
    }

    /// One more block has been verified; `after` is the place behind it.
    pub(super) fn push(&mut self, after: ChainPlace) {
        if let Some(before) = self.end.replace(after)
            && self.begins_chunk(before.offset, after.offset)
        {
            self.places.push(before);
        }
    }

    fn begins_chunk(&mut self, begin: u64, end: u64) -> bool {
        let frames = self.frames.len();
        while self.frames.last().is_some_and(|&frame| frame <= begin) {
            self.frames.pop();
        }
        let is_in_two = self.frames.last().is_some_and(|&frame| frame < end);
        let is_full = self.places.last().is_none_or(|chunk| end - chunk.offset > STRIDE);
        is_full || is_in_two || self.frames.len() < frames
    }

    /// The index of a segment of which all blocks were seen; `None` if it holds none but the metadata block.
    /// `verifier` has verified any of them.
    pub(super) fn finish(
        mut self,
        boundary: Boundary,
        file: FileMark,
        mut verifier: ChainVerifier,
    ) -> Option<SegmentIndex> {
        let first = *self.places.first()?;
        self.places.extend(self.end);
        self.places.shrink_to_fit();
        verifier.go_to(&first);
        let (follows, is_followed) = (OnceLock::new(), OnceLock::new());
        Some(SegmentIndex { boundary, file, places: self.places, verifier, follows, is_followed })
    }
}

/// The indexes that one recovery remembers, those used last.
#[derive(Debug)]
pub(crate) struct SegmentIndexes {
    most_bytes: usize,
    kept: Mutex<Kept>,
    /// What a look for a time has decompressed, for the replay that follows.
    decompressed: Mutex<Option<Box<ColdBytes>>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By segment.
    slots: Vec<Slot>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Slot {
    index: Arc<SegmentIndex>,
    used: u64,
}

impl SegmentIndexes {
    pub(crate) fn new(most_bytes: usize) -> Arc<Self> {
        Arc::new(Self { most_bytes, kept: Mutex::default(), decompressed: Mutex::default() })
    }

    /// Remembers an index, and forgets the one that the segment had, and those that nobody has used for longest.
    pub(crate) fn remember(&self, index: SegmentIndex) {
        let mut kept = self.lock();
        kept.remove(index.segment());
        let bytes = index.bytes();
        if bytes > self.most_bytes {
            return;
        }
        while kept.bytes + bytes > self.most_bytes {
            kept.remove_oldest();
        }
        kept.bytes += bytes;
        kept.uses += 1;
        let at = kept.slots.partition_point(|slot| slot.index.segment() < index.segment());
        let used = kept.uses;
        kept.slots.insert(at, Slot { index: Arc::new(index), used });
    }

    /// The index of the segment that holds the first event with this id or above.
    pub(crate) fn of_event(&self, event_id: u64) -> Option<Arc<SegmentIndex>> {
        let kept = &mut *self.lock();
        let at = kept.slots.partition_point(|slot| slot.index.boundary.link.last_event_id < event_id);
        let begins_before = kept.slots.get(at)?.index.boundary.continues.1 < event_id;
        begins_before.then(|| kept.use_at(at))
    }

    /// The index of the segment that holds the first block written at this time or later. `first` is the log's first
    /// segment.
    pub(crate) fn of_time(&self, written_ts_ns: u64, first: u32) -> Option<Arc<SegmentIndex>> {
        let kept = &mut *self.lock();
        let at = kept.slots.partition_point(|slot| slot.index.boundary.link.written_ts_ns < written_ts_ns);
        let found = kept.slots.get(at)?.index.boundary;
        // Written times never go back, so nothing before a segment is as late if its first block, or the last one
        // before, is not. A segment that was the log's last may have gone on since it was verified.
        let is_behind = |slot: &Slot| {
            let link = slot.index.boundary.link;
            slot.index.segment() + 1 == found.index && (link.chain, link.last_event_id) == found.continues
        };
        let is_first_as_late = found.first_written_ts_ns < written_ts_ns
            || found.index == first
            || kept.slots[..at].last().is_some_and(is_behind);
        is_first_as_late.then(|| kept.use_at(at))
    }

    /// Forgets the index of a segment that is not what it was.
    pub(crate) fn forget(&self, segment: u32) {
        self.lock().remove(segment);
    }

    /// Keeps what was decompressed for whoever opens a compressed segment next.
    pub(super) fn keep_decompressed(&self, bytes: Box<ColdBytes>) {
        *self.decompressed.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
    }

    /// What was kept, which may be of another segment.
    pub(super) fn take_decompressed(&self) -> Option<Box<ColdBytes>> {
        self.decompressed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn use_at(&mut self, at: usize) -> Arc<SegmentIndex> {
        self.uses += 1;
        let slot = &mut self.slots[at];
        slot.used = self.uses;
        Arc::clone(&slot.index)
    }

    fn remove(&mut self, segment: u32) {
        if let Ok(at) = self.slots.binary_search_by_key(&segment, |slot| slot.index.segment()) {
            self.bytes -= self.slots.remove(at).index.bytes();
        }
    }

    fn remove_oldest(&mut self) {
        if let Some(oldest) = self.slots.iter().min_by_key(|slot| slot.used) {
            let segment = oldest.index.segment();
            self.remove(segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use flashstrike_segment::layout::round64;
    use flashstrike_segment::{BlockFields, KIND_METADATA, Link, Metadata, SegmentStart, seal_block};

    use super::*;

    fn verifier(segment_index: u32) -> ChainVerifier {
        let (salt, event_size) = (9, 8);
        let header = SegmentHeader { segment_index, created_ts_ns: 1, salt, event_size, sealed: None };
        let schema = "{}".to_owned();
        let (log_id, previous_chain, segment_size) = ([1; 16], 0, 4096);
        let metadata =
            Metadata { log_id, previous_chain, segment_index, segment_size, salt, event_size, schema };
        let payload = metadata.encode();
        let fields = BlockFields {
            first_event_id: 0,
            last_event_id: 0,
            written_ts_ns: 1,
            block_index: 0,
            event_count: 0,
            undurable: 0,
            salt,
            kind: KIND_METADATA,
        };
        let mut bytes = header.encode().to_vec();
        bytes.extend(seal_block(&fields, &payload, 0).0);
        bytes.extend(&payload);
        bytes.resize(64 + round64(bytes.len()), 0);
        ChainVerifier::new(segment_index, &SegmentStart::read(&bytes).unwrap(), None, None).unwrap()
    }

    /// Segment `segment` with the events from 100 times its number on, written 1 ns apart.
    fn index(segment: u32, places: u64) -> SegmentIndex {
        let first = u64::from(segment) * 100;
        let place = |at: u64| ChainPlace {
            offset: 256 + at,
            block_index: 1 + at as u32,
            link: Link { chain: at, last_event_id: first + at, written_ts_ns: first + at },
        };
        let boundary = Boundary {
            index: segment,
            continues: (0, first),
            first_written_ts_ns: first,
            link: place(places).link,
            end: 256 + places,
        };
        let header =
            SegmentHeader { segment_index: segment, created_ts_ns: 1, salt: 9, event_size: 8, sealed: None };
        let id = FileId { device: 1, inode: segment.into() };
        let file = FileMark { id, length: 4096, form: Form::Hot(header) };
        let places = (0..=places).map(place).collect();
        let (verifier, follows, is_followed) = (verifier(segment), OnceLock::new(), OnceLock::new());
        SegmentIndex { boundary, file, places, verifier, follows, is_followed }
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for_and_what_was_used_last_stays() {
        let each = index(0, 99).bytes();
        assert!(each > 99 * size_of::<ChainPlace>());
        let indexes = SegmentIndexes::new(10 * each);
        for segment in 0..1000 {
            indexes.remember(index(segment, 99));
            // Read on and on, so it is never the oldest.
            assert!(indexes.of_event(3).is_some(), "{segment}");
            let kept = indexes.lock();
            assert!(kept.bytes <= 10 * each && kept.slots.len() <= 10);
            assert_eq!(kept.bytes, kept.slots.iter().map(|slot| slot.index.bytes()).sum::<usize>());
        }
        assert!(indexes.of_event(99_950).is_some() && indexes.of_event(50_050).is_none());
        indexes.remember(index(0, 20));
        indexes.remember(index(0, 20));
        let of_first = |slot: &&Slot| slot.index.segment() == 0;
        assert_eq!(indexes.lock().slots.iter().filter(of_first).count(), 1);
        indexes.remember(index(7, 2000));
        assert!(indexes.of_event(750).is_none(), "larger than all the room");
        (0..1000).for_each(|segment| indexes.forget(segment));
        let kept = indexes.lock();
        assert_eq!((kept.bytes, kept.slots.len()), (0, 0));
    }

    #[test]
    fn a_chunk_is_neither_long_nor_in_two_frames() {
        let table = SeekTable::read(&flashstrike_segment::cold::compress(&vec![7; 3_000_000], 3).unwrap());
        let ends: Vec<u64> = [1 << 20, 2 << 20, 3_000_000].into();
        for step in [1000, 8128, 65_536, 100_000, 200_000, 1_500_000] {
            let mut builder = IndexBuilder::of_cold(table.as_ref().unwrap());
            let blocks: Vec<u64> = (0..3_000_000 / step).map(|at| 64 + at * step).collect();
            for (at, &offset) in blocks.iter().enumerate() {
                let link = Link::default();
                builder.push(ChainPlace { offset, block_index: at as u32, link });
            }
            let places: Vec<u64> = builder.places.iter().map(|place| place.offset).collect();
            assert_eq!(places.first(), blocks.first().filter(|_| blocks.len() > 1));
            let end = *blocks.last().unwrap();
            for (&begin, &end) in places.iter().zip(places[1..].iter().chain([&end])) {
                let is_one_block = end - begin == step;
                assert!(end - begin <= STRIDE || is_one_block);
                let is_in_two = ends.iter().any(|&frame| begin < frame && frame < end);
                assert!(!is_in_two || is_one_block, "{step}: {begin} to {end}");
            }
        }
    }
}
