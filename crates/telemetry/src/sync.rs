//! The one atomic the metrics are made of, so that the loom model checks the very code that ships.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::AtomicU64;
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::AtomicU64;

use std::sync::atomic::Ordering::Relaxed;

/// Whether metrics are recorded in this build.
pub(crate) const RECORDS: bool = !cfg!(feature = "unrecorded");

/// Adds to a cell that no other thread stores to.
///
/// A plain load and a plain store: with one writer nothing can come between them, and `lock xadd` costs several
/// times as much.
#[inline]
pub(crate) fn advance(cell: &AtomicU64, by: u64) {
    if RECORDS {
        cell.store(cell.load(Relaxed).wrapping_add(by), Relaxed);
    }
}

/// Reads one whole word.
#[inline]
pub(crate) fn read(cell: &AtomicU64) -> u64 {
    cell.load(Relaxed)
}

/// Replaces one whole word.
#[inline]
pub(crate) fn write(cell: &AtomicU64, value: u64) {
    if RECORDS {
        cell.store(value, Relaxed);
    }
}
