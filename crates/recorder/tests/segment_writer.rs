//! The segment writer on its own: what each of its operations leaves on the disk.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::code;
use flashstrike_crash_lab::{ReadBack, events};
use flashstrike_recorder::{Code, LogContext, NewStaging, OpenedSegment, PreparedSegment, SegmentWriter};
use flashstrike_recovery::files::OsFileSystem;
use flashstrike_recovery::machine;
use flashstrike_segment::layout::{BLOCK_HEADER_SIZE, SEGMENT_HEADER_SIZE};
use flashstrike_segment::{Link, SegmentHeader, StagingHeader};
use flashstrike_telemetry::RecorderTelemetry;

/// The largest of the variable-length events fits.
const SEGMENT_BYTES: u32 = 64 << 10;
const AREA: u32 = 960;
const SIZES: [u16; 2] = [64, 0];

/// What the first block of a log continues.
const NOTHING: Link = Link { chain: 0, last_event_id: 0, written_ts_ns: 0 };

struct Log {
    directory: tempfile::TempDir,
    context: Arc<LogContext>,
}

impl Log {
    fn new(event_size: u16) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let context = Arc::new(LogContext {
            files: Arc::new(OsFileSystem),
            directory: directory.path().to_path_buf(),
            log_id: [7; 16],
            event_size,
            schema: if event_size == 0 { "{}".to_owned() } else { events::schema(event_size).to_json() },
            segment_bytes: SEGMENT_BYTES,
            file_mode: 0o600,
            small_syncs: false,
        });
        Self { directory, context }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn segment(&self, index: u32) -> PathBuf {
        self.path().join(format!("{index:08}.wal"))
    }

    /// A writer that goes on behind this block, its staging memory in place.
    fn writer(&self, link: Link) -> SegmentWriter {
        let header = StagingHeader {
            event_size: self.context.event_size,
            log_id: self.context.log_id,
            boot_id: machine::boot_id().unwrap().expect("a boot id"),
            area_len: AREA,
        };
        let new =
            NewStaging::create(&self.context.files, self.path(), &header, 0, 0o600).expect("staging memory");
        let staging = new.staging().clone();
        new.put_in_place(self.path(), link.last_event_id).expect("its name");
        let telemetry = RecorderTelemetry::new();
        SegmentWriter::new(Arc::clone(&self.context), staging, link, telemetry.segment_writer_updater())
    }

    /// A writer with segment 0 open, in which nothing was done yet.
    fn first(&self) -> SegmentWriter {
        let mut writer = self.writer(NOTHING);
        writer.open_new_segment(0).expect("a segment");
        writer
    }

    fn append(&self, writer: &mut SegmentWriter, count: u64) {
        for _ in 0..count {
            let event_id = writer.last_event_id() + 1;
            let event = events::event(event_id, self.context.event_size);
            assert_eq!(writer.append(&event).expect("an append"), event_id);
        }
    }

    fn header(&self, index: u32) -> SegmentHeader {
        SegmentHeader::decode(&std::fs::read(self.segment(index)).expect("a segment")).expect("a header")
    }

    /// The log is clean and holds the events 1 … `last`, as they were appended.
    #[track_caller]
    fn expect(&self, last: u64) {
        common::expect_log(self.path(), self.context.event_size, last);
    }
}

#[test]
fn a_new_segment_never_overwrites_one() {
    let log = Log::new(64);
    let mut first = log.first();
    log.append(&mut first, 20);
    drop(first);
    let before = std::fs::read(log.segment(0)).expect("the segment");
    let mut second = log.writer(NOTHING);
    assert_eq!(code(second.open_new_segment(0)), Code::Io);
    drop(second);
    assert!(std::fs::read(log.segment(0)).expect("the segment") == before, "it was changed");
}

#[test]
fn events_are_staged_then_published_and_the_ids_go_on() {
    for size in SIZES {
        let log = Log::new(size);
        let mut writer = log.first();
        writer.touch().expect("pages");
        log.append(&mut writer, 40);
        log.expect(40);
        writer.flush_partial();
        assert_eq!(writer.staged_count(), 0);
        assert_eq!(writer.link().last_event_id, 40);
        writer.flush(false).expect("a start");
        writer.flush(true).expect("a sync");
        log.expect(40);
    }
}

#[test]
fn a_full_segment_refuses_and_goes_on_in_the_next() {
    for size in SIZES {
        let log = Log::new(size);
        let mut writer = log.first();
        let refused = loop {
            let event_id = writer.last_event_id() + 1;
            if let Err(refused) = writer.append(&events::event(event_id, size)) {
                break refused;
            }
        };
        assert_eq!(refused.code(), Code::Backpressure);
        let last = writer.last_event_id();
        assert!(writer.close_segment(true).expect("a seal").is_none());
        assert_eq!(code(writer.append(&events::event(last + 1, size))), Code::Backpressure);
        assert_eq!(writer.last_event_id(), last);
        writer.open_new_segment(1).expect("a segment");
        log.append(&mut writer, 3);
        assert!(log.header(0).sealed.is_some(), "sealed");
        log.expect(last + 3);
    }
}

#[test]
fn an_event_that_no_segment_holds_is_refused_for_good() {
    let log = Log::new(0);
    let mut writer = log.first();
    log.append(&mut writer, 3);
    assert_eq!(code(writer.append(&vec![1; 2 * SEGMENT_BYTES as usize])), Code::EventTooLarge);
    log.append(&mut writer, 1);
    log.expect(4);
}

#[test]
fn a_segment_left_unsealed_claims_nothing() {
    let log = Log::new(64);
    let mut writer = log.first();
    log.append(&mut writer, 20);
    let left = writer.close_segment(false).expect("a close").expect("what sealing needs");
    assert!(left.holds_events());
    assert_eq!(log.header(0).sealed, None);
    log.expect(20);
}

#[test]
fn an_existing_segment_is_gone_on_in_behind_its_last_block() {
    for size in SIZES {
        let log = Log::new(size);
        let mut writer = log.first();
        log.append(&mut writer, 30);
        writer.flush_partial();
        let (link, position) = (writer.link(), writer.position().expect("an open segment"));
        drop(writer);

        let mut writer = log.writer(link);
        let OpenedSegment::Open(at) = writer.open_existing_segment(0).expect("a segment") else {
            panic!("the segment is not sealed");
        };
        assert_eq!((at.end as usize, at.event_count, at.first_event_id), (position.1, 30, 1));
        assert_eq!(writer.link(), link);
        log.append(&mut writer, 5);
        assert!(writer.close_segment(true).expect("a seal").is_none());
        drop(writer);
        log.expect(35);

        let mut writer = log.writer(link);
        assert!(matches!(writer.open_existing_segment(0).expect("a segment"), OpenedSegment::Sealed(_)));
        assert_eq!((writer.position(), writer.last_event_id()), (None, 35));
        writer.open_new_segment(1).expect("the next segment");
        log.append(&mut writer, 5);
        log.expect(40);
    }
}

#[test]
fn a_dropped_writer_publishes_what_is_staged_and_leaves_a_valid_segment() {
    for size in SIZES {
        let log = Log::new(size);
        let mut writer = log.first();
        log.append(&mut writer, 20);
        while writer.staged_count() == 0 {
            log.append(&mut writer, 1);
        }
        let last = writer.last_event_id();
        drop(writer);
        // All of it stands in the segment: nothing is left to be taken from the staging memory.
        std::fs::remove_file(log.path().join("wal.staging")).expect("staging memory");
        assert_eq!(log.header(0).sealed, None, "nobody has synced it");
        log.expect(last);
    }
}

#[test]
fn a_dropped_writer_removes_its_segment_only_if_no_block_is_in_it() {
    let log = Log::new(64);
    drop(log.first());
    assert!(!log.segment(0).exists(), "nothing was ever in it");

    let mut writer = log.first();
    writer.activate();
    drop(writer);
    assert!(log.segment(0).exists(), "it belongs to the log");
    assert_eq!(ReadBack::now(log.path()).last_id(), 0);
}

#[test]
fn a_dropped_writer_leaves_a_segment_that_another_has_prepared() {
    let log = Log::new(64);
    let prepared = PreparedSegment::create(&log.context, 0).expect("a segment");
    let mut writer = log.writer(NOTHING);
    writer.open_prepared_segment(prepared);
    drop(writer);
    let length = std::fs::metadata(log.segment(0)).expect("the segment").len();
    assert_eq!(length, u64::from(SEGMENT_BYTES));
}

#[test]
fn a_writer_that_dies_in_a_panic_writes_nothing_more() {
    let log = Log::new(64);
    let mut writer = log.first();
    log.append(&mut writer, 20);
    while writer.staged_count() == 0 {
        log.append(&mut writer, 1);
    }
    let last = writer.last_event_id();
    let (_, end) = writer.position().expect("an open segment");
    let died = std::thread::spawn(move || {
        let _writer = writer;
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    died.join().expect_err("a panic");
    let bytes = std::fs::read(log.segment(0)).expect("the segment");
    assert!(end > SEGMENT_HEADER_SIZE);
    assert_eq!(bytes[end..end + BLOCK_HEADER_SIZE], [0; BLOCK_HEADER_SIZE], "a block behind the last one");
    // What was staged still is.
    log.expect(last);
}
