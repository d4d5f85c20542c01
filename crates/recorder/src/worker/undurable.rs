//! What is published and not synced yet: when a sync that nobody asked for is due.
//!
//! The appender notes every block it has published; whoever syncs notes that it begins. There is no lock, so a
//! published block costs the appender a few stores.
//!
//! One ordering matters: a block is noted after its id was published, and a sync reads the published id after it has
//! noted its beginning. So either the appender finds the beginning and starts the clock anew, or the sync covers the
//! block. Both sides have a store before a load, which only sequentially consistent fences keep in that order.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Stored by the appender: `published_bytes`. Stored by whoever syncs, one at a time: `synced_bytes`. `since_ns` is
/// set by the appender and cleared by whoever syncs.
#[derive(Debug)]
pub(crate) struct Undurable {
    /// Payload bytes published since the log was opened.
    published_bytes: AtomicU64,
    /// The same when the last sync began.
    synced_bytes: AtomicU64,
    /// When the first block since then was published, in nanoseconds since opening; 0: none was.
    since_ns: AtomicU64,
}

impl Undurable {
    pub(crate) fn new() -> Self {
        Self {
            published_bytes: AtomicU64::new(0),
            synced_bytes: AtomicU64::new(0),
            since_ns: AtomicU64::new(0),
        }
    }

    /// A block with so many payload bytes was published. Gives the bytes that no sync covers.
    pub(crate) fn note_block(&self, bytes: u64) -> u64 {
        let published = self.published_bytes.load(Ordering::Relaxed) + bytes;
        self.published_bytes.store(published, Ordering::Release);
        published.saturating_sub(self.synced_bytes.load(Ordering::Relaxed))
    }

    /// Starts the clock unless it runs; gives whether it did not. Called after the block's id was published.
    pub(crate) fn start_clock(&self, now_ns: impl FnOnce() -> u64) -> bool {
        fence(Ordering::SeqCst);
        if self.since_ns.load(Ordering::Relaxed) > 0 {
            return false;
        }
        self.since_ns.store(now_ns().max(1), Ordering::Release);
        true
    }

    /// When the oldest block was published that no sync covers.
    pub(crate) fn since_ns(&self) -> Option<u64> {
        Some(self.since_ns.load(Ordering::Acquire)).filter(|since| *since > 0)
    }

    /// A sync begins; it reads the published id after this. Gives the bytes it covers. One caller at a time.
    pub(crate) fn begin_sync(&self) -> u64 {
        let published = self.published_bytes.load(Ordering::Acquire);
        let before = self.synced_bytes.load(Ordering::Relaxed);
        self.synced_bytes.store(published, Ordering::Relaxed);
        self.stop_clock();
        published - before
    }

    /// Whoever calls this reads the published id after it, and syncs if it is not durable.
    pub(crate) fn stop_clock(&self) {
        self.since_ns.store(0, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }
}
