//! A log's directory as it is on the disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::common::temporary_in_memory;
use crate::memory::MemoryLog;

/// Everything below a directory, directories included, but the lock file, which every opener touches.
pub type Snapshot = BTreeMap<PathBuf, Option<Vec<u8>>>;

pub fn snapshot(directory: &Path) -> Snapshot {
    let mut all = Snapshot::new();
    collect(directory, directory, &mut all);
    all
}

fn collect(root: &Path, directory: &Path, all: &mut Snapshot) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.strip_prefix(root).expect("below it").to_path_buf();
        if path.is_dir() {
            all.insert(name, None);
            collect(root, &path, all);
        } else if name != Path::new("wal.lock") {
            all.insert(name, Some(fs::read(&path).expect("a file")));
        }
    }
}

/// The log alone, without what was cut from it.
pub fn log_of(snapshot: &Snapshot) -> Snapshot {
    let mut log = snapshot.clone();
    log.retain(|path, _| !path.starts_with("quarantine"));
    log
}

/// What was cut: the file it was cut from, where it began, and the bytes.
pub fn quarantined(snapshot: &Snapshot) -> Vec<(String, usize, &[u8])> {
    let mut all = Vec::new();
    for (path, bytes) in snapshot {
        let (Ok(name), Some(bytes)) = (path.strip_prefix("quarantine"), bytes) else { continue };
        let name = name.to_str().expect("plain names");
        if let Some(stem) = name.strip_suffix(".bin") {
            let mut parts = stem.rsplitn(3, '.').skip(1);
            let offset = parts.next().and_then(|offset| offset.parse().ok()).expect("NAME.OFFSET.TIME");
            all.push((parts.next().expect("NAME.OFFSET.TIME").to_owned(), offset, &bytes[..]));
            let json = path.with_extension("json");
            let text = snapshot.get(&json).and_then(Option::as_ref).expect("a description of what was kept");
            let told: serde_json::Value = serde_json::from_slice(text).expect("JSON");
            assert_eq!(told["bytes"].as_u64(), Some(bytes.len() as u64), "{told}");
            let restore = told["restore"].as_str().expect("how to put it back");
            assert!(restore.contains(name), "{restore}");
        }
    }
    all
}

/// A new directory with this log in it.
pub fn written(log: &MemoryLog) -> TempDir {
    let directory = temporary_in_memory();
    log.write(directory.path());
    directory
}
