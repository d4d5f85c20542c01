//! Repairing a damaged log by hand: a plan changes nothing, a repair leaves a clean log, and it can be undone.

use std::path::Path;
use std::sync::Arc;

use flashstrike_recorder::{Code, Mode};
use flashstrike_recovery::files::{FileSystem, OsFileSystem};
use flashstrike_recovery::repair::{ByHandOptions, plan_repair, repair, undo};
use flashstrike_segment::{State, WalMeta, names};

use super::case::Case;
use super::expected::{Expected, Oracle};
use super::files::{Snapshot, log_of, snapshot, written};
use super::reading::{check_error, ids};
use crate::memory::BOOT_ID;

/// Repairs and undoes in both modes that repair.
pub fn check(case: &Case, expected: Option<&Expected>, oracle: &mut Oracle) {
    let files: Arc<dyn FileSystem> = Arc::new(OsFileSystem);
    for mode in [Mode::Tail, Mode::PointInTime] {
        let what = format!("{}, repaired in {mode}", case.what);
        let directory = written(&case.log);
        let log = directory.path();
        let before = snapshot(log);
        let options = ByHandOptions { mode, file_mode: None, boot_id: Some(BOOT_ID), at: None };
        let plan = plan_repair(&files, log, &options);
        assert!(snapshot(log) == before, "{what}: the plan has changed something");
        let done = repair(&files, log, &options);
        let (plan, done) = match (expected, plan, done) {
            (Some(expected), Ok(plan), Ok(done)) => {
                assert_eq!(expected.refusal(mode), None, "{what}: not refused");
                (plan, done)
            }
            (expected, Err(planned), Err(error)) => {
                assert_eq!(planned.code(), error.code(), "{what}: {planned}; {error}");
                assert!(snapshot(log) == before, "{what}: refused, and yet something has changed");
                match expected {
                    None => assert_eq!(error.code(), Code::Unsupported, "{what}: {error}"),
                    Some(expected) if expected.is_empty && error.code() == Code::NotFound => {}
                    Some(expected) => {
                        let code = expected.refusal(mode).unwrap_or_else(|| panic!("{what}: {error}"));
                        check_error(case, expected, code, &error, &what);
                    }
                }
                continue;
            }
            (_, plan, done) => panic!("{what}: planned {plan:?}, done {done:?}"),
        };
        let expected = expected.expect("it was repaired");
        assert_eq!(plan.cuts.len(), done.cuts.len(), "{what}");
        assert_eq!((plan.events, plan.lost), (done.events, done.lost), "{what}");
        let found = oracle.of_directory(log, &what);
        assert_eq!((found.state, found.bad), (State::Clean, None), "{what}: after the repair");
        assert!(
            found.events == expected.events,
            "{what}: {:?}, not {:?}",
            ids(&found.events),
            ids(&expected.events)
        );
        if expected.state == State::Clean {
            assert!(
                log_of(&snapshot(log)) == log_of(&before),
                "{what}: clean, and yet something has changed"
            );
        } else if !done.cuts.is_empty() {
            undo(&files, log, None, &options).expect(&what);
            let now = log_of(&snapshot(log));
            let before = with_durable_of(log_of(&before), &now);
            let differing: Vec<_> = before
                .iter()
                .filter(|(name, old)| now.get(*name) != Some(old))
                .map(|(name, _)| name)
                .collect();
            assert!(now == before, "{what}: not undone: {differing:?}");
        }
    }
}

/// The log of before, with all in `wal.meta` that has turned out to be durable since.
fn with_durable_of(mut before: Snapshot, now: &Snapshot) -> Snapshot {
    let meta_of = |log: &Snapshot| WalMeta::decode(log.get(Path::new(names::WAL_META))?.as_deref()?).ok();
    if let (Some(old), Some(new)) = (meta_of(&before), meta_of(now)) {
        let durable_event_id = old.durable_event_id.max(new.durable_event_id);
        let raised = WalMeta { durable_event_id, ..old };
        before.insert(names::WAL_META.into(), Some(raised.encode().to_vec()));
    }
    before
}
