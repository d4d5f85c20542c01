//! Real kills (SIGKILL) at random moments of everything a recorder does, several hundred of them.
//!
//! Whatever the moment: every event whose id `append()` had returned is there, in order, once, as it was appended; so
//! is every event that somebody was told to be durable; and the next append continues the ids.
//!
//! Half of the kills come from outside after a random time; the other half the process inflicts on itself right before
//! or right after a random operation on a file, so that opening, preparing, sealing, committing and closing are all hit,
//! however short they are.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{PATIENCE, append_next, code, next_events, small_log_on, when_there_is_room};
use fastrand::Rng;
use flashstrike_crash_lab::{
    AckPage, Child, FaultFileSystem, Kind, ReadBack, Rule, Seed, Walref, events, given, is_child, was_killed,
};
use flashstrike_recorder::{Code, Recorder};

/// Kills of each kind of log. Some hundred are enough to hit every phase many times; the whole loop takes well under a
/// minute on two cores.
const KILLS: u64 = 160;
/// After so many at the latest each phase that has to be hit was.
const MOST_KILLS: u64 = 5 * KILLS;
const PHASES_TO_HIT: [&str; 3] = ["open", "append", "rotate"];
/// Kills that one log goes through before the next one is begun: verification reads all of it after each.
const KILLS_OF_A_LOG: u64 = 10;
/// The reference verifies after every so many kills.
const REFERENCE_EVERY: u64 = 5;
/// A child that no rule has killed by then is killed from outside.
const LIFETIME: Duration = Duration::from_millis(200);

/// What the child is doing, for the record of what was hit.
const PHASES: [&str; 9] =
    ["start", "open", "append", "batch", "flush", "rotate", "durable", "large event", "close"];

#[test]
fn fixed_size_events_survive_every_kill() {
    kill_loop("fixed-size events", 32);
}

#[test]
fn variable_length_events_survive_every_kill() {
    kill_loop("variable-length events", 0);
}

fn kill_loop(what: &str, event_size: u16) {
    let seed = Seed::of_this_run(what);
    let reference = Walref::find();
    let start = Instant::now();
    let mut hit: BTreeMap<&str, u64> = BTreeMap::new();
    let mut openings = 0;
    for log in 0..MOST_KILLS / KILLS_OF_A_LOG {
        if log >= KILLS / KILLS_OF_A_LOG && PHASES_TO_HIT.iter().all(|phase| hit.contains_key(phase)) {
            break;
        }
        let directory = tempfile::tempdir().expect("a temporary directory");
        let log_directory = directory.path().join("log");
        let mut acknowledged = (0, 0);
        for round in log * KILLS_OF_A_LOG..(log + 1) * KILLS_OF_A_LOG {
            let page = kill_once(directory.path(), &log_directory, event_size, seed, round);
            *hit.entry(PHASES[page.last_phase() as usize]).or_default() += 1;
            openings += page.times_opened();
            // What was acknowledged before this child stays acknowledged.
            acknowledged = (page.last_staged().max(acknowledged.0), page.last_durable().max(acknowledged.1));
            let last = verify(&log_directory, event_size, acknowledged)
                .unwrap_or_else(|why| panic!("seed {}, round {round}: {why}", seed.0));
            if let Some(reference) = reference.as_ref().filter(|_| round % REFERENCE_EVERY == 0) {
                compare_with_reference(reference, &log_directory, last);
            }
        }
        goes_on(&log_directory, event_size);
    }
    let kills: u64 = hit.values().sum();
    eprintln!("{what}: {kills} kills, {openings} openings, {:?}; killed in: {hit:?}", start.elapsed());
    for phase in PHASES_TO_HIT {
        assert!(hit.contains_key(phase), "no kill has hit {phase}: {hit:?}");
    }
}

/// Lets a child append until it is killed; gives what it had acknowledged.
fn kill_once(directory: &Path, log: &Path, event_size: u16, seed: Seed, round: u64) -> AckPage {
    let mut rng = seed.rng(round);
    let path = directory.join(format!("page-{round}"));
    let page = AckPage::create(&path).expect("a page");
    let variables = [
        ("LAB_LOG", log.to_path_buf()),
        ("LAB_PAGE", path),
        ("LAB_ROUND", PathBuf::from(format!("{event_size} {} {round}", seed.0))),
    ];
    let mut child = Child::spawn("child", &variables);
    let status = if round.is_multiple_of(2) {
        // Most of the time goes into opening; two kills of three come later.
        let wait_for_opening = rng.u8(..3) > 0;
        while (page.last_phase() == 0 || (wait_for_opening && page.times_opened() == 0))
            && child.ends_within(Duration::from_micros(200)).is_none()
        {}
        std::thread::sleep(Duration::from_micros(rng.u64(..20_000)));
        child.kill()
    } else {
        child.ends_within(LIFETIME).unwrap_or_else(|| child.kill())
    };
    assert!(was_killed(status), "seed {}, round {round}: the child ended by itself", seed.0);
    page
}

/// The rule by which a child kills itself; `None` in rounds in which it is killed from outside.
fn suicide(rng: &mut Rng, round: u64) -> Option<Rule> {
    if round.is_multiple_of(2) {
        return None;
    }
    let rule = if rng.bool() { Rule::kill_before() } else { Rule::kill_after() };
    // Opening a log takes between 30 and 100 operations.
    let first_operations = rng.u64(1..120);
    let kinds = [Kind::Rename, Kind::SyncData, Kind::Write, Kind::Allocate, Kind::SyncDirectory, Kind::Map];
    Some(match rng.u8(..3) {
        0 => rule.number(first_operations),
        1 => rule.number(first_operations + rng.u64(50..400)),
        _ => rule.kind(kinds[rng.usize(..kinds.len())]).skip(rng.u64(2..60)),
    })
}

#[test]
#[ignore = "the half of the kill loop that is killed"]
fn child() {
    if !is_child() {
        return;
    }
    let page = AckPage::open(&given("LAB_PAGE")).expect("the parent's page");
    let round: Vec<u64> = given("LAB_ROUND")
        .to_str()
        .expect("numbers")
        .split(' ')
        .map(|number| number.parse().expect("a number"))
        .collect();
    let (event_size, seed, round) = (round[0] as u16, Seed(round[1]), round[2]);
    let mut rng = seed.rng(!round);
    let files = suicide(&mut rng, round).map_or_else(FaultFileSystem::default, FaultFileSystem::with);
    // Whoever waits for the end of this process does not wait for ever, even if the parent has ended.
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        run_once(&given("LAB_LOG"), event_size, &files, &page, &mut rng);
    }
}

/// Opens, does many things at random, closes; says on the page what it has done as soon as it is done.
fn run_once(log: &Path, event_size: u16, files: &FaultFileSystem, page: &AckPage, rng: &mut Rng) {
    page.phase(1);
    let mut options = small_log_on(files, log, event_size);
    options.prepared_segments = rng.u32(1..4);
    options.small_syncs = rng.bool();
    options.sync_bytes = rng.bool().then_some(4096);
    let mut recorder = Recorder::open(&options).expect("a log that was killed opens");
    assert!(recorder.last_event_id() >= page.last_staged().max(page.last_durable()), "something is lost");
    page.opened();
    page.durable(recorder.durable_event_id());
    page.staged(recorder.last_event_id());
    let waiting = std::thread::scope(|scope| {
        let handle = recorder.commit_handle();
        let (ids, wanted) = std::sync::mpsc::channel::<u64>();
        let waiter = scope.spawn(move || {
            for id in wanted {
                handle.wait(id).expect("a commit");
                page.durable(id);
            }
        });
        for _ in 0..rng.u32(1..400) {
            act(&mut recorder, event_size, page, rng);
            if rng.u8(..32) == 0 {
                ids.send(recorder.written_event_id()).expect("the waiter lives");
            }
        }
        drop(ids);
        waiter.join()
    });
    waiting.expect("no panic");
    page.phase(8);
    recorder.close().expect("a close");
    page.durable(recorder.last_event_id());
}

fn act(recorder: &mut Recorder, event_size: u16, page: &AckPage, rng: &mut Rng) {
    match rng.u8(..100) {
        0..70 => {
            page.phase(2);
            for _ in 0..rng.u32(1..60) {
                page.staged(append_next(recorder, event_size).expect("an append"));
            }
        }
        70..80 => {
            page.phase(3);
            let batch = next_events(recorder, event_size, rng.u64(1..30));
            match when_there_is_room(recorder, |log| log.append_batch(&batch)) {
                Ok(last) => page.staged(last),
                // Several large events may be too much for one of these small segments.
                outcome => assert_eq!(code(outcome), Code::EventTooLarge),
            }
        }
        80..88 => {
            page.phase(4);
            recorder.flush().expect("a flush");
        }
        88..92 => {
            page.phase(5);
            when_there_is_room(recorder, Recorder::rotate).expect("a rotation");
        }
        92..97 => {
            page.phase(6);
            let id = rng.u64(1..=recorder.last_event_id().max(1)).min(recorder.last_event_id());
            recorder.durable_sync(Some(id)).expect("a commit");
            page.durable(id);
        }
        _ => {
            page.phase(7);
            let batch = next_events(recorder, event_size, 1);
            let more = next_events(recorder, event_size, 40);
            // More than a block: a batch that gets a block of its own.
            match when_there_is_room(recorder, |log| log.append_batch(&more)) {
                Ok(last) => page.staged(last),
                Err(_) => page.staged(
                    when_there_is_room(recorder, |log| log.append_batch(&batch)).expect("a batch of one"),
                ),
            }
        }
    }
}

/// Checks a log against what was acknowledged, without the code that wrote it; gives the last id.
fn verify(log: &Path, event_size: u16, (staged, durable): (u64, u64)) -> Result<u64, String> {
    if !log.exists() {
        return if staged == 0 { Ok(0) } else { Err("the directory is not there".to_owned()) };
    }
    let found = ReadBack::now(log);
    if !found.is_clean() {
        return Err(format!("{}: {:?}", found.verdict.state, found.verdict.bad));
    }
    for (expected, (id, bytes)) in (1..).zip(&found.events) {
        if *id != expected {
            return Err(format!("event {id} stands where event {expected} should"));
        }
        if *bytes != events::event(*id, event_size) {
            return Err(format!("event {id} has other contents"));
        }
    }
    let last = found.last_id();
    if last < staged.max(durable) {
        return Err(format!("the log ends at {last}; acknowledged were {staged}, durable {durable}"));
    }
    Ok(last)
}

fn compare_with_reference(reference: &Walref, log: &Path, last: u64) {
    if !log.exists() {
        return;
    }
    let boot_id = flashstrike_recovery::machine::boot_id().unwrap().expect("a boot id");
    let answer = reference.verify(log, &boot_id);
    assert_eq!(answer["state"], "clean", "{answer}");
    assert_eq!(answer["last_id"], last, "{answer}");
    assert_eq!(answer["payload_sha256"], ReadBack::now(log).sha256(), "{answer}");
}

/// After the last kill the log opens once more and goes on where it ended.
fn goes_on(log: &Path, event_size: u16) {
    let last = if log.exists() { ReadBack::now(log).last_id() } else { 0 };
    let mut recorder =
        Recorder::open(&common::small_log(log, event_size)).expect("a log that was killed opens");
    assert_eq!(recorder.last_event_id(), last);
    assert_eq!(recorder.durable_event_id(), last, "after opening everything is durable");
    assert_eq!(append_next(&mut recorder, event_size).expect("an append"), last + 1);
    recorder.close().expect("a close");
    common::expect_log(log, event_size, last + 1);
}
