//! Any sequence of operations, against a plain vector that says what has to be in the log.

mod common;

use common::{PATIENCE, left_behind, small_log_on, temporary_in_memory};
use flashstrike_crash_lab::{FaultFileSystem, ReadBack};
use flashstrike_recorder::{Code, Recorder, RecorderOptions, Result};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<u8>),
    /// Under an id so much higher than the next one.
    AppendWithGap(u64),
    Batch(Vec<Vec<u8>>),
    Flush,
    Rotate,
    Durable,
    /// Until here, of what was appended, in 256ths.
    DurableUpTo(u8),
    CloseAndReopen(Sizes),
    /// The process dies; the log is opened by another one.
    DieAndReopen(Sizes),
}

/// How a log is opened, whatever it was opened like before.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    block_bytes: u32,
    segment_bytes: u32,
    prepared_segments: u32,
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let blocks = prop_oneof![Just(64), Just(100), Just(512), Just(2048)];
    let segments = prop_oneof![Just(8 << 10), Just(16 << 10), Just(64 << 10)];
    (blocks, segments, 1..4_u32).prop_map(|(block_bytes, segment_bytes, prepared_segments)| Sizes {
        block_bytes,
        segment_bytes,
        prepared_segments,
    })
}

fn event_sizes() -> impl Strategy<Value = u16> {
    prop_oneof![Just(16), Just(32), Just(64), Just(200), Just(1000)]
}

fn event(event_size: u16) -> BoxedStrategy<Vec<u8>> {
    if event_size > 0 {
        return prop::collection::vec(any::<u8>(), usize::from(event_size)).boxed();
    }
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..40),
        2 => prop::collection::vec(any::<u8>(), 40..400),
        1 => prop::collection::vec(any::<u8>(), 2000..7000),
    ]
    .boxed()
}

fn step(event_size: u16) -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => event(event_size).prop_map(Step::Append),
        2 => (0..1_u64 << 40).prop_map(Step::AppendWithGap),
        6 => prop::collection::vec(event(event_size), 0..30).prop_map(Step::Batch),
        4 => Just(Step::Flush),
        2 => Just(Step::Rotate),
        2 => Just(Step::Durable),
        2 => any::<u8>().prop_map(Step::DurableUpTo),
        1 => sizes().prop_map(Step::CloseAndReopen),
        1 => sizes().prop_map(Step::DieAndReopen),
    ]
}

/// The log under test and what has to be in it.
struct Tried {
    event_size: u16,
    directory: tempfile::TempDir,
    files: FaultFileSystem,
    recorder: Option<Recorder>,
    events: Vec<(u64, Vec<u8>)>,
    durable: u64,
}

impl Tried {
    fn new(event_size: u16, sizes: Sizes) -> Self {
        let directory = temporary_in_memory();
        let files = FaultFileSystem::default();
        let mut made = Self { event_size, directory, files, recorder: None, events: Vec::new(), durable: 0 };
        made.open(sizes);
        made
    }

    fn options(&self, sizes: Sizes) -> RecorderOptions {
        let mut options = small_log_on(&self.files, self.directory.path(), self.event_size);
        options.block_bytes = sizes.block_bytes;
        options.segment_bytes = sizes.segment_bytes;
        options.prepared_segments = sizes.prepared_segments;
        options
    }

    fn open(&mut self, sizes: Sizes) {
        let recorder = Recorder::open(&self.options(sizes)).unwrap();
        let last = self.last_id();
        assert_eq!((recorder.last_event_id(), recorder.durable_event_id()), (last, last));
        self.durable = last;
        self.recorder = Some(recorder);
    }

    fn last_id(&self) -> u64 {
        self.events.last().map_or(0, |(id, _)| *id)
    }

    fn log(&mut self) -> &mut Recorder {
        self.recorder.as_mut().unwrap()
    }

    /// Waits for room; an event that is too large for a segment is refused and changes nothing.
    fn append<T>(&mut self, mut act: impl FnMut(&mut Recorder) -> Result<T>) -> Option<T> {
        let before = self.log().last_event_id();
        loop {
            match act(self.log()) {
                Ok(done) => return Some(done),
                Err(error) => match error.code() {
                    Code::Backpressure => self.log().drain(PATIENCE).unwrap(),
                    Code::EventTooLarge => {
                        assert_eq!(self.log().last_event_id(), before);
                        return None;
                    }
                    other => panic!("{other}: {error}"),
                },
            }
        }
    }

    fn take(&mut self, id: u64, event: &[u8]) {
        let mut event = event.to_vec();
        if self.event_size > 0 {
            event[..8].copy_from_slice(&id.to_le_bytes());
        }
        self.events.push((id, event));
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Append(event) => {
                if let Some(id) = self.append(|log| log.append(event)) {
                    assert_eq!(id, self.last_id() + 1);
                    self.take(id, event);
                }
            }
            Step::AppendWithGap(gap) => {
                let (id, event) = (self.last_id() + 1 + gap, vec![9; usize::from(self.event_size)]);
                if self.event_size > 0 && id < 1 << 52 {
                    self.append(|log| log.append_with_id(id, &event));
                    self.take(id, &event);
                }
            }
            Step::Batch(batch) => {
                let first = self.last_id() + 1;
                if let Some(last) = self.append(|log| log.append_batch(batch)) {
                    assert_eq!(last, first + batch.len() as u64 - 1);
                    for (id, event) in (first..).zip(batch) {
                        self.take(id, event);
                    }
                }
            }
            Step::Flush => self.log().flush().unwrap(),
            Step::Rotate => {
                self.append(Recorder::rotate);
            }
            Step::Durable => self.make_durable(self.last_id()),
            Step::DurableUpTo(part) => self.make_durable(self.last_id() / 256 * u64::from(*part)),
            Step::CloseAndReopen(sizes) => {
                self.log().close().unwrap();
                self.expect_contents();
                self.open(*sizes);
            }
            Step::DieAndReopen(sizes) => {
                let left = left_behind(&self.files, self.directory.path());
                self.recorder = None;
                self.directory = left;
                self.files = FaultFileSystem::default();
                self.open(*sizes);
            }
        }
        self.expect_levels();
    }

    fn make_durable(&mut self, id: u64) {
        self.log().durable_sync(Some(id)).unwrap();
        assert!(self.log().durable_event_id() >= id);
        self.durable = self.durable.max(id);
    }

    fn expect_levels(&mut self) {
        let (last, durable) = (self.last_id(), self.durable);
        let log = self.log();
        assert_eq!(log.last_event_id(), last);
        assert!(log.written_event_id() <= last);
        assert!(log.durable_event_id() >= durable && log.durable_event_id() <= log.written_event_id());
    }

    fn expect_contents(&self) {
        let found = ReadBack::now(self.directory.path());
        assert!(found.is_clean(), "{:?}", found.verdict.bad);
        assert_eq!(found.events.len(), self.events.len());
        for (found, expected) in found.events.iter().zip(&self.events) {
            assert_eq!(found, expected);
        }
    }
}

fn try_steps(event_size: u16, sizes: Sizes, steps: &[Step]) {
    let mut tried = Tried::new(event_size, sizes);
    for step in steps {
        tried.step(step);
    }
    tried.log().close().unwrap();
    tried.expect_contents();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fixed_size_events_are_those_of_the_model(
        sizes in sizes(),
        (event_size, steps) in event_sizes().prop_flat_map(|size| (Just(size), prop::collection::vec(step(size), 1..80))),
    ) {
        try_steps(event_size, sizes, &steps);
    }

    #[test]
    fn variable_length_events_are_those_of_the_model(
        sizes in sizes(),
        steps in prop::collection::vec(step(0), 1..80),
    ) {
        try_steps(0, sizes, &steps);
    }
}
