//! What the tests of pages share.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flashstrike_telemetry::page::{PageError, PageOptions, TelemetryPage};
use flashstrike_telemetry::{
    Metric, RecorderTelemetry, RecoveryTelemetry, Snapshot, Status, Value, clock::now_ns,
};
use tempfile::TempDir;

/// Where the values of a page begin, as its header says.
pub const VALUES_AT: usize = 32;

/// A directory for pages: in memory where that is possible.
pub fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// Options for a page that may lie anywhere.
pub fn options(path: impl AsRef<Path>) -> PageOptions {
    let allow = ["ext4", "xfs", "overlay", "btrfs", "fuse", "zfs"].map(str::to_owned);
    PageOptions { allow_file_system: allow.to_vec(), ..PageOptions::new(path) }
}

pub fn labels() -> Vec<(String, String)> {
    vec![("log".to_owned(), "orders".to_owned()), ("zone".to_owned(), "wien \"2\"".to_owned())]
}

/// A recorder's metrics in a page that is there now.
pub fn recorder_on(path: &Path) -> Arc<RecorderTelemetry> {
    RecorderTelemetry::on_page(&options(path), labels()).unwrap()
}

pub fn recovery_on(path: &Path) -> Arc<RecoveryTelemetry> {
    RecoveryTelemetry::on_page(&options(path), labels()).unwrap()
}

/// The page of a recorder with something in it, all its bytes, and what they say.
pub fn some_page() -> (Vec<u8>, Snapshot) {
    let directory = directory();
    let path = directory.path().join("page");
    let telemetry = recorder_on(&path);
    let writer = telemetry.segment_writer_updater();
    for latency in 0..100 {
        writer.on_write_block(now_ns().saturating_sub(latency << 12));
        writer.on_open_new_segment(now_ns(), Status::from(latency % 7 != 0));
        writer.on_block_fill(latency);
    }
    telemetry.committer_updater().on_sync(now_ns(), true, 3, 4096);
    (std::fs::read(&path).unwrap(), telemetry.snapshot())
}

/// What became of whoever measured, as its metrics tell.
pub fn told(snapshot: &Snapshot) -> String {
    let side = &snapshot.metrics()[0].descriptor.section.side;
    let states = snapshot
        .metrics()
        .iter()
        .filter(|metric| metric.descriptor.full_name() == format!("wal.{side}.source.state"))
        .map(|Metric { descriptor, value }| match value {
            Value::Gauge(value) => (&*descriptor.attributes[0].1, *value),
            other => panic!("{other:?}"),
        });
    let states: BTreeMap<_, _> = states.collect();
    assert_eq!(states.keys().copied().collect::<Vec<_>>(), ["closed", "dead", "live"]);
    assert_eq!(states.values().sum::<u64>(), 1, "{states:?}");
    states.into_iter().find(|(_, value)| *value == 1).unwrap().0.to_owned()
}

/// What a page and a snapshot say of what was measured, without when they were copied.
pub fn same_metrics(page: &Snapshot, own: &Snapshot) {
    assert_eq!(page.labels(), own.labels());
    assert_eq!(page.process_id(), own.process_id());
    assert_eq!(page.started_unix_ns(), own.started_unix_ns());
    assert_eq!(page.metrics().len(), own.metrics().len());
    for (page, own) in page.metrics().iter().zip(own.metrics()) {
        assert_eq!(page.descriptor, own.descriptor);
        assert!(page.value == own.value || own.descriptor.section.subsystem == "source", "{own:?}");
    }
}

pub fn attach(path: &Path) -> TelemetryPage {
    TelemetryPage::attach(path).unwrap()
}

/// The names in a directory.
pub fn names(directory: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into()).collect();
    names.sort();
    names
}

/// The error with which a recorder's page is refused.
pub fn refused(options: &PageOptions) -> PageError {
    RecorderTelemetry::on_page(options, Vec::new()).map(drop).unwrap_err()
}
