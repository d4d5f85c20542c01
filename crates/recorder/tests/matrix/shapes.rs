//! The logs that are damaged: a few KiB each, so that every byte of them can be.

use std::rc::Rc;

use flashstrike_segment::SegmentHeader;
use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::names::hot_name;

use crate::memory::MemoryLog;
use crate::memory::build::{LOG_ID, LogBuilder, Placed, SEGMENT_SIZE, sample};

/// Ids and bytes of events, in order.
pub type Events = Vec<(u64, Vec<u8>)>;

/// How many events are staged, where any are.
const STAGED: u64 = 3;

/// A log that is whole.
pub struct Shape {
    pub name: &'static str,
    pub own: Made,
    /// Another log of the same events' size, segment for segment of the same shape and with the same salts.
    pub foreign: Made,
    /// The same log as it would be had it gone on differently from event 5 on.
    pub fork: Made,
}

/// A log and what was written to it.
pub struct Made {
    pub log: MemoryLog,
    pub placed: Vec<Placed>,
    /// All events, and behind those in blocks the ones that are staged, or would be the next.
    pub written: Rc<Events>,
    pub event_size: u16,
}

/// An event in the middle of a log.
#[derive(Clone, Copy)]
pub struct Middle {
    pub event_id: u64,
    pub segment: u32,
    /// The last event of that segment.
    pub last_of_segment: u64,
}

impl Made {
    /// An event in the middle.
    pub fn middle(&self) -> Middle {
        let (event_id, _) = self.written[self.written.len() / 2];
        let holds = |block: &&Placed| (block.first_event_id..=block.last_event_id).contains(&event_id);
        let block = self.placed.iter().filter(|block| block.event_count > 0).find(holds);
        let segment = block.expect("a block holds it").segment;
        let of_segment = self.placed.iter().filter(|block| block.segment == segment);
        let last_of_segment = of_segment.map(|block| block.last_event_id).max().expect("its block");
        Middle { event_id, segment, last_of_segment }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum History {
    Own,
    Fork,
    Foreign,
}

type Fill = fn(&mut Writer);

/// Every shape, for events of this size.
pub fn shapes(event_size: u16) -> Vec<Shape> {
    let shape = |name, seals, fill: Fill| Shape {
        name,
        own: make(event_size, History::Own, seals, fill),
        foreign: make(event_size, History::Foreign, seals, fill),
        fork: make(event_size, History::Fork, seals, fill),
    };
    vec![
        shape("active", true, active),
        shape("rotated", true, rotated),
        shape("unsealed", false, unsealed),
        shape("kept", true, kept),
    ]
}

/// One segment, the first half of it proved durable by what follows.
fn active(writer: &mut Writer) {
    writer.append(14);
    writer.builder.durable = 9;
    writer.append(12);
}

/// Three sealed segments, one of which opening does not look at, and one that is being filled; nothing beside them.
fn rotated(writer: &mut Writer) {
    writer.append_segments(3);
    writer.append(15);
    writer.builder.durable = writer.builder.last_event_id;
    writer.append(9);
}

/// Three segments, none of them sealed yet, with the end of what is durable in the middle of the second.
fn unsealed(writer: &mut Writer) {
    writer.append_segments(1);
    writer.append(20);
    writer.builder.durable = writer.builder.last_event_id - 5;
    writer.append_segments(1);
    writer.append(9);
}

/// All that a log may have: a compressed segment, a sealed and an active one, a prepared one, `wal.meta` and staged events.
fn kept(writer: &mut Writer) {
    writer.append_segments(2);
    writer.append(15);
    writer.builder.durable = writer.builder.last_event_id;
    writer.append(9);
    let last = writer.builder.last_event_id;
    let entries = (last + 1..=last + STAGED).map(|id| writer.entry(id)).collect::<Vec<_>>();
    writer.builder.with_staging(last, false, &entries).with_meta(|_| ());
    writer.has_cold = true;
    writer.prepared = 1;
}

fn make(event_size: u16, history: History, seals: bool, fill: Fill) -> Made {
    let log_id = if history == History::Foreign { 0xBAD_u128.to_be_bytes() } else { LOG_ID };
    let mut builder = LogBuilder::new(event_size, 128, log_id);
    builder.seals = seals;
    let mut writer = Writer { builder, history, written: Vec::new(), has_cold: false, prepared: 0 };
    fill(&mut writer);
    let mut log = writer.builder.finish();
    let last = writer.builder.last_event_id;
    (last + 1..=last + STAGED).for_each(|id| writer.note(id));
    let placed = writer.builder.placed.clone();
    if writer.has_cold {
        log.compress(0, end_of(&placed, 0), false);
    }
    let next = writer.builder.segment_index + 1;
    for index in next..next + writer.prepared {
        log.files.insert(hot_name(index), prepared(index, event_size));
    }
    Made { log, placed, written: Rc::new(writer.written), event_size }
}

/// Where the blocks of a segment end.
pub fn end_of(placed: &[Placed], segment: u32) -> usize {
    let last = placed.iter().rfind(|block| block.segment == segment).expect("a segment with blocks");
    last.offset + last.len
}

/// A segment without a block.
pub fn prepared(index: u32, event_size: u16) -> Vec<u8> {
    let header = SegmentHeader {
        segment_index: index,
        created_ts_ns: 1_700_000_000_000_000_000,
        salt: 0x7700 + index,
        event_size,
        sealed: None,
    };
    let mut file = header.encode().to_vec();
    debug_assert_eq!(file.len(), SEGMENT_HEADER_SIZE);
    file.resize(SEGMENT_SIZE, 0);
    file
}

struct Writer {
    builder: LogBuilder,
    history: History,
    written: Events,
    has_cold: bool,
    prepared: u32,
}

impl Writer {
    fn content(&self, id: u64) -> Vec<u8> {
        // Of the same length, so that every history lies at the same places.
        let as_of = match self.history {
            History::Foreign => id + 1000,
            History::Fork if id == 5 => id + 100,
            _ => id,
        };
        sample(self.builder.event_size, as_of)
    }

    fn entry(&self, id: u64) -> Vec<u8> {
        self.builder.entry(id, &self.content(id))
    }

    fn note(&mut self, id: u64) {
        let bytes = if self.builder.event_size == 0 { self.content(id) } else { self.entry(id) };
        self.written.push((id, bytes));
    }

    fn append_next(&mut self) {
        let id = self.written.len() as u64 + 1;
        self.builder.append_as(id, &self.content(id));
        self.note(id);
        // Blocks of several lengths, with padding behind some.
        if id % 7 == 3 {
            self.builder.flush();
        }
    }

    fn append(&mut self, count: u64) {
        for _ in 0..count {
            self.append_next();
        }
        self.builder.flush();
    }

    /// Appends until so many further segments have been left.
    fn append_segments(&mut self, count: u32) {
        let target = self.builder.segment_index + count;
        while self.builder.segment_index < target {
            self.append_next();
        }
    }
}
