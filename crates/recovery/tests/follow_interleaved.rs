//! A follower under whose every operation on a file a writer does something: publishes, rotates, seals, compresses, removes,
//! dies, comes back and takes over what is staged. What it hands out is compared with a model of the log in memory.

mod support;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flashstrike_recovery::directory::{cold_path, hot_path};
use flashstrike_recovery::files::File;
use flashstrike_recovery::follow::{FollowOptions, Start, Wait};
use flashstrike_recovery::{Code, Recovery, RecoveryOptions};
use proptest::prelude::*;
use support::interleaving::InterleavingFiles;
use support::staging::{BOOT_ID, stage};
use support::writer::{LogWriter, expected_event, hold_lock};
use support::{Watchdog, temporary_directory};

/// What the writer does at one of its turns.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Append(u32),
    /// Compresses the oldest sealed segment that is not.
    Compress,
    /// Removes the oldest sealed segment.
    Remove,
    /// Dies with so many events staged, and does not come back for so many turns: finding out what is staged takes many.
    Die(u32, u32),
    /// Opens the log again: what is staged becomes a block, and staging another file.
    Return,
    Rest,
}

/// The log as it should be, and the writer.
struct Model {
    directory: PathBuf,
    event_size: u16,
    writer: LogWriter,
    lock: Option<Arc<dyn File>>,
    staged: u32,
    dead_for: u32,
    compressed: u32,
    removed: u32,
    /// Id of the first event there is.
    first_event_id: u64,
}

impl Model {
    fn new(directory: PathBuf, event_size: u16, unsealed: usize) -> Self {
        let lock = Some(hold_lock(&directory));
        let mut writer = LogWriter::new(&directory, event_size, 4096);
        (writer.unsealed, writer.ahead) = (unsealed, 1);
        writer.append(1);
        stage(&directory, 0, 0, event_size, 0);
        writer.write_meta(0);
        Self {
            directory,
            event_size,
            writer,
            lock,
            staged: 0,
            dead_for: 0,
            compressed: 0,
            removed: 0,
            first_event_id: 1,
        }
    }

    /// Segments in front of the unsealed ones.
    fn sealed(&self) -> u32 {
        self.writer.next_segment.saturating_sub(1 + self.writer.unsealed as u32)
    }

    fn take(&mut self, turn: Turn) {
        self.dead_for = self.dead_for.saturating_sub(1);
        match turn {
            Turn::Append(count) if self.lock.is_some() => self.writer.append(count),
            Turn::Compress if self.sealed() > self.compressed.max(self.removed) => {
                self.compressed = self.compressed.max(self.removed);
                self.writer.compress(self.compressed);
                self.compressed += 1;
            }
            Turn::Remove if self.sealed() > self.removed + 1 => {
                self.removed += 1;
                self.writer.write_meta(self.removed);
                self.first_event_id = self.writer.first_of(self.removed);
                let _ = std::fs::remove_file(hot_path(&self.directory, self.removed - 1));
                let _ = std::fs::remove_file(cold_path(&self.directory, self.removed - 1));
            }
            Turn::Die(staged, turns) if self.lock.is_some() => {
                (self.staged, self.dead_for) = (staged, turns);
                let base = self.writer.link.last_event_id;
                // The memory that was there is filled; only opening makes another file of it.
                support::staging::fill(&self.directory, base, staged, self.event_size);
                self.lock = None;
            }
            Turn::Return if self.lock.is_none() && self.dead_for == 0 => self.come_back(),
            _ => {}
        }
    }

    fn come_back(&mut self) {
        self.lock = Some(hold_lock(&self.directory));
        if self.staged > 0 {
            self.writer.append(self.staged);
        }
        self.staged = 0;
        let last = self.writer.link.last_event_id;
        stage(&self.directory, last, 0, self.event_size, last);
    }
}

fn turns() -> impl Strategy<Value = Turn> {
    prop_oneof![
        12 => (1..20_u32).prop_map(Turn::Append),
        2 => Just(Turn::Compress),
        1 => Just(Turn::Remove),
        1 => (0..6_u32, 0..250_u32).prop_map(|(staged, turns)| Turn::Die(staged, turns)),
        2 => Just(Turn::Return),
        9 => Just(Turn::Rest),
    ]
}

fn follow(turns: &[Turn], event_size: u16, unsealed: usize, removes: bool, ahead: usize) {
    let directory = temporary_directory();
    let mut model = Model::new(directory.path().to_path_buf(), event_size, unsealed);
    // So many turns are over when the follower begins.
    for &turn in &turns[..ahead.min(turns.len())] {
        model.take(turn);
    }
    let rest: Vec<Turn> = turns[ahead.min(turns.len())..]
        .iter()
        .copied()
        .filter(|turn| removes || !matches!(turn, Turn::Remove))
        .collect();
    let begins = model.first_event_id;
    let model = Arc::new(Mutex::new(model));
    let next = Arc::new(AtomicU64::new(0));
    let step = {
        let (model, next, rest) = (Arc::clone(&model), Arc::clone(&next), rest.clone());
        move || {
            let at = next.fetch_add(1, Ordering::Relaxed) as usize;
            if let Some(&turn) = rest.get(at) {
                model.lock().unwrap().take(turn);
            }
        }
    };
    let files = InterleavingFiles::shared(Box::new(step));
    let options = RecoveryOptions {
        files: Some(files),
        boot_id: Some(BOOT_ID),
        preload_segments: 1,
        ..RecoveryOptions::new(directory.path())
    };
    let gone = |error: &flashstrike_recovery::Error| removes && error.code() == Code::Gone;
    let log = match Recovery::open(options) {
        Err(error) => panic!("{error}"),
        Ok(log) => log,
    };
    let mut follower = match log.follow(FollowOptions { from: Start::First, ..FollowOptions::default() }) {
        Err(error) if gone(&error) => return,
        outcome => outcome.unwrap(),
    };
    let mut last = None;
    loop {
        let is_over = next.load(Ordering::Relaxed) as usize >= rest.len();
        if is_over {
            let mut model = model.lock().unwrap();
            if model.lock.is_none() {
                model.come_back();
            }
            if last == Some(model.writer.link.last_event_id) {
                break;
            }
        }
        match follower.next_event(Wait::AtMost(Duration::from_millis(200))) {
            Ok(Some(event)) => {
                assert!(
                    last.map_or(event.id >= begins, |last| event.id == last + 1),
                    "{} behind {last:?}",
                    event.id
                );
                assert_eq!(event.bytes, expected_event(event.id, event_size), "event {}", event.id);
                let model = model.lock().unwrap();
                let written = model.writer.link.last_event_id + u64::from(model.staged);
                assert!(event.id <= written, "{} of {written}", event.id);
                last = Some(event.id);
            }
            Ok(None) => {}
            Err(error) if gone(&error) => {
                let model = model.lock().unwrap();
                assert!(model.first_event_id > last.unwrap_or(0), "behind {last:?}: {error}");
                return;
            }
            Err(error) => panic!("behind {last:?}: {error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_writer_does_meanwhile_every_event_comes_once(
        turns in prop::collection::vec(turns(), 1..900),
        event_size in prop_oneof![Just(0_u16), Just(16)],
        unsealed in 0..4_usize,
        removes in any::<bool>(),
        ahead in 0..200_usize,
    ) {
        let _watchdog = Watchdog::new("following while a writer gets ahead");
        follow(&turns, event_size, unsealed, removes, ahead);
    }
}
