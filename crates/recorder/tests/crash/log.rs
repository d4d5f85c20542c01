//! What the log under test is, and which events it must hold.

use std::path::Path;

use flashstrike_crash_lab::{Disk, events};
use flashstrike_recorder::{RecorderOptions, Retention};

/// Where the log is on every disk.
pub const DIRECTORY: &str = "/log";

/// How much of the log stays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    All,
    /// All of it, but most of it compressed.
    Compressed,
    /// From the event on that `truncate_before` was told.
    FromFloor,
    /// A few segments, most of them compressed.
    AFew,
}

impl Kept {
    pub fn retention(self) -> Retention {
        let (hot_segments, cold_segments) = match self {
            Self::All | Self::FromFloor => (None, None),
            Self::Compressed => (Some(1), None),
            Self::AFew => (Some(2), Some(2)),
        };
        Retention { hot_segments, cold_segments, ..Retention::default() }
    }
}

/// How the log is written.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Bytes of an event; 0: variable-length ones.
    pub event_size: u16,
    pub segment_bytes: u32,
    pub block_bytes: u32,
    pub small_syncs: bool,
    pub kept: Kept,
    /// Whatever else there is to be set.
    pub adjust: fn(&mut RecorderOptions),
}

impl Shape {
    /// Blocks and segments so small that everything that occurs between them occurs often.
    pub const SMALL: Self = Self {
        event_size: 32,
        segment_bytes: 8192,
        block_bytes: 512,
        small_syncs: false,
        kept: Kept::All,
        adjust: |_| (),
    };

    pub fn options(&self, disk: &Disk, boot: u8) -> RecorderOptions {
        let mut options = RecorderOptions::new(DIRECTORY);
        options.files = disk.shared();
        options.boot_id = Some([boot; 16]);
        options.block_bytes = self.block_bytes;
        options.segment_bytes = self.segment_bytes;
        options.small_syncs = self.small_syncs;
        options.prepared_segments = 1;
        options.retention = self.kept.retention();
        if self.event_size > 0 {
            options = options.with_schema(events::schema(self.event_size));
        }
        (self.adjust)(&mut options);
        options
    }

    /// The event that this life appends under this id. Another life appends another one, so that nothing that was cut
    /// can come back unnoticed.
    pub fn event(&self, event_id: u64, life: u64) -> Vec<u8> {
        let mut event = events::event(event_id | life << 40, self.event_size);
        if self.event_size > 0 {
            event[..8].copy_from_slice(&event_id.to_le_bytes());
        }
        // A quarter of a segment is large enough to be a block of its own.
        event.truncate(self.segment_bytes as usize / 4);
        event
    }
}

/// Which life has appended which event.
#[derive(Clone, Default)]
pub struct Lineage(Vec<(u64, u64)>);

impl Lineage {
    /// `life` goes on behind event `last`.
    pub fn go_on(&mut self, last: u64, life: u64) {
        self.0.retain(|(first, _)| *first <= last);
        self.0.push((last + 1, life));
    }

    pub fn life_of(&self, event_id: u64) -> u64 {
        let behind = self.0.partition_point(|(first, _)| *first <= event_id);
        behind.checked_sub(1).map_or(0, |at| self.0[at].1)
    }
}

pub fn file(name: &str) -> std::path::PathBuf {
    Path::new(DIRECTORY).join(name)
}
