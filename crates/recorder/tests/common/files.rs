//! What stands in the directory of a log, and where tests put one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flashstrike_crash_lab::{FaultFileSystem, PATIENCE, ReadBack, copy_log};
use flashstrike_segment::names::{SegmentFile, SegmentKind};
use tempfile::TempDir;

/// Reads the log back from its files: it has to be clean, with the events 1 … `last`, each once, as appended.
#[track_caller]
pub fn expect_log(directory: &Path, event_size: u16, last: u64) {
    let found = ReadBack::now(directory);
    found.expect_events_from_ids(event_size);
    assert_eq!(found.last_id(), last, "the last event");
}

/// The same for a log whose first events are not there any more: it holds `first` … `last`.
#[track_caller]
pub fn expect_log_from(directory: &Path, event_size: u16, first: u64, last: u64) {
    let found = ReadBack::now(directory);
    found.expect_events_from(first, event_size);
    assert_eq!((found.ids().first().copied(), found.last_id()), (Some(first), last));
}

/// The indexes of the segments that hold a block, uncompressed and compressed ones.
pub fn segments_of(directory: &Path) -> (Vec<u32>, Vec<u32>) {
    let (mut hot, mut cold) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let Some(segment) = entry.file_name().to_str().and_then(SegmentFile::parse) else { continue };
        match segment.kind {
            SegmentKind::Cold => cold.push(segment.index),
            // It may be removed at this moment.
            SegmentKind::Hot => {
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                if bytes.len() > 128 && bytes[120..128] != [0; 8] {
                    hot.push(segment.index);
                }
            }
        }
    }
    hot.sort_unstable();
    cold.sort_unstable();
    (hot, cold)
}

/// Waits until these segments are hot and these are cold, and all the others gone, and it stays so for a moment.
#[track_caller]
pub fn wait_for_segments(directory: &Path, hot: &[u32], cold: &[u32]) {
    let start = Instant::now();
    let mut since = None;
    loop {
        let found = segments_of(directory);
        if found == (hot.to_vec(), cold.to_vec()) {
            if since.get_or_insert_with(Instant::now).elapsed() > Duration::from_millis(50) {
                return;
            }
        } else {
            since = None;
        }
        assert!(start.elapsed() < PATIENCE, "hot and cold: {found:?}, not {hot:?} and {cold:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Everything in a log's directory but the lock file, which every opener touches.
pub fn contents(log: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut directories = vec![log.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if !path.ends_with("wal.lock") {
                let bytes = std::fs::read(&path).expect("a file");
                all.insert(path, bytes);
            }
        }
    }
    all
}

/// Where nothing but the speed of the disk is lost if the machine stops: for tests that sync very often and cut no
/// power. On the disk where there is little memory for files, as in many containers.
pub fn temporary_in_memory() -> TempDir {
    const ENOUGH: u64 = 1 << 30;
    let memory = Path::new("/dev/shm");
    #[cfg(unix)]
    let has_room = rustix::fs::statvfs(memory).is_ok_and(|about| about.f_bavail * about.f_frsize >= ENOUGH);
    #[cfg(not(unix))]
    let has_room = ENOUGH == 0;
    if has_room { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a temporary directory")
}

/// The log as a process leaves it that dies now; nothing more is done on `files` afterwards.
pub fn left_behind(files: &FaultFileSystem, log: &Path) -> TempDir {
    files.stop();
    let left = temporary_in_memory();
    copy_log(log, left.path()).expect("a copy");
    left
}
