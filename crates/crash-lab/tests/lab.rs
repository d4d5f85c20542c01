//! The lab itself does what its users rely on.
#![cfg(target_os = "linux")]

use std::io;

use flashstrike_crash_lab::Errno;
use flashstrike_crash_lab::{
    AckPage, Child, CountingAllocator, FaultFileSystem, Kind, PATIENCE, Rule, Seed, SmallDisk,
    allocations_of_this_thread, events, given, is_child,
};
use flashstrike_recovery::files::{FileSystem, OpenMode};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn errno(outcome: io::Result<impl Sized>) -> Option<i32> {
    outcome.err().and_then(|error| error.raw_os_error())
}

#[test]
fn a_rule_strikes_where_its_conditions_hold_and_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::with(Rule::fail(Errno::IO).kind(Kind::Write).named("b").skip(1).times(1));
    let [a, b] =
        ["a", "b"].map(|name| files.open(&directory.path().join(name), OpenMode::CreateNew(0o600)).unwrap());
    a.write_all_at(b"1", 0).unwrap();
    a.write_all_at(b"2", 0).unwrap();
    b.write_all_at(b"1", 0).unwrap();
    assert_eq!(errno(b.write_all_at(b"2", 0)), Some(5));
    b.write_all_at(b"3", 0).unwrap();
    assert_eq!(std::fs::read(directory.path().join("b")).unwrap(), b"3");
    let struck = files.struck();
    assert_eq!(struck.len(), 1);
    assert_eq!((struck[0].number, struck[0].kind, struck[0].name()), (6, Kind::Write, "b"));
    assert_eq!(files.count(), 7);
    assert_eq!(files.trace().iter().filter(|operation| !operation.succeeded).count(), 1);
}

#[test]
fn a_stopped_world_does_nothing_more_until_it_is_healed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let files = FaultFileSystem::with(Rule::stop_after().number(2));
    let file = files.open(&path, OpenMode::CreateNew(0o600)).unwrap();
    file.write_all_at(b"done", 0).unwrap();
    assert_eq!(errno(file.write_all_at(b"lost", 0)), Some(5));
    assert_eq!(errno(file.sync_data()), Some(5));
    assert_eq!(errno(files.list(directory.path())), Some(5));
    assert_eq!(std::fs::read(&path).unwrap(), b"done");
    files.heal();
    file.write_all_at(b"more", 0).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"more");
}

#[test]
fn a_world_that_stops_halfway_has_written_a_half() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let files = FaultFileSystem::with(Rule::stop_halfway().number(2));
    let file = files.open(&path, OpenMode::CreateNew(0o600)).unwrap();
    assert_eq!(errno(file.write_all_at(b"done", 0)), Some(5));
    assert_eq!(errno(file.write_all_at(b"lost", 0)), Some(5));
    assert_eq!(std::fs::read(&path).unwrap(), b"do");
}

#[test]
fn a_held_operation_waits_for_its_gate() {
    let directory = tempfile::tempdir().unwrap();
    let files = FaultFileSystem::default();
    let file = files.open(&directory.path().join("a"), OpenMode::CreateNew(0o600)).unwrap();
    let (rule, gate) = Rule::hold();
    files.add(rule.kind(Kind::SyncData));
    let syncing = std::thread::spawn(move || file.sync_data());
    gate.wait_for_arrivals(1);
    assert!(!syncing.is_finished());
    assert_eq!(files.trace()[1].ended, None);
    let before = files.tick();
    gate.open();
    syncing.join().unwrap().unwrap();
    assert!(files.trace()[1].ended.unwrap() > before);
}

#[test]
fn the_trace_knows_a_file_by_the_name_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let files = FaultFileSystem::default();
    let [old, new] = ["old", "new"].map(|name| files.open(&at(name), OpenMode::CreateNew(0o600)).unwrap());
    assert_eq!(files.rename(&at("new"), &at("old"), false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    files.rename(&at("new"), &at("old"), true).unwrap();
    new.sync_data().unwrap();
    old.sync_data().unwrap();
    let names: Vec<_> = files.trace().iter().map(|operation| operation.name().to_owned()).collect();
    assert_eq!(names, ["old", "new", "old", "old", "old", "old (replaced)"]);
}

#[test]
#[ignore = "the other half of a_killed_process_leaves_what_it_acknowledged"]
fn child() {
    if !is_child() {
        return;
    }
    let page = AckPage::open(&given("PAGE")).unwrap();
    let files = FaultFileSystem::with(Rule::kill_after().kind(Kind::Write).skip(2));
    let file = files.open(&given("FILE"), OpenMode::CreateNew(0o600)).unwrap();
    for id in 1_u8.. {
        file.write_all_at(&[id], 0).unwrap();
        page.staged(id.into());
    }
}

#[test]
fn a_killed_process_leaves_what_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let [page, file] = ["page", "file"].map(|name| directory.path().join(name));
    let acknowledged = AckPage::create(&page).unwrap();
    let mut process = Child::spawn("child", &[("PAGE", &page), ("FILE", &file)]);
    let status = process.wait(PATIENCE);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    assert_eq!(std::fs::read(&file).unwrap(), [3], "killed after the third write");
    assert_eq!(acknowledged.last_staged(), 2, "and before it was acknowledged");
}

#[test]
fn a_small_disk_is_full_when_it_says_so() {
    for disk in [SmallDisk::tmpfs(1 << 20), SmallDisk::ext4(8 << 20)].into_iter().flatten() {
        let ballast = disk.fill_but(64 << 10);
        let files = flashstrike_recovery::files::OsFileSystem;
        let file = files.open(&disk.path().join("a"), OpenMode::CreateNew(0o600)).unwrap();
        assert_eq!(file.allocate(0, 512 << 10).unwrap_err().kind(), io::ErrorKind::StorageFull);
        SmallDisk::free(&ballast);
        file.allocate(0, 512 << 10).unwrap();
    }
}

#[test]
fn events_follow_from_their_ids() {
    assert_eq!(events::fixed(7, 24), events::fixed(7, 24));
    assert_ne!(events::fixed(7, 24)[8..], events::fixed(8, 24)[8..]);
    assert_eq!(events::fixed(7, 24)[..8], 7_u64.to_le_bytes());
    let lengths: Vec<_> = (1..=1000).map(|id| events::variable(id).len()).collect();
    assert!(lengths.contains(&0) && lengths.iter().any(|&length| length > 8192));
}

#[test]
fn allocations_are_counted_for_each_thread() {
    let before = allocations_of_this_thread();
    std::thread::spawn(|| drop(Box::new(1))).join().unwrap();
    let for_the_thread = allocations_of_this_thread() - before;
    let before = allocations_of_this_thread();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(allocations_of_this_thread() - before, 2);
    assert!(for_the_thread < 100);
    let before = allocations_of_this_thread();
    std::hint::black_box(1);
    assert_eq!(allocations_of_this_thread(), before);
}

#[test]
fn a_seed_gives_the_same_numbers_again() {
    let numbers = |part| Seed(7).rng(part).u64(..);
    assert_eq!(numbers(1), numbers(1));
    assert_ne!(numbers(1), numbers(2));
}
