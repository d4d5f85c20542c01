//! Repairing by hand: a plan changes nothing and says what the repair does; what a repair cuts can be put back, byte for
//! byte, unless something was appended since; a crash at any step loses nothing.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use flashstrike_recovery::files::{FileSystem, OsFileSystem};
use flashstrike_recovery::inspect::{Depth, InspectOptions, inspect};
use flashstrike_recovery::lock::LogLock;
use flashstrike_recovery::repair::{
    ByHandOptions, Evidence, RepairPlan, plan_repair, plan_undo, quarantine, repair, repair_if, undo,
};
use flashstrike_recovery::{Code, Mode};
use flashstrike_segment::State;
use support::fault::StoppingFiles;
use support::writer::LogWriter;
use support::{Vector, contents, os_files, staging, vector, vectors};

fn options(vector: &Vector, mode: Mode) -> ByHandOptions {
    ByHandOptions { mode, file_mode: None, boot_id: Some(vector.boot_id), at: None }
}

/// For logs whose staging memory is of this boot.
fn of_staging_boot() -> ByHandOptions {
    ByHandOptions { mode: Mode::PointInTime, boot_id: Some(staging::BOOT_ID), ..ByHandOptions::default() }
}

/// Makes a log of ten events and three staged ones, whose `wal.meta` calls durable what is nowhere, neither in a block
/// nor staged.
fn corrupt_with_staged_events(log: &Path) -> LogWriter {
    let mut writer = LogWriter::new(log, 32, 1 << 20);
    writer.activate();
    writer.append(10);
    let link = writer.link;
    writer.link.last_event_id = 20;
    writer.write_meta(0);
    writer.link = link;
    staging::stage(log, 10, 3, 32, 0);
    writer
}

/// The files of the log itself.
fn log_of(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = contents(directory);
    all.retain(|path, _| !path.starts_with("quarantine") && path != Path::new("wal.lock"));
    all
}

fn state_of(vector: &Vector) -> State {
    let inspecting =
        InspectOptions { depth: Depth::Everything, boot_id: Some(vector.boot_id), beside_writer: false };
    inspect(&os_files(), vector.path(), &inspecting).expect("readable").state
}

fn is_empty(vector: &Vector) -> bool {
    !contents(vector.path()).keys().any(|name| {
        let name = name.to_string_lossy();
        name.contains(".wal") || name == "wal.meta"
    })
}

/// What both say of the log and of what is cut, times and names apart.
fn gist(plan: &RepairPlan) -> impl PartialEq + std::fmt::Debug + use<> {
    let cuts: Vec<_> =
        plan.cuts.iter().map(|cut| (cut.segment, cut.offset, cut.bytes, cut.reason.clone())).collect();
    (plan.state, plan.damage.clone(), plan.events, plan.last_event_id, plan.lost, cuts, plan.log_end)
}

#[test]
fn a_plan_changes_nothing_a_repair_does_what_it_says_and_an_undo_gives_every_byte_back() {
    for mode in [Mode::Tail, Mode::PointInTime] {
        for vector in vectors().iter().filter(|vector| !is_empty(vector)) {
            let what = format!("{} in {mode}", vector.name);
            let before = contents(vector.path());
            let was = state_of(vector);
            let options = options(vector, mode);
            let plan = plan_repair(&os_files(), vector.path(), &options);
            assert!(contents(vector.path()) == before, "{what}: the plan has changed something");
            if was == State::Corrupt && mode == Mode::Tail {
                assert_eq!(plan.expect_err(&what).code(), Code::Corrupt, "{what}");
                assert_eq!(
                    repair(&os_files(), vector.path(), &options).expect_err(&what).code(),
                    Code::Corrupt,
                    "{what}"
                );
                assert!(log_of(vector.path()) == log_of_contents(&before), "{what}: refused, and changed");
                continue;
            }
            let plan = plan.expect(&what);
            let done = repair(&os_files(), vector.path(), &options).expect(&what);
            assert_eq!(gist(&plan), gist(&done), "{what}");
            assert_eq!(state_of(vector), State::Clean, "{what}");
            assert_eq!(done.events, vector.number("events"), "{what}");
            if was == State::Clean {
                assert!(done.cuts.is_empty() && done.cut_at.is_none(), "{what}");
                assert!(log_of(vector.path()) == log_of_contents(&before), "{what}: clean, and changed");
                continue;
            }
            if done.cuts.is_empty() {
                continue;
            }
            let planned = plan_undo(&os_files(), vector.path(), None, &options).expect(&what);
            let undone = undo(&os_files(), vector.path(), None, &options).expect(&what);
            assert_eq!(planned, undone, "{what}");
            assert_eq!(Some(&undone.cut_at), done.cut_at.as_ref(), "{what}");
            check_same(&log_of(vector.path()), &log_of_contents(&before), &what);
            let again = undo(&os_files(), vector.path(), None, &options).expect_err(&what);
            assert_eq!(again.code(), Code::NotFound, "{what}: {again}");
        }
    }
}

fn log_of_contents(all: &BTreeMap<PathBuf, Vec<u8>>) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = all.clone();
    all.retain(|path, _| !path.starts_with("quarantine") && path != Path::new("wal.lock"));
    all
}

fn check_same(now: &BTreeMap<PathBuf, Vec<u8>>, before: &BTreeMap<PathBuf, Vec<u8>>, what: &str) {
    assert_eq!(now.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "{what}: names");
    for (name, bytes) in before {
        assert!(now[name] == *bytes, "{what}: {} is not what it was", name.display());
    }
}

#[test]
fn nothing_is_cut_but_what_was_agreed_to() {
    let directory = support::temporary_directory();
    let log = directory.path();
    let mut writer = LogWriter::new(log, 64, 16_384);
    writer.activate();
    for _ in 0..20 {
        writer.append(10);
    }
    let flip = |at: usize| {
        let path = log.join("00000000.wal");
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    flip(9_000);
    let options = ByHandOptions {
        mode: Mode::PointInTime,
        boot_id: Some([1; 16]),
        at: Some(SystemTime::UNIX_EPOCH),
        ..ByHandOptions::default()
    };
    let shown = plan_repair(&os_files(), log, &options).unwrap();
    flip(5_000);
    let before = log_of(log);
    let refused = repair_if(&os_files(), log, &options, |plan| *plan == shown).unwrap_err();
    assert_eq!(refused.code(), Code::Locked, "{refused}");
    check_same(&log_of(log), &before, "a repair that was not agreed to");
    flip(5_000);
    let done = repair_if(&os_files(), log, &options, |plan| *plan == shown).unwrap();
    assert_eq!((done.last_event_id, done.lost), (shown.last_event_id, shown.lost));
}

#[test]
fn what_was_cut_is_not_put_back_over_what_was_appended_since() {
    let Some(vector) = vector("torn-payload") else { return };
    let whole = support::vector("fixed-active").expect("a golden log");
    let options = options(&vector, Mode::Tail);
    let done = repair(&os_files(), vector.path(), &options).expect("repaired");
    let name = done.cut_at.expect("something was cut");
    let before = contents(vector.path());
    // Another log's end is as good as an appended event: the log does not end any more where it did.
    fs::write(
        vector.path().join("00000000.wal"),
        fs::read(whole.path().join("00000000.wal")).expect("a segment"),
    )
    .expect("written");
    let changed = contents(vector.path());
    if changed != before {
        let refused = undo(&os_files(), vector.path(), Some(&name), &options).expect_err("refused");
        assert_eq!(refused.code(), Code::Unsupported, "{refused}");
        assert!(refused.to_string().contains("appended since"), "{refused}");
        assert!(log_of(vector.path()) == log_of_contents(&changed), "nothing was changed");
    }
}

#[test]
fn kept_bytes_that_have_changed_are_not_put_back() {
    for name in ["torn-payload", "cold-damaged", "missing-middle"] {
        let Some(vector) = vector(name) else { return };
        let options = options(&vector, Mode::PointInTime);
        repair(&os_files(), vector.path(), &options).expect("repaired");
        let cut = log_of(vector.path());
        let kept = quarantine(&OsFileSystem, vector.path()).expect("listed");
        assert!(!kept.is_empty(), "{name}");
        for one in &kept {
            let path = vector.path().join("quarantine").join(format!("{}.bin", one.stem));
            let bytes = fs::read(&path).expect("kept");
            for at in [0, bytes.len() / 2, bytes.len() - 1] {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                fs::write(&path, &changed).expect("written");
                for refused in [
                    plan_undo(&os_files(), vector.path(), None, &options).expect_err("planned"),
                    undo(&os_files(), vector.path(), None, &options).expect_err("put back"),
                ] {
                    assert_eq!(refused.code(), Code::Unsupported, "{name}: {refused}");
                    assert_eq!(refused.path(), Some(&*path), "{name}: {refused}");
                }
                check_same(&log_of(vector.path()), &cut, name);
            }
            fs::write(&path, &bytes).expect("written");
        }
        let undone = undo(&os_files(), vector.path(), None, &options).expect("as it was kept");
        assert!(undone.files.iter().all(|piece| piece.checked), "{undone:?}");
    }
}

#[test]
fn bytes_that_were_kept_without_a_checksum_are_put_back_and_it_says_so() {
    let Some(vector) = vector("torn-payload") else { return };
    let before = log_of(vector.path());
    let options = options(&vector, Mode::Tail);
    repair(&os_files(), vector.path(), &options).expect("repaired");
    for one in quarantine(&OsFileSystem, vector.path()).expect("listed") {
        let evidence = Evidence { xxh3: None, ..one.evidence.expect("described") };
        let text = serde_json::to_string(&evidence).expect("JSON");
        assert!(!text.contains("xxh3"), "{text}");
        let json = vector.path().join("quarantine").join(format!("{}.json", one.stem));
        fs::write(json, text).expect("written");
    }
    let undone = undo(&os_files(), vector.path(), None, &options).expect("undone");
    assert!(undone.files.iter().all(|piece| !piece.checked), "{undone:?}");
    check_same(&log_of(vector.path()), &before, "without");
}

#[test]
fn a_description_that_names_another_file_is_not_believed() {
    let Some(vector) = vector("torn-payload") else { return };
    let options = options(&vector, Mode::Tail);
    repair(&os_files(), vector.path(), &options).expect("repaired");
    let kept = quarantine(&OsFileSystem, vector.path()).expect("listed");
    let json = vector.path().join("quarantine").join(format!("{}.json", kept[0].stem));
    // Of this log alone, so that nothing else can have made it.
    let name = vector.path().file_name().and_then(|name| name.to_str()).expect("a name");
    let victim = format!("../{name}.victim");
    let outside = vector.path().join(&victim);
    for file in [&*victim, "/etc/passwd", "wal.lock", "cursors/a.cursor", "0.wal"] {
        let mut evidence = kept[0].evidence.clone().expect("described");
        evidence.file = file.to_owned();
        fs::write(&json, serde_json::to_vec(&evidence).expect("JSON")).expect("written");
        let refused = undo(&os_files(), vector.path(), None, &options).expect_err(file);
        assert_eq!(refused.code(), Code::Unsupported, "{file}: {refused}");
        assert!(!outside.exists(), "{file}");
    }
    let before = log_of(vector.path());
    for offset in [u64::MAX, u64::MAX - 63, 1 << 63, 1 << 40, 1, 63] {
        let mut evidence = kept[0].evidence.clone().expect("described");
        evidence.offset = offset;
        fs::write(&json, serde_json::to_vec(&evidence).expect("JSON")).expect("written");
        let refused = undo(&os_files(), vector.path(), None, &options).expect_err("nowhere");
        assert_eq!(refused.code(), Code::Unsupported, "{offset}: {refused}");
        check_same(&log_of(vector.path()), &before, "nowhere");
    }
}

/// The damage of each reaches another step of the repair.
const STOPPED: [&str; 6] =
    ["torn-rotated", "torn-payload", "corrupt-hole", "cold-damaged", "meta-ahead", "missing-middle"];

/// Runs with files that stop at each operation in turn, from a fresh log each time, until one run comes to its end.
fn stopped_everywhere(
    name: &str,
    prepare: impl Fn(&Vector),
    run: impl Fn(&Vector, &Arc<dyn FileSystem>) -> bool,
    check: impl Fn(&Vector, &str),
) {
    for operations in 0..2_000 {
        let Some(vector) = vector(name) else { return };
        prepare(&vector);
        let files: Arc<dyn FileSystem> = StoppingFiles::new(operations, operations % 2 == 0);
        let is_done = run(&vector, &files);
        check(&vector, &format!("{name}, stopped at operation {operations}"));
        if is_done {
            return;
        }
    }
    panic!("{name}: no end");
}

/// The log without what a process that has died left half done, which never counts.
fn settled(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = log_of(directory);
    all.retain(|path, _| path.extension().is_none_or(|ending| ending != "new" && ending != "tmp"));
    all
}

/// Everything kept so far was kept by an earlier repair.
fn let_time_pass(directory: &Path) {
    for kept in quarantine(&OsFileSystem, directory).expect("listed") {
        let Some(evidence) = kept.evidence else { continue };
        let evidence = Evidence { cut_at: "20260101T000000Z".to_owned(), ..evidence };
        let path = directory.join("quarantine").join(format!("{}.json", kept.stem));
        fs::write(path, serde_json::to_vec(&evidence).expect("JSON")).expect("written");
    }
}

#[test]
fn a_repair_that_is_stopped_anywhere_can_be_done_and_undone() {
    for name in STOPPED {
        let Some(undisturbed) = vector(name) else { return };
        let before = settled(undisturbed.path());
        let options = options(&undisturbed, Mode::PointInTime);
        repair(&os_files(), undisturbed.path(), &options).expect(name);
        let expected = settled(undisturbed.path());
        let run =
            |vector: &Vector, files: &Arc<dyn FileSystem>| repair(files, vector.path(), &options).is_ok();
        stopped_everywhere(
            name,
            |_| {},
            run,
            |vector, what| {
                let_time_pass(vector.path());
                repair(&os_files(), vector.path(), &options)
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                check_same(&settled(vector.path()), &expected, what);
                let undone =
                    (0..3).take_while(|_| undo(&os_files(), vector.path(), None, &options).is_ok()).count();
                assert!((1..3).contains(&undone), "{what}: undone {undone} times");
                check_same(&settled(vector.path()), &before, what);
            },
        );
    }
}

#[test]
fn an_undo_that_is_stopped_anywhere_can_be_done() {
    for name in STOPPED {
        let Some(undisturbed) = vector(name) else { return };
        let before = settled(undisturbed.path());
        let options = options(&undisturbed, Mode::PointInTime);
        let prepare = |vector: &Vector| {
            repair(&os_files(), vector.path(), &options).expect(name);
        };
        let run =
            |vector: &Vector, files: &Arc<dyn FileSystem>| undo(files, vector.path(), None, &options).is_ok();
        stopped_everywhere(name, prepare, run, |vector, what| {
            // Behind its last step it has nothing to do any more.
            if let Err(error) = undo(&os_files(), vector.path(), None, &options) {
                assert_eq!(error.code(), Code::NotFound, "{what}: {error}");
            }
            check_same(&settled(vector.path()), &before, what);
        });
    }
}

#[test]
fn a_writer_is_not_disturbed() {
    let Some(vector) = vector("torn-payload") else { return };
    let options = options(&vector, Mode::Tail);
    let before = log_of(vector.path());
    let _lock = LogLock::acquire(&OsFileSystem, vector.path(), 0o600, &vector.boot_id).expect("free");
    for outcome in [
        plan_repair(&os_files(), vector.path(), &options).err(),
        repair(&os_files(), vector.path(), &options).err(),
        plan_undo(&os_files(), vector.path(), None, &options).err(),
        undo(&os_files(), vector.path(), None, &options).err(),
    ] {
        let error = outcome.expect("refused");
        assert_eq!(error.code(), Code::Locked, "{error}");
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    }
    check_same(&log_of(vector.path()), &before, "beside a writer");
}

#[test]
fn no_lock_is_made_where_no_log_is() {
    let place = support::temporary_directory();
    let options = ByHandOptions::default();
    for error in [
        repair(&os_files(), place.path(), &options).expect_err("no log"),
        undo(&os_files(), place.path(), None, &options).expect_err("no log"),
    ] {
        assert_eq!(error.code(), Code::NotFound, "{error}");
    }
    assert!(contents(place.path()).is_empty());
}

#[test]
fn odd_files_in_the_quarantine_hide_nothing() {
    let vector = vectors().into_iter().find(|vector| vector.text("state") == "torn").expect("a torn log");
    let options = options(&vector, Mode::Tail);
    repair(&os_files(), vector.path(), &options).expect("torn");
    let kept = quarantine(&OsFileSystem, vector.path()).expect("readable").len();
    let place = vector.path().join("quarantine");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", place.join("odd-link.bin")).unwrap();
    fs::write(place.join("odd-link.json"), "{}").unwrap();
    fs::create_dir_all(place.join("odd-folder.json")).unwrap();
    fs::write(place.join("odd-folder.bin"), "x").unwrap();
    let all = quarantine(&OsFileSystem, vector.path()).expect("odd files are told, and no error");
    assert_eq!(all.len(), kept + 2);
    let odd = all.iter().filter(|one| one.stem.starts_with("odd"));
    assert!(odd.clone().all(|one| one.evidence.is_none()));
    assert_eq!(odd.map(|one| one.bytes).collect::<Vec<_>>(), [Some(1), None]);
    undo(&os_files(), vector.path(), None, &options).expect("what was kept is put back");
}

#[test]
fn a_staging_memory_that_a_repair_has_kept_is_not_missed() {
    let place = support::temporary_directory();
    let log = place.path();
    let mut writer = LogWriter::new(log, 32, 1 << 20);
    writer.activate();
    writer.append(10);
    writer.append(10);
    writer.write_meta(0);
    staging::stage(log, 20, 0, 32, 0);
    let path = log.join("00000000.wal");
    let mut bytes = fs::read(&path).expect("a segment");
    bytes[700] ^= 1;
    fs::write(&path, bytes).expect("written");
    let options = of_staging_boot();
    let done = repair(&os_files(), log, &options).expect("corrupt");
    assert!(
        done.cuts.iter().any(|cut| cut.kept_in.to_string_lossy().contains("wal.staging")),
        "{:?}",
        done.cuts
    );
    let inspecting =
        InspectOptions { depth: Depth::Everything, boot_id: options.boot_id, beside_writer: false };
    let after = inspect(&os_files(), log, &inspecting).expect("readable");
    assert_eq!(after.unproven, [""; 0], "nothing is lost but what the repair has told of");
}

#[test]
fn a_repair_that_left_staged_events_is_undone_byte_for_byte() {
    let place = support::temporary_directory();
    let log = place.path();
    corrupt_with_staged_events(log);
    let options = of_staging_boot();
    let before = log_of(log);
    let done = repair(&os_files(), log, &options).expect("corrupt");
    assert_eq!((done.events, done.last_event_id, done.cuts.len()), (13, 13, 1));
    assert_eq!((done.log_end.event_id, done.log_end.staged_event_id), (10, 13));
    let after = log_of(log);
    assert!(after != before, "something was cut");
    // One event more is staged, or one less: somebody was here.
    for count in [4, 2, 0] {
        staging::stage(log, 10, count, 32, 0);
        let changed = log_of(log);
        let refused = undo(&os_files(), log, None, &options).expect_err("something was appended since");
        assert_eq!(refused.code(), Code::Unsupported, "{refused}");
        assert!(refused.to_string().contains("ended with event 13"), "{refused}");
        check_same(&log_of(log), &changed, "refused");
    }
    staging::stage(log, 10, 3, 32, 0);
    check_same(&log_of(log), &after, "staged again");
    undo(&os_files(), log, None, &options).expect("nothing was appended");
    check_same(&log_of(log), &before, "staged events");
}

#[test]
fn a_log_that_was_only_opened_since_a_repair_is_not_said_to_hold_new_events() {
    let place = support::temporary_directory();
    let log = place.path();
    let mut writer = corrupt_with_staged_events(log);
    let options = of_staging_boot();
    repair(&os_files(), log, &options).expect("corrupt");
    // As opening does: the staged events get a block, and nothing else comes.
    writer.append(3);
    staging::stage(log, 13, 0, 32, 0);
    let refused = undo(&os_files(), log, None, &options).expect_err("the log ends elsewhere");
    assert_eq!(refused.code(), Code::Unsupported, "{refused}");
    assert!(
        refused
            .to_string()
            .contains("ends with event 13 as when it was cut, but was opened for append since"),
        "{refused}"
    );
}
