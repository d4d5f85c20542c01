//! Replays from any place of a log, again and again with what was remembered of it, against a list of its events.

mod support;

use flashstrike_recovery::directory::hot_path;
use flashstrike_recovery::{Manager, Recovery, RecoveryOptions, ReplayOptions};
use proptest::prelude::*;
use support::writer::{LogWriter, hold_lock};
use support::{Watchdog, temporary_directory};
use tempfile::TempDir;

const BOOT: [u8; 16] = *b"boot of the test";

/// One block: its events, how much later than the one before it is written, and by how much the ids of its events grow.
#[derive(Debug, Clone)]
struct BlockPlan {
    events: u16,
    tick: u64,
    gap: u64,
}

/// What is done to a log that is open for reading.
#[derive(Debug, Clone)]
enum Step {
    /// A replay of so many events, at most.
    Replay {
        from: Option<Pick>,
        to: Option<Pick>,
        reverse: bool,
        take: usize,
    },
    /// One replay that goes from place to place.
    Seek {
        reverse: bool,
        ids: Vec<(Pick, usize)>,
    },
    SeekTime(Pick),
    /// The oldest segment that is not compressed yet.
    Compress,
    /// Only beside a writer.
    Append(BlockPlan),
}

/// A place in the log, in millionths of it, and how far beside an event; perhaps the last one of a block.
#[derive(Debug, Clone, Copy)]
struct Pick {
    at: u32,
    beside: i64,
    ends_block: bool,
}

impl Pick {
    fn of(self, sorted: &[u64], ends: &[u64]) -> u64 {
        let sorted = if self.ends_block && !ends.is_empty() { ends } else { sorted };
        let at = sorted.len() as u64 * u64::from(self.at) / 1_000_000;
        let found = sorted.get(at as usize).or(sorted.last()).copied().unwrap_or(1);
        found.saturating_add_signed(self.beside)
    }
}

/// The log as a list.
#[derive(Default)]
struct Model {
    /// Id, and when its block was written.
    events: Vec<(u64, u64)>,
    /// The last event of each block.
    ends: Vec<u64>,
    staged: Vec<u64>,
}

impl Model {
    fn ids(&self) -> Vec<u64> {
        self.events.iter().map(|event| event.0).chain(self.staged.iter().copied()).collect()
    }

    fn replayed(&self, options: ReplayOptions) -> Vec<u64> {
        let (from, to) = (options.from.unwrap_or(0), options.to.unwrap_or(u64::MAX));
        let mut ids: Vec<u64> = self.ids().into_iter().filter(|&id| from <= id && id <= to).collect();
        if options.reverse {
            ids.reverse();
        }
        ids
    }

    fn at(&self, written_ts_ns: u64) -> Option<u64> {
        let written = self.events.iter().find(|event| event.1 >= written_ts_ns).map(|event| event.0);
        written.or(self.staged.first().copied())
    }
}

struct Log {
    directory: TempDir,
    writer: LogWriter,
    model: Model,
    compressed: u32,
}

impl Log {
    fn new(event_size: u16, segment_size: u32, blocks: &[BlockPlan]) -> Self {
        let directory = temporary_directory();
        let mut writer = LogWriter::new(directory.path(), event_size, segment_size);
        writer.activate();
        let mut log = Self { directory, writer, model: Model::default(), compressed: 0 };
        for block in blocks {
            log.append(block, event_size > 0);
        }
        log
    }

    fn append(&mut self, block: &BlockPlan, with_gaps: bool) {
        let gap = if with_gaps { block.gap } else { 1 };
        let last = self.writer.link.last_event_id;
        let ids: Vec<u64> = (1..=u64::from(block.events)).map(|n| last + n * gap).collect();
        self.writer.tick = block.tick;
        self.writer.append_ids(&ids);
        let written = self.writer.link.written_ts_ns;
        self.model.ends.extend(ids.last());
        self.model.events.extend(ids.into_iter().map(|id| (id, written)));
    }

    fn stage(&mut self, events: u64) {
        let last = self.writer.link.last_event_id;
        self.model.staged = (last + 1..=last + events).collect();
        self.writer.write_staging(&self.model.staged, BOOT);
    }

    fn compress(&mut self) {
        let active = self.writer.next_segment - 1;
        if self.compressed < active && hot_path(self.directory.path(), self.compressed).exists() {
            self.writer.compress(self.compressed);
            self.compressed += 1;
        }
    }
}

fn read(replay: &mut Manager, take: usize) -> Vec<u64> {
    let mut ids = Vec::new();
    while ids.len() < take
        && let Some(event) = replay.next_event().expect("intact")
    {
        ids.push(event.id);
    }
    ids
}

fn try_steps(mut log: Log, event_size: u16, steps: &[Step]) {
    let _watchdog = Watchdog::new("seeking");
    let is_beside = log.model.staged.is_empty();
    let _lock = is_beside.then(|| hold_lock(log.directory.path()));
    let options = RecoveryOptions { boot_id: Some(BOOT), ..RecoveryOptions::new(log.directory.path()) };
    let recovery = Recovery::open(options).expect("clean");
    for step in steps {
        let ids = log.model.ids();
        let ends = log.model.ends.clone();
        match step {
            Step::Replay { from, to, reverse, take } => {
                let (from, to) = (from.map(|from| from.of(&ids, &ends)), to.map(|to| to.of(&ids, &ends)));
                let options = ReplayOptions { from, to, reverse: *reverse };
                let mut expected = log.model.replayed(options);
                expected.truncate(*take);
                let found = read(&mut recovery.replay(options).expect("readable"), *take);
                assert!(found == expected, "{options:?}: {}", difference(&found, &expected));
            }
            Step::Seek { reverse, ids: places } => {
                let mut options = ReplayOptions { reverse: *reverse, ..ReplayOptions::default() };
                let mut replay = recovery.replay(options).expect("readable");
                for (pick, take) in places {
                    let id = pick.of(&ids, &ends);
                    replay.seek_event(id).expect("there");
                    *(if *reverse { &mut options.to } else { &mut options.from }) = Some(id);
                    let mut expected = log.model.replayed(options);
                    expected.truncate(*take);
                    let found = read(&mut replay, *take);
                    assert!(found == expected, "sought {id}: {}", difference(&found, &expected));
                }
            }
            Step::SeekTime(pick) => {
                let times: Vec<u64> = log.model.events.iter().map(|event| event.1).collect();
                let time = pick.of(&times, &[]);
                let found = recovery.seek_time(time).expect("readable");
                assert_eq!(found, log.model.at(time), "at {time}");
                let options = ReplayOptions { from: found, ..ReplayOptions::default() };
                let mut expected = log.model.replayed(options);
                expected.truncate(500);
                assert_eq!(read(&mut recovery.replay(options).expect("readable"), 500), expected);
            }
            Step::Compress => log.compress(),
            Step::Append(block) if is_beside => log.append(block, event_size > 0),
            Step::Append(_) => {}
        }
    }
    assert_eq!(recovery.seek_time(u64::MAX).expect("readable"), None);
}

fn difference(found: &[u64], expected: &[u64]) -> String {
    let at = found.iter().zip(expected).position(|(found, expected)| found != expected);
    format!("{} events for {}, the first other one at {at:?}", found.len(), expected.len())
}

fn pick() -> impl Strategy<Value = Pick> {
    // Half of them near the end, which is what changes.
    let at = prop_oneof![0..=1_000_000_u32, 900_000..=1_000_000_u32];
    let beside = prop_oneof![Just(0), -3..=3_i64];
    (at, beside, any::<bool>()).prop_map(|(at, beside, ends_block)| Pick { at, beside, ends_block })
}

fn block() -> impl Strategy<Value = BlockPlan> {
    let events = prop_oneof![6 => 1..60_u16, 1 => 300..700_u16, 1 => Just(1200)];
    (events, 0..4_u64, 1..4_u64).prop_map(|(events, tick, gap)| BlockPlan { events, tick, gap })
}

fn step() -> impl Strategy<Value = Step> {
    let take = || prop_oneof![Just(1), 2..50_usize, Just(usize::MAX), Just(usize::MAX)];
    let range = || prop::option::weighted(0.7, pick());
    prop_oneof![
        6 => (range(), range(), any::<bool>(), take())
            .prop_map(|(from, to, reverse, take)| Step::Replay { from, to, reverse, take }),
        2 => (any::<bool>(), prop::collection::vec((pick(), take()), 1..4))
            .prop_map(|(reverse, ids)| Step::Seek { reverse, ids }),
        3 => pick().prop_map(Step::SeekTime),
        1 => Just(Step::Compress),
        5 => block().prop_map(Step::Append),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fixed_size_events_are_found_wherever_a_replay_begins(
        blocks in prop::collection::vec(block(), 1..90),
        // From one segment of many chunks and frames to many segments of a few blocks.
        segment_size in prop_oneof![Just(4 << 20), Just(2 << 20)],
        staged in prop::option::of(1..20_u64),
        steps in prop::collection::vec(step(), 5..25),
    ) {
        let mut log = Log::new(1024, segment_size, &blocks);
        if let Some(staged) = staged {
            log.stage(staged);
        }
        try_steps(log, 1024, &steps);
    }

    #[test]
    fn events_of_any_length_are_found_wherever_a_replay_begins(
        blocks in prop::collection::vec(block(), 1..200),
        staged in prop::option::of(1..20_u64),
        steps in prop::collection::vec(step(), 5..25),
    ) {
        let mut log = Log::new(0, 65_536, &blocks);
        if let Some(staged) = staged {
            log.stage(staged);
        }
        try_steps(log, 0, &steps);
    }
}
