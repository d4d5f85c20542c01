//! The indexes that a recovery remembers: as many as there is room for, those used last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::index::SegmentIndex;
use super::indexed::ColdBytes;

/// Most bytes of all indexes of a recovery: those of some 60 GiB in segments of the usual size.
pub(crate) const MOST_BYTES: usize = 16 << 20;

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
        let bytes = bytes_of(&index);
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
        let begins_before = kept.slots.get(at)?.index.boundary.continues.last_event_id < event_id;
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
            slot.index.segment() + 1 == found.index && found.continues == slot.index.boundary.link.into()
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
            self.bytes -= bytes_of(&self.slots.remove(at).index);
        }
    }

    fn remove_oldest(&mut self) {
        if let Some(oldest) = self.slots.iter().min_by_key(|slot| slot.used) {
            let segment = oldest.index.segment();
            self.remove(segment);
        }
    }
}

/// Memory that an index takes with its slot.
fn bytes_of(index: &SegmentIndex) -> usize {
    size_of::<Slot>() + index.bytes()
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use flashstrike_segment::layout::round64;
    use flashstrike_segment::{
        BlockFields, ChainPlace, ChainVerifier, KIND_METADATA, Link, Metadata, SegmentHeader, SegmentStart,
        seal_block,
    };

    use super::super::index::{FileMark, Form};
    use super::*;
    use crate::files::FileId;
    use crate::segment_reader::{Boundary, PreviousBlock};

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
            continues: PreviousBlock { chain: 0, last_event_id: first },
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
        let each = bytes_of(&index(0, 99));
        assert!(each > 99 * size_of::<ChainPlace>());
        let indexes = SegmentIndexes::new(10 * each);
        for segment in 0..1000 {
            indexes.remember(index(segment, 99));
            // Read on and on, so it is never the oldest.
            assert!(indexes.of_event(3).is_some(), "{segment}");
            let kept = indexes.lock();
            assert!(kept.bytes <= 10 * each && kept.slots.len() <= 10);
            assert_eq!(kept.bytes, kept.slots.iter().map(|slot| bytes_of(&slot.index)).sum::<usize>());
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
}
