//! Whatever bit is wrong: a replay yields the log's events in order from the first one on, or an error; never anything
//! else, never fewer than was durable without saying so.

mod support;

use std::fs;

use flashstrike_recovery::{Code, Error, Mode, Recovery, RecoveryOptions, ReplayOptions};
use support::writer::LogWriter;
use support::{Watchdog, temporary_directory, vector};

type Events = Vec<(u64, Vec<u8>)>;

/// The events up to the end or the first error.
fn read(options: RecoveryOptions) -> (Events, Option<Code>) {
    let mut events = Vec::new();
    let mut replay =
        match Recovery::open(options).and_then(|recovery| recovery.replay(ReplayOptions::default())) {
            Ok(replay) => replay,
            Err(error) => return (events, Some(code_of(&error))),
        };
    loop {
        match replay.next_event() {
            Ok(Some(event)) => events.push((event.id, event.bytes.to_vec())),
            Ok(None) => return (events, None),
            Err(error) => return (events, Some(code_of(&error))),
        }
    }
}

fn code_of(error: &Error) -> Code {
    let message = error.to_string();
    assert!(!message.contains("  ") && !message.contains('\n'), "{message:?}");
    error.code()
}

fn flip_everywhere(name: &str, file: &str, is_sealed: bool) {
    let _watchdog = Watchdog::new("reading flipped logs");
    let Some(vector) = vector(name) else { return };
    let options =
        |mode| RecoveryOptions { mode, boot_id: Some(vector.boot_id), ..RecoveryOptions::new(vector.path()) };
    let (whole, none) = read(options(Mode::Tail));
    assert_eq!((whole.len() as u64, none), (vector.number("events"), None));
    let durable = vector.number("durable_proof");
    let path = vector.path().join(file);
    let bytes = fs::read(&path).unwrap();
    // Every byte of header and metadata block, then every third one.
    for at in (0..256.min(bytes.len())).chain((256..bytes.len()).step_by(3)) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, &flipped).unwrap();
        for mode in [Mode::Tail, Mode::Strict, Mode::PointInTime] {
            let what = format!("{name}/{file} byte {at} in {mode}");
            let (events, error) = read(options(mode));
            assert!(whole.starts_with(&events), "{what}: other events");
            match error {
                None if mode != Mode::PointInTime => {
                    assert!(
                        events.len() as u64 >= durable,
                        "{what}: {} of {durable} durable events",
                        events.len()
                    );
                    assert!(
                        !is_sealed || events.len() == whole.len(),
                        "{what}: events of a sealed segment are gone"
                    );
                }
                None | Some(Code::Corrupt | Code::Torn) => {}
                Some(code) => panic!("{what}: {code}"),
            }
        }
    }
    fs::write(&path, &bytes).unwrap();
}

#[test]
fn any_byte_of_a_sealed_segment() {
    flip_everywhere("fixed-rotated", "00000000.wal", true);
    flip_everywhere("fixed-rotated", "00000001.wal", true);
}

#[test]
fn any_byte_of_the_active_segment() {
    flip_everywhere("fixed-rotated", "00000002.wal", false);
    flip_everywhere("variable", "00000001.wal", false);
}

#[test]
fn any_byte_of_a_compressed_segment() {
    flip_everywhere("cold", "00000000.wal.zst", true);
}

/// A segment's header was checked by nobody but itself, and each chain began anew, so a whole segment could be put in
/// the place of another (traps F9 and F12).
#[test]
fn a_segment_of_another_history_of_the_same_log_is_damage() {
    let directories = [temporary_directory(), temporary_directory()];
    for (directory, counts) in directories.iter().zip([[20, 20], [20, 19]]) {
        let mut writer = LogWriter::new(directory.path(), 64, 8192);
        while writer.next_segment < 4 {
            for count in counts {
                writer.append(count);
            }
        }
    }
    // Same log id, same salts, same index, sealed: only the chain and the ids tell.
    let [ours, other] = &directories;
    for mode in [Mode::Tail, Mode::PointInTime] {
        let whole = read(RecoveryOptions { mode, ..RecoveryOptions::new(ours.path()) });
        assert_eq!(whole.1, None);
        let path = ours.path().join("00000001.wal");
        let own = fs::read(&path).unwrap();
        fs::write(&path, fs::read(other.path().join("00000001.wal")).unwrap()).unwrap();
        let (events, error) = read(RecoveryOptions { mode, ..RecoveryOptions::new(ours.path()) });
        let expected = if mode == Mode::Tail { Some(Code::Corrupt) } else { None };
        assert_eq!(error, expected, "{mode}: {} events", events.len());
        assert!(whole.0.starts_with(&events) && events.len() < whole.0.len() && !events.is_empty(), "{mode}");
        fs::write(&path, own).unwrap();
    }
}
