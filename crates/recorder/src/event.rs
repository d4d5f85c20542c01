//! What a recorder tells whoever listens.

use std::sync::Arc;

use flashstrike_recovery::Error;

/// An occurrence of a recorder's life.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// Every event up to this id is durable.
    Durable {
        /// The id.
        event_id: u64,
    },
    /// Appending went on in this segment.
    Rotated {
        /// Index of the new segment.
        segment: u32,
    },
    /// This segment was left (because it was full, or by `rotate`) and is synced and sealed now.
    Sealed {
        /// Index of the sealed segment.
        segment: u32,
    },
    /// This segment is compressed now: its cold copy was read back and compared, and the hot one removed.
    Compressed {
        /// Index of the segment.
        segment: u32,
        /// Bytes of it that were compressed.
        bytes_in: u64,
        /// Bytes of the compressed file.
        bytes_out: u64,
    },
    /// This segment does not belong to the log any more, because of its limits, and its files are removed.
    Deleted {
        /// Index of the segment.
        segment: u32,
    },
    /// There is room again after an append was refused with `WAL_BACKPRESSURE` or `WAL_FULL`.
    Room,
    /// A write or sync has failed; appending has ended.
    Poisoned {
        /// What every later append will say.
        error: Error,
    },
    /// A worker could not do its work and goes on trying; nothing is lost.
    Failed {
        /// What it met.
        error: Error,
    },
}

/// Called on the thread where the event occurred, which is often a worker: be brief, do not call the recorder back.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;
