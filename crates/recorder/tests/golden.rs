//! Opening the golden logs for append: what each mode answers, what is changed, and that appending goes on.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{code, contents, temporary_in_memory, when_there_is_room};
use flashstrike_crash_lab::{ReadBack, Walref, copy_log, vectors};
use flashstrike_recorder::{Code, Mode, Recorder, RecorderOptions};
use flashstrike_recovery::machine::parse_uuid;
use flashstrike_segment::{Schema, SegmentHeader, State};
use serde_json::Value;

/// One golden log and what is expected of it.
struct Golden {
    name: String,
    expected: Value,
    boot_id: [u8; 16],
    directory: tempfile::TempDir,
}

impl Golden {
    fn log(&self) -> std::path::PathBuf {
        self.directory.path().join("log")
    }

    fn read(&self) -> ReadBack {
        ReadBack::of(&self.log(), &self.boot_id).unwrap()
    }

    fn answer(&self, mode: Mode) -> &str {
        self.expected["modes"][mode.as_str()].as_str().unwrap()
    }

    /// As whoever made the log would open it: blocks of 128 bytes, segments of 4096.
    fn options(&self, mode: Mode, schemas: &[Option<Schema>; 2]) -> RecorderOptions {
        let mut options = RecorderOptions::new(self.log());
        let identity = self.read().verdict.identity;
        let is_variable = identity.is_some_and(|identity| identity.event_size == 0);
        options.schema.clone_from(&schemas[usize::from(is_variable)]);
        options.block_bytes = 128;
        options.segment_bytes = 4096;
        options.mode = mode;
        options.boot_id = Some(self.boot_id);
        options
    }
}

fn for_each_golden_log(check: impl Fn(Golden, Mode, &[Option<Schema>; 2])) {
    let Some(vectors) = vectors() else { return };
    let fixed = ReadBack::of(&vectors.join("fixed-active"), &[0; 16]).unwrap().verdict.identity.unwrap();
    let schemas = [Some(Schema::parse(&fixed.schema).unwrap()), None];
    let expected: Value =
        serde_json::from_slice(&std::fs::read(vectors.join("expected.json")).unwrap()).unwrap();
    for (name, expected) in expected.as_object().unwrap() {
        for mode in [Mode::Tail, Mode::Strict, Mode::PointInTime] {
            let directory = temporary_in_memory();
            copy_log(&vectors.join(name), &directory.path().join("log")).unwrap();
            let boot_id = parse_uuid(expected["boot_id"].as_str().unwrap()).unwrap();
            check(
                Golden { name: name.clone(), expected: expected.clone(), boot_id, directory },
                mode,
                &schemas,
            );
        }
    }
}

/// Whether the first damage stands before or in the last sealed segment: opening does not look there, only reading and
/// `verify()` do. `segments`: the log as it was before, since an open one changes while it is looked at.
fn is_behind_the_look_of_opening(golden: &Golden, segments: &BTreeMap<PathBuf, Vec<u8>>) -> bool {
    let is_sealed = |bytes: &[u8]| {
        bytes.len() >= 64 && SegmentHeader::decode(&bytes[..64]).is_ok_and(|header| header.sealed.is_some())
    };
    let last_sealed = segments
        .iter()
        .filter(|(path, bytes)| path.extension().is_some_and(|ending| ending == "zst") || is_sealed(bytes))
        .filter_map(|(path, _)| path.file_name()?.to_str()?.get(..8)?.parse().ok())
        .max();
    golden.expected["bad"]["segment"].as_u64().is_some_and(|bad| Some(bad) <= last_sealed)
}

#[test]
fn every_golden_log_is_opened_or_refused_as_its_mode_says() {
    for_each_golden_log(|golden, mode, schemas| {
        let before = contents(&golden.log());
        let what = format!("{} in mode {mode}", golden.name);
        let answer = golden.answer(mode);
        match Recorder::open(&golden.options(mode, schemas)) {
            Ok(recorder) => {
                let is_expected = answer == "ok" || is_behind_the_look_of_opening(&golden, &before);
                assert!(is_expected, "{what}: opened, although {answer}");
                if answer == "ok" {
                    assert_eq!(recorder.report().state.as_str(), golden.expected["state"], "{what}");
                }
            }
            Err(error) => {
                assert_eq!(error.code().as_str(), answer, "{what}: {error}");
                assert!(contents(&golden.log()) == before, "{what}: refused, and yet something has changed");
                let bad = &golden.expected["bad"];
                let at = (error.segment().map(u64::from), error.offset());
                if bad["segment"].is_u64() {
                    assert_eq!(at, (bad["segment"].as_u64(), bad["offset"].as_u64()), "{what}: {error}");
                }
            }
        }
    });
}

#[test]
fn appending_goes_on_behind_the_last_event_of_every_golden_log() {
    for_each_golden_log(|golden, mode, schemas| {
        if golden.answer(mode) != "ok" {
            return;
        }
        let what = format!("{} in mode {mode}", golden.name);
        let events_before = golden.read().events;
        let mut recorder = Recorder::open(&golden.options(mode, schemas)).unwrap();
        // After losing its first events a log goes on with their numbers: nothing says that they were given out.
        let last = golden.expected["last_id"].as_u64().unwrap();
        let g = recorder.last_event_id();
        if last > 0 {
            assert_eq!(g, last, "{what}");
        }
        for n in 1..=40_u64 {
            let event = recorder.manager().map(|_| vec![0xE7; 32]).unwrap();
            assert_eq!(when_there_is_room(&mut recorder, |log| log.append(&event)).unwrap(), g + n, "{what}");
        }
        recorder.close().unwrap();
        let found = golden.read();
        assert_eq!(found.verdict.state, State::Clean, "{what}: {:?}", found.verdict.bad);
        let (old, new) = found.events.split_at(found.events.len() - 40);
        assert!(
            *old == events_before[..old.len()] && old.len() == events_before.len(),
            "{what}: other events"
        );
        assert!(new.iter().all(|(_, bytes)| bytes.ends_with(&[0xE7; 24])), "{what}");
    });
}

#[test]
fn the_reference_agrees_after_appending_to_every_golden_log() {
    let Some(reference) = Walref::find() else { return };
    for_each_golden_log(|golden, mode, schemas| {
        if golden.answer(mode) != "ok" || mode == Mode::Strict {
            return;
        }
        let mut recorder = Recorder::open(&golden.options(mode, schemas)).unwrap();
        when_there_is_room(&mut recorder, |log| log.append(&[7; 32])).unwrap();
        let last = recorder.last_event_id();
        recorder.close().unwrap();
        let answer = reference.verify(&golden.log(), &golden.boot_id);
        let what = format!("{} in mode {mode}: {answer}", golden.name);
        assert_eq!(
            (answer["state"].as_str(), answer["last_id"].as_u64()),
            (Some("clean"), Some(last)),
            "{what}"
        );
        assert_eq!(answer["payload_sha256"], golden.read().sha256(), "{what}");
    });
}

#[test]
fn what_is_cut_is_kept() {
    for_each_golden_log(|golden, mode, schemas| {
        let is_cut = golden.expected["state"] != "clean" && golden.answer(mode) == "ok";
        // The damage of a log that only ends too early leaves nothing to cut.
        let leaves_nothing = ["missing-last", "meta-ahead"].contains(&golden.name.as_str());
        if !is_cut || leaves_nothing {
            return;
        }
        let recorder = Recorder::open(&golden.options(mode, schemas)).unwrap();
        let report = recorder.report().clone();
        let what = format!("{} in mode {mode}: {report:#?}", golden.name);
        assert!(!report.cuts.is_empty(), "{what}");
        for cut in &report.cuts {
            let kept_in = golden.log().join(&cut.kept_in);
            let kept = std::fs::metadata(&kept_in).unwrap_or_else(|error| panic!("{error}: {what}"));
            assert_eq!(kept.len(), cut.bytes, "{what}");
            let explanation = kept_in.with_extension("json");
            let text = std::fs::read(&explanation).unwrap_or_else(|error| panic!("{error}: {what}"));
            serde_json::from_slice::<Value>(&text).unwrap_or_else(|error| panic!("{error}: {what}"));
        }
    });
}

#[test]
fn another_schema_is_refused_and_nothing_changes() {
    for_each_golden_log(|golden, mode, schemas| {
        if golden.read().verdict.identity.is_none() {
            return;
        }
        let mut options = golden.options(mode, schemas);
        options.schema =
            if options.schema.is_some() { None } else { Some(flashstrike_crash_lab::events::schema(32)) };
        let before = contents(&golden.log());
        let answer = code(Recorder::open(&options));
        assert!(matches!(answer, Code::Schema | Code::Corrupt | Code::Torn), "{}: {answer}", golden.name);
        assert!(contents(&golden.log()) == before, "{} has changed", golden.name);
    });
}

#[test]
fn golden_logs_are_found() {
    if let Some(vectors) = vectors() {
        assert!(Path::new(&vectors).join("fixed-active").is_dir());
    }
}
