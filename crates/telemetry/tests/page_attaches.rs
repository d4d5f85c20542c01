//! Attaching again and again takes nothing for good. Alone in its program: what it counts is the process's.
#![cfg(all(not(loom), target_os = "linux"))]

mod pages;

use std::fs;

use flashstrike_telemetry::page::PageState;
use pages::{attach, directory, recorder_on, same_metrics};

const ATTACHES: usize = 10_000;

/// Descriptors, mappings, and kilobytes of memory that this process has.
fn holds() -> (usize, usize, u64) {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().count();
    let mappings = fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (descriptors, mappings, memory.trim().trim_end_matches(" kB").parse().unwrap())
}

#[test]
fn ten_thousand_attaches_leave_nothing_behind() {
    let directory = directory();
    let path = directory.path().join("page");
    let telemetry = recorder_on(&path);
    let writer = telemetry.segment_writer_updater();
    let mut before = None;
    for round in 0..ATTACHES {
        let mut page = attach(&path);
        writer.on_block_fill(round as u64);
        assert_eq!(page.state().unwrap(), PageState::Live);
        if round % 16 == 0 {
            same_metrics(&page.snapshot().unwrap(), &telemetry.snapshot());
        }
        drop(page);
        if round % 10 == 0 {
            drop(recorder_on(&directory.path().join("another")));
        }
        if round == ATTACHES / 10 {
            before = Some(holds());
        }
    }
    let (descriptors, mappings, kilobytes) = before.unwrap();
    let (descriptors_after, mappings_after, kilobytes_after) = holds();
    assert_eq!(descriptors_after, descriptors);
    assert!(mappings_after <= mappings + 2, "{mappings} mappings became {mappings_after}");
    assert!(kilobytes_after < kilobytes + 4096, "{kilobytes} kB became {kilobytes_after}");
}
