//! Reading a damaged log in every mode: what is yielded, what is said, and that nothing is touched.

use std::path::Path;

use flashstrike_recorder::{Code, Error, Mode, Result};
use flashstrike_recovery::{Piece, Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_segment::{State, names};

use super::behind;
use super::case::Case;
use super::expected::Expected;
use super::files::snapshot;
use super::shapes::{Events, Middle};
use crate::memory::BOOT_ID;

/// Reads in every mode.
pub fn check(case: &Case, log: &Path, expected: Option<&Expected>) {
    let before = snapshot(log);
    for mode in Mode::ALL {
        let what = format!("{}, read in {mode}", case.what);
        let opened = Recovery::open(options(log, mode));
        match (expected, opened) {
            (None, opened) => check_unsupported(case, opened, &what),
            (Some(expected), Err(error)) => check_refusal(case, expected, mode, log, &error, &what),
            (Some(expected), Ok(recovery)) => {
                check_report(expected, mode, &recovery, &what);
                check_summary(expected, &recovery, &what);
                if mode == Mode::Diagnostic {
                    check_diagnosis(case, expected, &recovery, &what);
                } else {
                    check_replay(case, expected, mode, &recovery, &what);
                    if mode == Mode::Tail && expected.refusal(mode).is_some() {
                        behind::check(case, expected, &recovery, &what);
                    }
                }
            }
        }
        assert!(snapshot(log) == before, "{what}: reading has changed something");
    }
}

fn options(log: &Path, mode: Mode) -> RecoveryOptions {
    RecoveryOptions { mode, boot_id: Some(BOOT_ID), ..RecoveryOptions::new(log) }
}

/// What a newer version wrote is refused at the latest where it would be read.
fn check_unsupported(case: &Case, opened: Result<Recovery>, what: &str) {
    let error = match opened {
        Err(error) => error,
        Ok(recovery) => {
            let (events, error) = replayed(&recovery, ReplayOptions::default());
            assert_is_part_of_a_history(case, &events, what);
            error.unwrap_or_else(|| panic!("{what}: read to its end"))
        }
    };
    assert_eq!(error.code(), Code::Unsupported, "{what}: {error}");
}

/// The code and the place that an error names, and that people can read it.
pub fn check_error(case: &Case, expected: &Expected, code: &str, error: &Error, what: &str) {
    if case.is_damaged_twice {
        assert!(matches!(error.code(), Code::Corrupt | Code::Torn), "{what}: {error}");
    } else {
        assert_eq!(error.code().as_str(), code, "{what}: {error}");
        let (segment, offset) = expected.bad.expect("damage has a position");
        assert_eq!((error.segment(), error.offset().unwrap_or(0)), (segment, offset), "{what}: {error}");
    }
    assert!(error.path().is_some(), "{what}: {error}");
    let message = error.to_string();
    assert!(
        !message.contains("  ") && !message.contains('\n') && message.contains("Nothing"),
        "{what}: {message}"
    );
}

fn check_refusal(case: &Case, expected: &Expected, mode: Mode, log: &Path, error: &Error, what: &str) {
    match expected.refusal(mode) {
        Some(code) => check_error(case, expected, code, error, what),
        None if expected.is_empty => {
            assert_eq!(error.code(), Code::NotFound, "{what}: {error}");
            // Opening a damaged log for append makes no new one, and one of which something is left would lose sight of it.
            let is_nothing = expected.state != State::Corrupt && !log.join(names::WAL_STAGING).exists();
            assert_eq!(error.to_string().contains("Recorder.open"), is_nothing, "{what}: {error}");
        }
        // Nothing says any more what the events are.
        None if mode == Mode::Diagnostic && error.code() == Code::Schema => {
            let options = RecoveryOptions { event_size: Some(case.event_size), ..options(log, mode) };
            let recovery = Recovery::open(options).expect(what);
            check_diagnosis(case, expected, &recovery, what);
        }
        None => panic!("{what}: {error}"),
    }
}

/// Modes that verify everything know everything at once; the others verify from the first unsealed segment on.
fn check_report(expected: &Expected, mode: Mode, recovery: &Recovery, what: &str) {
    let report = recovery.report();
    if mode.verifies_everything() || expected.refusal(mode).is_none() {
        let bad = report.damage.as_ref().map(|bad| (bad.segment, bad.offset));
        assert_eq!((report.state.as_str(), bad), (&*expected.state.to_string(), expected.bad), "{what}");
        assert_eq!(
            (report.first_event_id, report.last_event_id),
            (expected.first_id(), expected.last_id()),
            "{what}"
        );
        assert_eq!(u64::from(report.staged.events), expected.staged, "{what}");
        if let Some(durable) = expected.durable {
            assert_eq!(report.durable_event_id, durable, "{what}");
        }
    }
    assert!(report.cuts.is_empty() && report.lost.is_none() && !report.writer_alive, "{what}");
}

fn check_summary(expected: &Expected, recovery: &Recovery, what: &str) {
    let summary = recovery.verify(&mut |_| {}).expect(what);
    let bad = summary.bad.as_ref().map(|bad| (bad.segment, bad.offset));
    assert_eq!(
        (summary.state.as_str(), bad),
        (&*expected.state.to_string(), expected.bad),
        "{what}: verify()"
    );
    assert_eq!(
        (summary.events, summary.staged),
        (expected.events.len() as u64, expected.staged),
        "{what}: verify()"
    );
    assert_eq!(
        (summary.first_id, summary.last_id),
        (expected.first_id(), expected.events.last().map_or(0, |(id, _)| *id)),
        "{what}: verify()"
    );
}

/// What a replay gives, and what it ends with.
pub fn replayed(recovery: &Recovery, options: ReplayOptions) -> (Events, Option<Error>) {
    let mut events = Vec::new();
    let mut replay = match recovery.replay(options) {
        Ok(replay) => replay,
        Err(error) => return (events, Some(error)),
    };
    loop {
        match replay.next_event() {
            Ok(Some(event)) => events.push((event.id, event.bytes.to_vec())),
            Ok(None) => return (events, None),
            Err(error) => {
                assert_eq!(replay.next_event().expect_err("an error is not the end").code(), error.code());
                return (events, Some(error));
            }
        }
    }
}

fn check_replay(case: &Case, expected: &Expected, mode: Mode, recovery: &Recovery, what: &str) {
    let Middle { event_id: middle, segment, last_of_segment } = case.middle;
    // Of damage before the segment in which the reading begins nothing is to be noticed, nor read.
    let bad_segment = expected.bad.and_then(|(segment, _)| segment);
    let is_before = bad_segment.is_some_and(|bad| bad < segment)
        && case.has_whole_headers
        && !case.is_damaged_twice
        && case.histories.len() == 1;
    // First of all where nothing of a segment is known from an earlier reading.
    let begins = [
        (Some(last_of_segment), false),
        (None, false),
        (None, true),
        (Some(middle), false),
        (Some(middle), true),
    ];
    for (from, reverse) in begins {
        let what = format!("{what}, from {from:?}, reverse {reverse}");
        if from.is_some_and(|from| from < expected.first_id()) {
            continue;
        }
        let (mut events, error) = replayed(recovery, ReplayOptions { from, to: None, reverse });
        if reverse {
            events.reverse();
        }
        assert_is_part_of_a_history(case, &events, &what);
        if from.is_some() && is_before && !case.is_forged {
            assert!(error.is_none(), "{what}: {error:?}, although the damage is before");
        }
        match (error, expected.refusal(mode)) {
            (None, None) => {
                let wanted: Vec<_> = expected
                    .events
                    .iter()
                    .filter(|(id, _)| from.is_none_or(|from| *id >= from))
                    .cloned()
                    .collect();
                assert!(events == wanted, "{what}: {:?} instead of {:?}", ids(&events), ids(&wanted));
            }
            (Some(error), Some(code)) if from.is_none() && !reverse => {
                check_error(case, expected, code, &error, &what);
                assert!(expected.events.starts_with(&events), "{what}: {:?}", ids(&events));
            }
            // Where two segments do not fit, the one that was not read may be the damaged one.
            (Some(error), Some(code)) => {
                let bad = expected.bad.and_then(|(segment, _)| segment);
                let is_there = error.segment() == bad || error.segment() == bad.map(|bad| bad + 1);
                assert_eq!(error.code().as_str(), code, "{what}: {error}");
                assert!(case.is_damaged_twice || is_there, "{what}: {error}");
            }
            (Some(error), None) => panic!("{what}: {error}"),
            // Damage in front of where the reading begins is none of its business.
            (None, Some(_)) if from.is_some() => {}
            (None, Some(code)) => {
                panic!("{what}: ended normally behind {:?} instead of {code}", ids(&events))
            }
        }
    }
}

/// Events that were written, in the order in which they were, none of them left out.
pub fn assert_is_part_of_a_history(case: &Case, events: &Events, what: &str) {
    let Some((first, _)) = events.first() else { return };
    let is_part = case.histories.iter().any(|history| {
        let at = history.partition_point(|(id, _)| id < first);
        history[at..].starts_with(events)
    });
    assert!(is_part, "{what}: events that were never written so: {:?}", ids(events));
}

fn check_diagnosis(case: &Case, expected: &Expected, recovery: &Recovery, what: &str) {
    let size = recovery.identity().map_or(case.event_size, |identity| identity.event_size);
    let mut diagnosis = recovery.diagnose(ReplayOptions::default()).expect(what);
    let (mut events, mut gaps) = (Events::new(), Vec::new());
    while let Some(piece) = diagnosis.next_piece().expect(what) {
        match piece {
            Piece::Run(run) => {
                let found = run.blocks().flat_map(|block| block.events(size).collect::<Vec<_>>());
                events.extend(found.map(|event| (event.id, event.bytes.to_vec())));
            }
            Piece::Gap(gap) => gaps.push(gap),
        }
    }
    let on_their_own = expected.on_their_own + u64::from(recovery.report().staged.events);
    assert_eq!(events.len() as u64, on_their_own, "{what}: {:?}", ids(&events));
    let is_written = |event: &(u64, Vec<u8>)| {
        let found = |history: &Events| {
            history.binary_search_by_key(&event.0, |(id, _)| *id).is_ok_and(|at| history[at] == *event)
        };
        case.histories.iter().any(|history| found(history))
    };
    assert!(
        case.is_forged || events.iter().all(is_written),
        "{what}: events that were never written: {:?}",
        ids(&events)
    );
    match expected.bad {
        None => assert!(gaps.is_empty(), "{what}: {gaps:?}"),
        Some((Some(segment), offset)) if !expected.only_ends_early() => {
            let is_named = gaps.iter().any(|gap| (gap.segment, gap.offset) == (segment, offset));
            assert!(is_named, "{what}: no gap at {segment}, {offset}: {gaps:?}");
        }
        Some(_) => {}
    }
}

/// The first and the last id, and how many.
pub fn ids(events: &Events) -> (Option<u64>, Option<u64>, usize) {
    (events.first().map(|(id, _)| *id), events.last().map(|(id, _)| *id), events.len())
}
