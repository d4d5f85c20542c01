//! What the tests of this crate share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it as its own module")]

pub mod failing;
pub mod fault;
pub mod interleaving;
pub mod staging;
pub mod writer;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flashstrike_recovery::files::{FileSystem, OsFileSystem};
use flashstrike_recovery::machine::parse_uuid;
use serde_json::Value;
use tempfile::TempDir;

/// One golden log: a copy of it, and what is expected of it.
pub struct Vector {
    pub name: String,
    pub expected: Value,
    pub boot_id: [u8; 16],
    directory: TempDir,
}

impl Vector {
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn text(&self, key: &str) -> &str {
        self.expected[key].as_str().unwrap_or_else(|| panic!("{}: no {key}", self.name))
    }

    pub fn number(&self, key: &str) -> u64 {
        self.expected[key].as_u64().unwrap_or_else(|| panic!("{}: no {key}", self.name))
    }

    /// Segment (`None`: staging) and offset of the first bad position.
    pub fn bad(&self) -> Option<(Option<u32>, u64)> {
        let bad = self.expected["bad"].as_object()?;
        Some((bad["segment"].as_u64().map(|index| index as u32), bad["offset"].as_u64().expect("an offset")))
    }
}

/// Fresh copies of all golden logs; none, and loudly so, where they are not there.
pub fn vectors() -> Vec<Vector> {
    let Some(root) = vectors_directory() else { return Vec::new() };
    expectations(&root).into_iter().map(|(name, expected)| copy_of(&root, name, expected)).collect()
}

/// A fresh copy of one golden log.
pub fn vector(name: &str) -> Option<Vector> {
    let root = vectors_directory()?;
    let expected = expectations(&root).remove(name).unwrap_or_else(|| panic!("no golden log {name}"));
    Some(copy_of(&root, name.to_owned(), expected))
}

fn expectations(root: &Path) -> BTreeMap<String, Value> {
    let text = fs::read_to_string(root.join("expected.json")).expect("expected.json");
    let all: BTreeMap<String, Value> = serde_json::from_str(&text).expect("JSON");
    assert!(all.len() >= 50, "only {} golden logs", all.len());
    all
}

fn vectors_directory() -> Option<PathBuf> {
    let root = std::env::var_os("FLASHSTRIKE_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"), PathBuf::from);
    if root.join("expected.json").exists() {
        return Some(root);
    }
    eprintln!("SKIPPED: no golden logs in {}; set FLASHSTRIKE_VECTORS", root.display());
    None
}

fn copy_of(root: &Path, name: String, expected: Value) -> Vector {
    let directory = temporary_directory();
    copy_tree(&root.join(&name), directory.path());
    let boot_id = parse_uuid(expected["boot_id"].as_str().expect("a boot id")).expect("a UUID");
    Vector { name, expected, boot_id, directory }
}

/// A directory in memory where there is enough for files: thousands of repairs sync a lot, and what a sync does to a disk
/// is not what these tests are about.
pub fn temporary_directory() -> TempDir {
    const ENOUGH: u64 = 1 << 30;
    let memory = Path::new("/dev/shm");
    #[cfg(unix)]
    let has_room = rustix::fs::statvfs(memory).is_ok_and(|about| about.f_bavail * about.f_frsize >= ENOUGH);
    #[cfg(not(unix))]
    let has_room = ENOUGH == 0;
    let made = if has_room { TempDir::new_in(memory) } else { TempDir::new() };
    made.expect("a temporary directory")
}

pub fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            fs::create_dir_all(&target).expect("a directory");
            copy_tree(&entry.path(), &target);
        } else {
            // Not `fs::copy`: the originals are read-only.
            fs::write(&target, fs::read(entry.path()).expect("readable")).expect("writable");
        }
    }
}

/// Every file below a directory with its contents.
pub fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    collect(directory, directory, &mut all);
    all
}

fn collect(root: &Path, directory: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, all);
        } else {
            let name = path.strip_prefix(root).expect("below the root").to_path_buf();
            all.insert(name, fs::read(&path).expect("readable"));
        }
    }
}

pub fn os_files() -> Arc<dyn FileSystem> {
    Arc::new(OsFileSystem)
}

/// Longer than any test takes, also on a machine that is ten times slower and busy; one that takes so long hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// Ends the test process when a test hangs, since a hang is what several of them are about.
pub struct Watchdog(Option<std::sync::mpsc::Sender<()>>);

impl Watchdog {
    pub fn new(what: &'static str) -> Self {
        let (alive, ended) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            if let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(PATIENCE) {
                eprintln!("HANG: {what} did not end within {PATIENCE:?}");
                std::process::abort();
            }
        });
        Self(Some(alive))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}
