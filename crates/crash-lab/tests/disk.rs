//! What a disk in memory keeps when the power fails, and the states that the explorer makes of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;
use flashstrike_crash_lab::{Crash, Disk, Thoroughness, explore};
use flashstrike_recovery::files::{File, FileSystem, OpenMode, read_to_end};

const FILE: &str = "/file";
const THOROUGH: Thoroughness = Thoroughness { extremes: 6, random: 40, kill: true, one_in: 1 };

fn create(disk: &Disk, path: &str) -> Arc<dyn File> {
    disk.open(Path::new(path), OpenMode::CreateNew(0o600)).unwrap()
}

fn durable(disk: &Disk, path: &str) -> Option<Vec<u8>> {
    disk.durable_bytes(Path::new(path))
}

fn contents(disk: &Disk, path: &str) -> Option<Vec<u8>> {
    let file = disk.open(Path::new(path), OpenMode::Read).ok()?;
    Some(read_to_end(&*file, 1 << 20).unwrap())
}

/// What a file may hold after the power has failed at any moment.
fn after_power_cuts(disk: &Disk, path: &str) -> BTreeSet<Option<Vec<u8>>> {
    let mut found = BTreeSet::new();
    let mut look = |state: &flashstrike_crash_lab::CrashState| {
        if state.crash == Crash::PowerCut {
            found.insert(contents(&state.disk, path));
        }
        Ok(())
    };
    explore(&disk.history(), THOROUGH, &mut Rng::with_seed(7), &mut look).unwrap();
    found
}

#[test]
fn a_file_is_certain_with_its_own_sync_and_that_of_its_directory() {
    let disk = Disk::default();
    let file = create(&disk, FILE);
    file.write_all_at(b"abc", 0).unwrap();
    assert_eq!(durable(&disk, FILE), None);
    disk.sync_directory(Path::new("/")).unwrap();
    assert_eq!(durable(&disk, FILE), Some(Vec::new()), "a name is certain, the contents are not");
    file.sync_data().unwrap();
    assert_eq!(durable(&disk, FILE), Some(b"abc".to_vec()));
    file.write_all_at(b"xyz", 0).unwrap();
    assert_eq!(durable(&disk, FILE), Some(b"abc".to_vec()));
    assert_eq!(contents(&disk.after_kill(), FILE), Some(b"xyz".to_vec()), "a killed process loses nothing");
}

#[test]
fn stores_to_mapped_memory_are_certain_with_the_next_sync() {
    let disk = Disk::default();
    let file = create(&disk, FILE);
    file.allocate(0, 4096).unwrap();
    disk.sync_directory(Path::new("/")).unwrap();
    let mapping = file.map(4096).unwrap();
    disk.stores("store", || mapping.write(10, b"abc"), |(), _| ());
    let is_there = |bytes: Option<Vec<u8>>| bytes.is_some_and(|bytes| bytes.get(10..13) == Some(b"abc"));
    assert!(!is_there(durable(&disk, FILE)));
    assert!(is_there(contents(&disk, FILE)));
    file.sync_data().unwrap();
    assert!(is_there(durable(&disk, FILE)));
}

#[test]
fn a_page_is_torn_between_sectors_and_never_within_one() {
    let disk = Disk::default();
    let file = create(&disk, FILE);
    file.write_all_at(&[1; 1024], 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_directory(Path::new("/")).unwrap();
    let disk = disk.settled(disk.promised());
    let file = disk.open(Path::new(FILE), OpenMode::ReadWrite).unwrap();
    file.write_all_at(&[2; 1024], 0).unwrap();
    let of = |first: u8, second: u8| Some([[first; 512], [second; 512]].concat());
    assert_eq!(after_power_cuts(&disk, FILE), BTreeSet::from([of(1, 1), of(1, 2), of(2, 1), of(2, 2)]));
}

#[test]
fn a_rename_occurs_wholly_or_not_at_all_until_its_directory_is_synced() {
    let disk = Disk::default();
    for (path, bytes) in [(FILE, b"old"), ("/new", b"new")] {
        let file = create(&disk, path);
        file.write_all_at(bytes, 0).unwrap();
        file.sync_data().unwrap();
    }
    let disk = disk.settled(disk.promised());
    disk.rename(Path::new("/new"), Path::new(FILE), true).unwrap();
    let (old, new) = (Some(b"old".to_vec()), Some(b"new".to_vec()));
    assert_eq!(after_power_cuts(&disk, FILE), BTreeSet::from([old, new.clone()]));
    assert_eq!(after_power_cuts(&disk, "/new"), BTreeSet::from([None, new.clone()]));
    disk.sync_directory(Path::new("/")).unwrap();
    assert_eq!(durable(&disk, FILE), new);
    assert_eq!(durable(&disk, "/new"), None);
}

#[test]
fn a_lie_about_a_sync_is_believed_and_makes_nothing_certain() {
    let disk = Disk::default();
    disk.lie_about(|name| name == "file");
    let file = create(&disk, FILE);
    disk.sync_directory(Path::new("/")).unwrap();
    file.write_all_at(b"abc", 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(durable(&disk, FILE), Some(Vec::new()));
}

#[test]
#[should_panic(expected = "nothing but stores")]
fn what_is_to_be_stores_only_may_not_work_on_files() {
    let disk = Disk::default();
    let file = create(&disk, FILE);
    disk.stores("write", || file.write_all_at(b"abc", 0), |_, _| ()).unwrap();
}
