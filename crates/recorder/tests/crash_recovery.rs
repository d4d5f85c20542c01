//! Crashes while a log is being opened that a crash has left: whatever opening was doing, the next one leads to the same
//! result.

mod crash;

use std::path::{Path, PathBuf};

use crash::check::Expected;
use crash::log::{Kept, Lineage, Shape, file};
use crash::workload::{Workload, stores};
use flashstrike_crash_lab::{Crash, CrashState, Disk, PATIENCE, Promise, Seed, Thoroughness, explore};
use flashstrike_recorder::{Mode, Recorder};
use flashstrike_recovery::files::{File, FileSystem, OpenMode};
use flashstrike_segment::{BlockFields, BlockHeader, KIND_EVENTS, SegmentHeader, names, seal_block};

/// Before each opening that is crashed, so many crashes are chosen.
const OPENINGS: usize = 80;

#[test]
fn opening_may_be_crashed_anywhere() {
    let seed = Seed::of_this_run("opening_may_be_crashed_anywhere");
    let shapes = [
        Shape::SMALL,
        Shape { event_size: 0, segment_bytes: 16 << 10, block_bytes: 1024, ..Shape::SMALL },
        Shape { kept: Kept::FromFloor, ..Shape::SMALL },
        Shape { kept: Kept::AFew, ..Shape::SMALL },
    ];
    let (mut openings, mut states) = (0, 0);
    for round in 0.. {
        let mut rng = seed.rng(round);
        let workload = Workload::new(shapes[round as usize % shapes.len()]);
        for life in workload.lives(&mut rng, 2) {
            let (mut before, mut during) = (seed.rng(round + 1), seed.rng(round + 2));
            let first = Thoroughness { one_in: 48, ..Thoroughness::USUAL };
            let second = Thoroughness { one_in: 3, extremes: 1, random: 1, kill: true };
            let explored = explore(&life.history, first, &mut before, &mut |state| {
                let (after, opening) = life.expected.check(state)?;
                openings += 1;
                let explored =
                    explore(&opening, second, &mut during, &mut |state| after.check(state).map(drop));
                states += explored.map_err(|violation| format!("at the second crash: {violation}"))?;
                Ok(())
            });
            if let Err(violation) = explored {
                panic!("{violation}");
            }
        }
        if openings >= OPENINGS && round as usize + 1 >= shapes.len() {
            break;
        }
    }
    eprintln!("{openings} openings, {states} states");
}

/// A log that stands in a certain way, all of it on the device.
struct Image {
    disk: Disk,
    expected: Expected,
    /// The events 1 to this one are there, and are found by every opening.
    last: u64,
    /// Those that are only in memory are not found any more when the power has failed.
    in_blocks: u64,
    /// What opening cuts, and where in segment 1 it stands.
    cut: Option<(usize, Vec<u8>)>,
}

impl Image {
    /// Made by a recorder that appends as `work` says and is killed then; gives the last event that is to be found.
    fn new(shape: Shape, work: impl FnOnce(&Disk, &mut Recorder) -> u64) -> Self {
        let disk = Disk::default();
        let expected = Expected { shape, lineage: Lineage::default(), boot: 1, next_life: 1, log_id: None };
        let mut recorder = Recorder::open(&shape.options(&disk, 1)).unwrap();
        let last = work(&disk, &mut recorder);
        let left = disk.after_kill();
        drop(recorder);
        let mut image = Self { disk: left, expected, last, in_blocks: last, cut: None };
        image.expected.log_id = image.read(1).log_id;
        image.settle();
        image
    }

    /// Changed as `edit` says.
    fn edited(mut self, edit: impl FnOnce(&Disk)) -> Self {
        edit(&self.disk);
        self.settle();
        self
    }

    /// Found by a machine that was started again, with `last` as its last event.
    fn on_another_boot(mut self, last: u64) -> Self {
        self.expected.boot += 1;
        (self.last, self.in_blocks) = (last, last);
        self.settle();
        self
    }

    /// What stands in segment 1 from `offset` on will be cut, and has to be kept in the quarantine before.
    fn cut_at(mut self, offset: usize) -> Self {
        let mut bytes = bytes_of(&self.disk, &segment(1))[offset..].to_vec();
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        self.cut = Some((offset, bytes));
        self
    }

    /// What is cut is where it was, or in the quarantine.
    fn check_kept(&self, disk: &Disk) -> Result<(), String> {
        let Some((offset, cut)) = &self.cut else { return Ok(()) };
        let holds = |path: &Path, at: usize| {
            let bytes = disk.id(path).map(|_| bytes_of(disk, path)).unwrap_or_default();
            bytes.get(at..).is_some_and(|bytes| bytes.starts_with(cut))
        };
        let kept = disk.list(&file(names::QUARANTINE)).unwrap_or_default();
        let is_kept = kept.iter().any(|kept| holds(&file(names::QUARANTINE).join(&kept.name), 0));
        if is_kept || holds(&segment(1), *offset) {
            return Ok(());
        }
        Err(format!("{} bytes that were cut are nowhere", cut.len()))
    }

    fn settle(&mut self) {
        let exists = self.expected.log_id.is_some();
        let promise = Promise { exists, durable: self.in_blocks, appended: self.last, ..Promise::default() };
        self.disk = self.disk.settled(promise);
    }

    fn read(&self, boot: u8) -> crash::check::Found {
        let promise = Promise { exists: false, ..self.disk.promised() };
        self.expected.read(&self.disk, boot, promise, 0).unwrap()
    }

    /// Opens it, crashes at every step of that, in every way, and opens again.
    #[track_caller]
    fn expect_crashes_lose_nothing(self, test: &str) {
        let seed = Seed::of_this_run(test);
        let thorough = Thoroughness { extremes: 6, random: 3, kill: true, one_in: 1 };
        let found = self.read(self.expected.boot);
        assert_eq!(found.last, self.last, "{}", found.report);
        let promise = self.disk.promised();
        let state = CrashState { disk: self.disk.clone(), promise, crash: Crash::Kill, steps: 0 };
        let (after, opening) = self.expected.check(&state).unwrap_or_else(|what| panic!("{what}"));
        let mut check = |state: &CrashState| {
            self.check_kept(&state.disk)?;
            after.check(state)?;
            self.check_kept(&state.disk)
        };
        match explore(&opening, thorough, &mut seed.rng(0), &mut check) {
            Ok(states) => eprintln!("{test}: {states} states"),
            Err(violation) => panic!("{violation}"),
        }
    }
}

fn append(disk: &Disk, recorder: &mut Recorder, count: u64) {
    for _ in 0..count {
        let event = Shape::SMALL.event(recorder.last_event_id() + 1, 0);
        stores(disk, recorder, "append", |log| log.append(&event)).unwrap();
    }
}

fn flush(disk: &Disk, recorder: &mut Recorder) {
    stores(disk, recorder, "flush", Recorder::flush).unwrap();
}

fn rotate(disk: &Disk, recorder: &mut Recorder) {
    stores(disk, recorder, "rotate", Recorder::rotate).unwrap();
}

fn segment(index: u32) -> PathBuf {
    file(&names::hot_name(index))
}

fn open(disk: &Disk, path: &Path) -> std::sync::Arc<dyn File> {
    disk.open(path, OpenMode::ReadWrite).unwrap()
}

fn bytes_of(disk: &Disk, path: &Path) -> Vec<u8> {
    let file = open(disk, path);
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_at(&mut bytes, 0).unwrap();
    bytes
}

/// Waits until the segment is there for the next rotation, so that it is part of what is left.
fn wait_until_prepared(disk: &Disk, index: u32) {
    let start = std::time::Instant::now();
    while disk.id(&segment(index)).is_err() {
        assert!(start.elapsed() < PATIENCE, "segment {index} is not prepared");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Two segments, the second one with blocks of which nobody has asked the sync, and a prepared one behind.
fn two_segments() -> Image {
    Image::new(Shape::SMALL, |disk, recorder| {
        append(disk, recorder, 40);
        rotate(disk, recorder);
        append(disk, recorder, 60);
        flush(disk, recorder);
        wait_until_prepared(disk, 2);
        100
    })
}

/// Offset of the block that holds an event, in the second of two segments.
fn block_with(disk: &Disk, event_id: u64) -> usize {
    let bytes = bytes_of(disk, &segment(1));
    let is_it = |at: &usize| {
        BlockHeader::decode(&bytes[*at..]).is_ok_and(|block| {
            block.kind == KIND_EVENTS && (block.first_event_id..=block.last_event_id).contains(&event_id)
        })
    };
    (64..bytes.len()).step_by(64).find(is_it).expect("a block with this event")
}

#[test]
fn the_last_segment_is_active() {
    two_segments().expect_crashes_lose_nothing("the_last_segment_is_active");
}

#[test]
fn the_last_segment_is_sealed() {
    let image = Image::new(Shape::SMALL, |disk, recorder| {
        append(disk, recorder, 40);
        rotate(disk, recorder);
        recorder.close().unwrap();
        40
    });
    let image = image.edited(|disk| {
        for entry in disk.list(&file("")).unwrap() {
            let name = entry.name.to_str().unwrap();
            if name.ends_with(".wal") && name != "00000000.wal" {
                disk.remove_file(&file(name)).unwrap();
            }
        }
    });
    image.expect_crashes_lose_nothing("the_last_segment_is_sealed");
}

#[test]
fn segments_are_only_prepared() {
    let image = Image::new(Shape::SMALL, |disk, recorder| {
        wait_until_prepared(disk, 1);
        recorder.close().unwrap();
        0
    });
    let mut image = image.edited(|disk| {
        // Segment 0 as it was before its metadata block was published.
        open(disk, &segment(0)).write_all_at(&[0; 4032], 64).unwrap();
        for name in [names::WAL_META, names::WAL_STAGING] {
            disk.remove_file(&file(name)).unwrap();
        }
    });
    // Nothing says any more which log it was to be.
    image.expected.log_id = None;
    image.settle();
    image.expect_crashes_lose_nothing("segments_are_only_prepared");
}

#[test]
fn a_header_is_torn() {
    let image = two_segments().edited(|disk| {
        open(disk, &segment(1)).write_all_at(&[0xA5; 32], 8).unwrap();
    });
    image.expect_crashes_lose_nothing("a_header_is_torn");
}

#[test]
fn a_metadata_block_is_torn() {
    let image = two_segments().edited(|disk| {
        open(disk, &segment(1)).write_all_at(&[0xA5; 8], 64 + 64 + 16).unwrap();
    });
    image.on_another_boot(40).cut_at(0).expect_crashes_lose_nothing("a_metadata_block_is_torn");
}

#[test]
fn a_tail_is_torn() {
    let image = two_segments();
    let cut = block_with(&image.disk, 70);
    let kept = BlockHeader::decode(&bytes_of(&image.disk, &segment(1))[cut..]).unwrap().first_event_id - 1;
    let image = image.edited(|disk| {
        open(disk, &segment(1)).write_all_at(&[0xA5; 8], cut as u64 + 64 + 16).unwrap();
    });
    image.on_another_boot(kept).cut_at(cut).expect_crashes_lose_nothing("a_tail_is_torn");
}

#[test]
fn staging_has_events_that_no_block_has() {
    let mut written = 0;
    let mut image = Image::new(Shape::SMALL, |disk, recorder| {
        append(disk, recorder, 42);
        written = recorder.written_event_id();
        assert!(written < 42, "some are only staged");
        42
    });
    image.in_blocks = written;
    image.settle();
    image.expect_crashes_lose_nothing("staging_has_events_that_no_block_has");
}

#[test]
fn staging_is_of_another_boot() {
    let mut written = 0;
    let image = Image::new(Shape::SMALL, |disk, recorder| {
        append(disk, recorder, 42);
        written = recorder.written_event_id();
        42
    });
    image.on_another_boot(written).expect_crashes_lose_nothing("staging_is_of_another_boot");
}

#[test]
fn what_stands_behind_a_cut_is_zeroed_and_synced_before_anything_is_appended() {
    let image = two_segments();
    let cut = block_with(&image.disk, 70);
    let image = image.edited(|disk| {
        open(disk, &segment(1)).write_all_at(&[0xA5; 8], cut as u64 + 64 + 16).unwrap();
    });
    let image = image.on_another_boot(0);
    let left = bytes_of(&image.disk, &segment(1));
    assert!(left[cut..].iter().any(|byte| *byte != 0), "something is to be cut");
    let mut recorder =
        Recorder::open(&image.expected.shape.options(&image.disk, image.expected.boot)).unwrap();
    let durable = image.disk.durable_bytes(&segment(1)).expect("a durable name");
    assert_eq!(durable[64..cut], left[64..cut], "what verifies stays");
    assert!(durable[cut..].iter().all(|byte| *byte == 0), "the rest is zero, for certain");
    let history = image.disk.history();
    let lines: Vec<_> = history.lines().collect();
    let zeroed = lines.iter().position(|line| line.contains(&format!("at {cut} of 00000001.wal")));
    let zeroed = zeroed.expect("the tail is zeroed");
    let next = lines[zeroed..].iter().find(|line| line.contains("sync of")).unwrap();
    assert!(next.contains("sync of 00000001.wal"), "synced first, but: {next}");
    recorder.close().unwrap();
}

#[test]
fn a_prepared_segment_with_the_header_of_a_torn_block_in_it_is_not_appended_to() {
    // The power failed when a block of the segment had been stored, and one sector of it reached the device.
    let image = two_segments().edited(|disk| {
        let prepared = open(disk, &segment(2));
        let header = SegmentHeader::decode(&bytes_of(disk, &segment(2))).unwrap();
        let payload = [7; 320];
        let fields = BlockFields {
            first_event_id: 141,
            last_event_id: 150,
            written_ts_ns: header.created_ts_ns,
            block_index: 2,
            event_count: 10,
            undurable: 150,
            salt: header.salt,
            kind: KIND_EVENTS,
        };
        let (torn, _) = seal_block(&fields, &payload, 0);
        prepared.write_all_at(&torn, 1024).unwrap();
    });
    let image = image.on_another_boot(100);
    let options = image.expected.shape.options(&image.disk, image.expected.boot);
    Recorder::open(&options).unwrap().close().unwrap();
    // With the torn block still there, the log would never be clean again.
    let options = flashstrike_recorder::RecorderOptions { mode: Mode::Strict, ..options };
    Recorder::open(&options).unwrap().close().unwrap();
    image.expect_crashes_lose_nothing("a_prepared_segment_with_the_header_of_a_torn_block_in_it");
}

#[test]
fn removing_the_last_sealed_segment_leaves_it_known_where_the_log_ends() {
    let seed = Seed::of_this_run("removing_the_last_sealed_segment");
    let expected =
        Expected { shape: Shape::SMALL, lineage: Lineage::default(), boot: 1, next_life: 1, log_id: None };
    let disk = Disk::default();
    let mut recorder = Recorder::open(&Shape::SMALL.options(&disk, 1)).unwrap();
    append(&disk, &mut recorder, 20);
    rotate(&disk, &mut recorder);
    disk.promise("truncate", |promise| promise.removable_below = 21);
    recorder.truncate_before(21).unwrap();
    let start = std::time::Instant::now();
    while disk.id(&segment(0)).is_ok() {
        assert!(start.elapsed() < PATIENCE, "segment 0 is not removed");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    disk.promise("removed", |promise| promise.durable = 20);
    let history = disk.history();
    recorder.close().unwrap();
    let thorough = Thoroughness { extremes: 6, random: 3, kill: true, one_in: 1 };
    let again = Thoroughness { extremes: 6, random: 2, kill: false, one_in: 1 };
    let truncated = history.lines().position(|line| line.ends_with("truncate")).expect("it was called");
    let mut rng = seed.rng(1);
    let checked = explore(&history, thorough, &mut seed.rng(0), &mut |state| {
        let (after, opening) = expected.check(state)?;
        if state.crash == Crash::Kill && state.steps > truncated {
            // What the first process had not synced yet, the second one builds upon.
            let checked = explore(&opening, again, &mut rng, &mut |state| after.check(state).map(drop));
            checked.map_err(|violation| format!("at the second crash: {violation}"))?;
        }
        Ok(())
    });
    if let Err(violation) = checked {
        panic!("{violation}");
    }
}
