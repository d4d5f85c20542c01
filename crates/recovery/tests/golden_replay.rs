//! Golden logs: what each mode answers when reading, and the events themselves.

mod support;

use std::fmt::Write as _;

use flashstrike_recovery::{Code, Gap, Mode, Piece, Recovery, RecoveryOptions, ReplayOptions, Result};
use flashstrike_segment::BlockHeader;
use sha2::{Digest, Sha256};
use support::{Vector, Watchdog, contents, vector, vectors};

fn options(vector: &Vector, mode: Mode) -> RecoveryOptions {
    RecoveryOptions { mode, boot_id: Some(vector.boot_id), ..RecoveryOptions::new(vector.path()) }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Events {
    ids: Vec<u64>,
    sha256: String,
}

/// All events, read one by one.
fn events(recovery: &Recovery, options: ReplayOptions) -> Result<Events> {
    let mut replay = recovery.replay(options)?;
    let (mut ids, mut hash) = (Vec::new(), Sha256::new());
    while let Some(event) = replay.next_event()? {
        ids.push(event.id);
        hash.update(event.bytes);
    }
    assert!(replay.next_event()?.is_none(), "an end stays the end");
    Ok(Events { ids, sha256: hex(&hash.finalize()) })
}

/// All events, read run by run.
fn events_of_runs(recovery: &Recovery, options: ReplayOptions) -> Result<Events> {
    let mut replay = recovery.replay(options)?;
    let event_size = replay.event_size();
    let (mut ids, mut hash) = (Vec::new(), Sha256::new());
    while let Some(run) = replay.next_run()? {
        let mut count = 0;
        for block in run.blocks() {
            for event in block.events(event_size) {
                ids.push(event.id);
                hash.update(event.bytes);
                count += 1;
            }
        }
        assert_eq!(count, run.event_count());
        assert!(run.end() <= run.window().length && run.start() < run.end());
    }
    Ok(Events { ids, sha256: hex(&hash.finalize()) })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn expected_answer(vector: &Vector, mode: Mode) -> &str {
    vector.expected["modes"][mode.as_str()].as_str().expect("a mode")
}

fn opened(vector: &Vector, mode: Mode) -> Result<Recovery> {
    Recovery::open(options(vector, mode))
}

#[test]
fn every_mode_yields_the_expected_events_or_refuses_at_the_expected_place() {
    let _watchdog = Watchdog::new("replaying golden logs");
    for vector in vectors() {
        for mode in [Mode::Tail, Mode::Strict, Mode::PointInTime] {
            let what = format!("{} in {mode}", vector.name);
            let before = contents(vector.path());
            let outcome = opened(&vector, mode).and_then(|recovery| {
                let one_by_one = events(&recovery, ReplayOptions::default());
                let by_runs = events_of_runs(&recovery, ReplayOptions::default());
                assert_eq!(one_by_one.as_ref().ok(), by_runs.as_ref().ok(), "{what}");
                one_by_one
            });
            assert!(contents(vector.path()) == before, "{what}: changed");
            match (outcome, expected_answer(&vector, mode)) {
                (Ok(events), "ok") => check_events(&vector, &events, &what),
                (Err(error), code) => {
                    assert_eq!(error.code().as_str(), code, "{what}: {error}");
                    let (segment, offset) = vector.bad().expect("a position");
                    assert_eq!(
                        (error.segment(), error.offset().unwrap_or(0)),
                        (segment, offset),
                        "{what}: {error}"
                    );
                }
                (Ok(_), code) => panic!("{what}: yielded everything instead of {code}"),
            }
        }
    }
}

fn check_events(vector: &Vector, events: &Events, what: &str) {
    assert_eq!(events.ids.len() as u64, vector.number("events"), "{what}: events");
    assert_eq!(events.ids.first().copied().unwrap_or(0), vector.number("first_id"), "{what}: first");
    assert_eq!(events.ids.last().copied().unwrap_or(0), vector.number("last_id"), "{what}: last");
    assert!(events.ids.is_sorted_by(|a, b| a < b), "{what}: order");
    assert_eq!(events.sha256, vector.text("payload_sha256"), "{what}: bytes");
}

#[test]
fn the_report_says_what_was_found() {
    for vector in vectors() {
        let Ok(recovery) = opened(&vector, Mode::PointInTime) else { panic!("{}", vector.name) };
        let report = recovery.report();
        let what = &vector.name;
        assert_eq!(report.state.as_str(), vector.text("state"), "{what}");
        assert_eq!(u64::from(report.staged.events), vector.number("staged"), "{what}");
        assert_eq!(
            (report.first_event_id, report.last_event_id),
            (vector.number("first_id"), vector.number("last_id"))
        );
        assert_eq!(report.damage.as_ref().map(|bad| (bad.segment, bad.offset)), vector.bad(), "{what}");
        if let Some(proof) = vector.expected["durable_proof"].as_u64() {
            assert_eq!(report.durable_event_id, proof, "{what}");
        }
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["mode"], "point-in-time");
        assert_eq!(json["lastEventId"].as_u64(), Some(vector.number("last_id")));
    }
}

#[test]
fn reading_flat_knows_first_and_last_id_of_a_clean_log() {
    for vector in vectors().into_iter().filter(|vector| vector.text("state") == "clean") {
        let recovery = opened(&vector, Mode::Tail).expect("clean");
        let ids = (recovery.first_event_id(), recovery.last_event_id());
        assert_eq!(ids, (vector.number("first_id"), vector.number("last_id")), "{}", vector.name);
    }
}

#[test]
fn diagnosis_yields_every_block_that_verifies_on_its_own_and_names_the_gaps() {
    let _watchdog = Watchdog::new("diagnosing golden logs");
    for vector in vectors() {
        let before = contents(vector.path());
        let recovery = match opened(&vector, Mode::Diagnostic) {
            // Header and metadata of the only segment are lost: nothing says what the events are.
            Err(error) if vector.name == "first-sector-lost" => {
                assert_eq!(error.code(), Code::Schema, "{error}");
                let options = RecoveryOptions { event_size: Some(32), ..options(&vector, Mode::Diagnostic) };
                Recovery::open(options).expect("said from outside")
            }
            opened => opened.unwrap_or_else(|error| panic!("{}: {error}", vector.name)),
        };
        let (blocks, gaps) = diagnosed(&recovery, ReplayOptions::default());
        let events: u64 = blocks.iter().map(|block| u64::from(block.event_count)).sum();
        let what = format!("{}: {gaps:?}", vector.name);
        let staged = recovery.report().staged.events;
        let on_their_own = vector.number("events_in_blocks_that_verify_on_their_own");
        assert_eq!(events, on_their_own + u64::from(staged), "{what}");
        let is_known = recovery.identity().is_some() || vector.name == "first-sector-lost";
        assert!(events == 0 || is_known, "{what}: nobody knows what the events are");
        // Where a log simply ends too early there is nothing to point at.
        let ends_early = ["missing-last", "meta-ahead", "staged-gap"].contains(&vector.name.as_str());
        let is_staging = vector.bad().is_some_and(|(segment, _)| segment.is_none());
        let has_gap = vector.text("state") != "clean" && !ends_early && !is_staging;
        assert_eq!(!gaps.is_empty(), has_gap, "{what}");
        if let Some(((Some(segment), offset), gap)) = vector.bad().zip(gaps.first()) {
            assert_eq!((gap.segment, gap.offset), (segment, offset), "{what}");
        }
        let backwards = ReplayOptions { reverse: true, ..ReplayOptions::default() };
        let (mut newest_first, mut gaps_backwards) = diagnosed(&recovery, backwards);
        newest_first.reverse();
        gaps_backwards.reverse();
        assert_eq!((&newest_first, &gaps_backwards), (&blocks, &gaps), "{what}: in reverse");
        for reverse in [false, true] {
            let (from, to) = (recovery.first_event_id() + 3, recovery.last_event_id().saturating_sub(3));
            let options = ReplayOptions { from: Some(from), to: Some(to), reverse };
            let (mut found, _) = diagnosed(&recovery, options);
            if reverse {
                found.reverse();
            }
            let within = |block: &&BlockHeader| block.last_event_id >= from && block.first_event_id <= to;
            let missing: Vec<_> =
                blocks.iter().filter(within).filter(|block| !found.contains(block)).collect();
            assert!(missing.is_empty(), "{what}: from {from} to {to}, reverse {reverse}: {missing:?}");
        }
        assert!(contents(vector.path()) == before, "{what}: changed");
    }
}

/// The headers of all blocks in the order in which they come, in reverse also inside a run, and the gaps.
fn diagnosed(recovery: &Recovery, options: ReplayOptions) -> (Vec<BlockHeader>, Vec<Gap>) {
    assert_eq!(recovery.mode(), Mode::Diagnostic, "read as the mode says");
    let mut diagnosis = recovery.read(options).expect("readable");
    let (mut blocks, mut gaps) = (Vec::new(), Vec::new());
    while let Some(piece) = diagnosis.next_piece().expect("readable") {
        match piece {
            Piece::Run(run) => {
                let mut headers: Vec<_> = run.blocks().map(|block| block.header).collect();
                let counted: u64 = headers.iter().map(|header| u64::from(header.event_count)).sum();
                assert_eq!(counted, run.event_count());
                if options.reverse {
                    headers.reverse();
                }
                blocks.append(&mut headers);
            }
            Piece::Gap(gap) => gaps.push(gap),
        }
    }
    (blocks, gaps)
}

#[test]
fn verify_says_the_same_in_every_mode() {
    for vector in vectors() {
        for mode in [Mode::PointInTime, Mode::Diagnostic, Mode::Tail] {
            let Ok(recovery) = opened(&vector, mode) else { continue };
            let mut steps = 0;
            let summary = recovery.verify(&mut |progress| {
                steps += 1;
                assert!(progress.segments_done <= progress.segments);
            });
            let summary = summary.expect("readable");
            let what = format!("{} in {mode}: {summary:?}", vector.name);
            assert_eq!(summary.state.as_str(), vector.text("state"), "{what}");
            assert_eq!(summary.bad.as_ref().map(|bad| (bad.segment, bad.offset)), vector.bad(), "{what}");
            assert_eq!(summary.events, vector.number("events"), "{what}");
            assert_eq!(summary.staged, vector.number("staged"), "{what}");
            assert_eq!(
                (summary.first_id, summary.last_id),
                (vector.number("first_id"), vector.number("last_id"))
            );
            assert!(steps > 0 || vector.name == "retired-too-much", "{what}");
        }
    }
}

#[test]
fn a_range_is_inclusive_and_exact_from_any_event_to_any_other() {
    let _watchdog = Watchdog::new("replaying ranges");
    for name in ["fixed-rotated", "variable", "cold", "fixed-gaps", "staged", "retained", "torn-rotated"] {
        let Some(vector) = vector(name) else { return };
        let recovery = opened(&vector, Mode::Tail).expect(name);
        let all = events(&recovery, ReplayOptions::default()).expect(name).ids;
        let (first, last) = (all[0], *all.last().expect("events"));
        for from in (first..=last + 3).step_by(7) {
            for to in [from - 1, from, from + 1, from + 30, last, last + 5] {
                let expected: Vec<u64> = all.iter().copied().filter(|id| (from..=to).contains(id)).collect();
                let options = ReplayOptions { from: Some(from), to: Some(to), reverse: false };
                assert_eq!(events(&recovery, options).expect(name).ids, expected, "{name} {from}..={to}");
                let reversed = ReplayOptions { reverse: true, ..options };
                let mut backwards = events(&recovery, reversed).expect(name).ids;
                backwards.reverse();
                assert_eq!(backwards, expected, "{name} {from}..={to} backwards");
                check_runs(&recovery, options, &expected);
            }
        }
    }
}

/// Runs hold whole blocks, of which the first and the last may hold more than was asked for.
fn check_runs(recovery: &Recovery, options: ReplayOptions, expected: &[u64]) {
    let runs = events_of_runs(recovery, options).expect("readable").ids;
    let wanted = options.from.unwrap_or(0)..=options.to.unwrap_or(u64::MAX);
    let inside: Vec<u64> = runs.iter().copied().filter(|id| wanted.contains(id)).collect();
    assert_eq!(inside, expected);
}

#[test]
fn seeking_goes_to_the_event_or_the_first_one_behind_it() {
    for name in ["fixed-rotated", "fixed-gaps", "cold"] {
        let Some(vector) = vector(name) else { return };
        let recovery = opened(&vector, Mode::Tail).expect(name);
        let all = events(&recovery, ReplayOptions::default()).expect(name).ids;
        let mut replay = recovery.replay(ReplayOptions::default()).expect(name);
        for id in [all[0], 5, 100, 50, 2, all[all.len() - 1]] {
            replay.seek_event(id).expect(name);
            let found = replay.next_event().expect(name).map(|event| event.id);
            assert_eq!(found, all.iter().copied().find(|&candidate| candidate >= id), "{name}: {id}");
        }
        replay.seek_event(all[all.len() - 1] + 1).expect(name);
        assert!(replay.next_event().expect(name).is_none(), "{name}: behind the end");
    }
}

#[test]
fn what_retention_has_removed_is_gone_and_what_is_not_there_yet_is_the_end() {
    let Some(vector) = vector("retained") else { return };
    let recovery = opened(&vector, Mode::Tail).expect("clean");
    for from in [1, 100, 144] {
        let error =
            recovery.replay(ReplayOptions { from: Some(from), ..Default::default() }).expect_err("gone");
        assert_eq!((error.code(), error.event_id()), (Code::Gone, Some(from)));
        assert!(error.to_string().contains("145"), "{error}");
    }
    let from = |from| ReplayOptions { from: Some(from), ..Default::default() };
    assert_eq!(events(&recovery, from(145)).expect("there").ids.len(), 56);
    assert!(events(&recovery, from(201)).expect("the end").ids.is_empty());
}

/// The original skipped a corrupt segment and ended as if nothing was (trap F4).
#[test]
fn a_corrupt_segment_in_the_middle_never_looks_like_the_end() {
    let Some(vector) = vector("corrupt-sealed") else { return };
    let recovery = opened(&vector, Mode::Tail).expect("opening looks from the first unsealed segment on");
    let mut replay = recovery.replay(ReplayOptions::default()).expect("readable");
    let mut last = 0;
    let error = loop {
        match replay.next_event() {
            Ok(Some(event)) => last = event.id,
            Ok(None) => panic!("ended normally behind {last}"),
            Err(error) => break error,
        }
    };
    assert_eq!(
        (last, error.code(), error.segment(), error.offset()),
        (72, Code::Corrupt, Some(1), Some(640))
    );
    for _ in 0..3 {
        assert_eq!(replay.next_event().expect_err("still corrupt").code(), Code::Corrupt);
        assert_eq!(replay.next_run().expect_err("still corrupt").code(), Code::Corrupt);
    }
}
