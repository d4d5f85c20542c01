//! The examples of the READMEs of `flashstrike-recorder` and `flashstrike-recovery`, run as they stand there.

mod append {
    include!("readme/append.rs");

    pub(super) fn run() -> Result<()> {
        main()
    }
}

#[expect(clippy::print_stdout, reason = "it shows what it has read, as an example does")]
mod replay {
    include!("readme/replay.rs");

    pub(super) fn run() -> flashstrike_recovery::Result<()> {
        main()
    }
}

#[test]
fn the_examples_are_those_of_the_readmes() {
    assert!(include_str!("../README.md").contains(include_str!("readme/append.rs")));
    assert!(include_str!("../../recovery/README.md").contains(include_str!("readme/replay.rs")));
}

/// They name their log as a program would: by a path relative to where it is started.
#[test]
fn what_one_appends_the_other_replays() {
    let place = tempfile::tempdir().expect("a directory");
    std::env::set_current_dir(place.path()).expect("a directory of its own");
    append::run().expect("an event is appended and durable");
    replay::run().expect("it is replayed");

    let log = flashstrike_recovery::Recovery::open(flashstrike_recovery::RecoveryOptions::new("orders"))
        .expect("a log");
    let mut events = log.replay(flashstrike_recovery::ReplayOptions::default()).expect("a replay");
    let first = events.next_event().expect("a clean log").expect("an event");
    assert_eq!((first.id, first.bytes), (1, b"order 1".as_slice()));
    assert!(events.next_event().expect("a clean log").is_none());
    drop(events);
    std::env::set_current_dir("/").expect("the directory can be removed");
}
