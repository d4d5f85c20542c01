//! Every code of the log is reached by a test that makes the condition it stands for; what it means is in
//! `docs/operations.md`.
//!
//! | code | its condition, made for real | in |
//! |---|---|---|
//! | `WAL_LOCKED` | a second opener, in this process and in another one | `locking` |
//! | `WAL_CORRUPT` | a flipped bit below what was durable | `reopen` |
//! | `WAL_TORN` | a block that is half there | `reopen` |
//! | `WAL_FULL` | tmpfs and ext4 without space; a kernel that says so | `full_disk`, `real_syncs` |
//! | `WAL_BACKPRESSURE` | segments that are not ready or not sealed | `back_pressure` |
//! | `WAL_POISONED` | a kernel that answers a sync with EIO or ENOSPC; a log that was moved away | `real_syncs`, `locking` |
//! | `WAL_EVENT_TOO_LARGE` | more than an empty segment holds | `arguments` |
//! | `WAL_EVENT_ID` | ids that do not increase | `arguments` |
//! | `WAL_SCHEMA` | events and logs of another type | `arguments` |
//! | `WAL_CLOSED` | use after close | `arguments` |
//! | `WAL_NOT_FOUND` | a directory without a log | recovery: `operating_system` |
//! | `WAL_GONE` | an id in front of the first one there is | recovery: `golden_replay` |
//! | `WAL_IO` | another user's files, a read-only file system, no descriptors, no parent, a file for a directory | `real_permissions`, `real_places` |
//! | `WAL_UNSUPPORTED` | ramfs, procfs, a newer version | `real_places` |

use std::fs;
use std::path::Path;

use flashstrike_recorder::Code;

/// The tests that reach each code: below `crates/`, the file and the name.
const REACHED: [(Code, &str, &str); 23] = [
    (
        Code::Locked,
        "recorder/tests/locking.rs",
        "a_second_opener_in_the_same_process_is_told_who_has_the_log",
    ),
    (Code::Locked, "recorder/tests/locking.rs", "the_lock_of_another_process_is_respected_and_ends_with_it"),
    (
        Code::Corrupt,
        "recorder/tests/reopen.rs",
        "damage_below_what_was_durable_is_refused_and_nothing_changes",
    ),
    (Code::Torn, "recorder/tests/reopen.rs", "a_torn_tail_is_cut_kept_and_reported"),
    (
        Code::Full,
        "recorder/tests/full_disk.rs",
        "on_a_full_ext4_appends_go_on_to_the_end_of_the_segment_and_resume_when_space_is_back",
    ),
    (Code::Full, "recorder/tests/real_syncs.rs", "space_that_has_gone_passes_and_loses_nothing"),
    (
        Code::Backpressure,
        "recorder/tests/back_pressure.rs",
        "at_most_eight_segments_are_unsealed_then_appends_are_refused_until_one_is_sealed",
    ),
    (
        Code::Poisoned,
        "recorder/tests/real_syncs.rs",
        "a_failed_fdatasync_ends_appending_and_nothing_that_was_promised_is_lost",
    ),
    (
        Code::Poisoned,
        "recorder/tests/real_syncs.rs",
        "space_that_has_gone_on_thin_storage_shows_at_the_sync_and_ends_appending",
    ),
    (
        Code::Poisoned,
        "recorder/tests/locking.rs",
        "a_writer_whose_directory_was_moved_promises_nothing_more_and_touches_no_other_log",
    ),
    (
        Code::EventTooLarge,
        "recorder/tests/arguments.rs",
        "an_event_is_limited_by_what_an_empty_segment_holds",
    ),
    (Code::EventId, "recorder/tests/arguments.rs", "ids_have_to_increase_and_may_have_gaps"),
    (Code::Schema, "recorder/tests/arguments.rs", "an_event_of_another_size_is_refused"),
    (Code::Schema, "recorder/tests/arguments.rs", "another_schema_is_refused_and_nothing_changes"),
    (
        Code::Closed,
        "recorder/tests/arguments.rs",
        "after_closing_everything_says_so_and_closing_again_does_nothing",
    ),
    (Code::NotFound, "recovery/tests/operating_system.rs", "a_directory_without_a_log_is_not_found"),
    (
        Code::Gone,
        "recovery/tests/golden_replay.rs",
        "what_retention_has_removed_is_gone_and_what_is_not_there_yet_is_the_end",
    ),
    (
        Code::CursorAhead,
        "recorder/tests/named_cursors.rs",
        "a_cursor_beyond_the_end_never_starts_again_from_the_beginning",
    ),
    (
        Code::Io,
        "recorder/tests/real_permissions.rs",
        "without_permission_opening_is_an_io_error_and_changes_nothing",
    ),
    (
        Code::Io,
        "recorder/tests/real_permissions.rs",
        "without_descriptors_nothing_is_lost_and_appending_goes_on_when_there_are_some",
    ),
    (
        Code::Io,
        "recorder/tests/real_places.rs",
        "a_log_on_a_read_only_file_system_can_be_read_and_goes_on_when_it_can_be_written_again",
    ),
    (
        Code::Unsupported,
        "recorder/tests/real_places.rs",
        "a_file_system_that_is_not_supported_is_refused_until_it_is_allowed_by_name",
    ),
    (
        Code::Unsupported,
        "recorder/tests/real_places.rs",
        "a_log_of_a_newer_version_is_refused_and_not_taken_for_damaged",
    ),
];

fn crates() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the directory of all crates")
}

/// Whether any source of a crate gives this code.
fn is_given(directory: &Path, code: Code) -> bool {
    let name = format!("Code::{code:?}");
    let gives = |path: &Path| {
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        is_source && fs::read_to_string(path).expect("a source").contains(&name)
    };
    let mut paths =
        fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    paths.any(|path| if path.is_dir() { is_given(&path, code) } else { gives(&path) })
}

#[test]
fn every_code_that_the_log_gives_is_reached_by_a_test() {
    for code in Code::ALL {
        let is_reached = REACHED.iter().any(|(reached, ..)| *reached == code);
        let is_given =
            ["recorder/src", "recovery/src"].iter().any(|source| is_given(&crates().join(source), code));
        assert_eq!(is_reached, is_given, "{code}: reached by a test, given by the log");
    }
}

#[test]
fn the_tests_that_reach_a_code_exist() {
    for (code, file, name) in REACHED {
        let text = fs::read_to_string(crates().join(file)).expect(file);
        let head = format!("#[test]\nfn {name}()");
        let (_, body) = text.split_once(&head).unwrap_or_else(|| panic!("{file} has no test {name}"));
        let body = body.split("\n}\n").next().unwrap_or_default();
        // Or it calls what looks at the code.
        let names_it = text.contains(&format!("Code::{code:?}"));
        assert!(!body.is_empty() && names_it, "{file}: {name} says nothing of {code}");
    }
}
