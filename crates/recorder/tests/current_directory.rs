//! A log that was named relative to the current directory stays where it is when that changes. A test of its own, since
//! the current directory is the whole process's.

mod common;

use std::path::Path;

use common::{append_many, contents, expect_log, rotate, small_log};
use flashstrike_recorder::Recorder;
use flashstrike_recovery::{Recovery, RecoveryOptions, ReplayOptions};

#[test]
fn a_log_stays_where_it_is_when_the_process_goes_elsewhere() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(there.path().join("log")).unwrap();
    std::env::set_current_dir(here.path()).unwrap();
    let mut recorder = Recorder::open(&small_log(Path::new("log"), 32)).unwrap();
    append_many(&mut recorder, 32, 100);
    std::env::set_current_dir(there.path()).unwrap();
    for _ in 0..5 {
        rotate(&mut recorder).unwrap();
        append_many(&mut recorder, 32, 100);
    }
    recorder.durable_sync(None).unwrap();
    recorder.close().unwrap();
    assert_eq!(contents(&there.path().join("log")).len(), 0);
    expect_log(&here.path().join("log"), 32, 600);

    std::env::set_current_dir(here.path()).unwrap();
    let recovery = Recovery::open(RecoveryOptions::new("log")).unwrap();
    std::env::set_current_dir(there.path()).unwrap();
    let mut replay = recovery.replay(ReplayOptions::default()).unwrap();
    let mut last = 0;
    while let Some(event) = replay.next_event().unwrap() {
        last = event.id;
    }
    assert_eq!(last, 600);
    std::env::set_current_dir("/").unwrap();
}
