//! Memory where the kernel is told nothing of it, and wakes nobody.

use std::io;
use std::ops::Range;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use memmap2::MmapRaw;

pub(super) const CAN_WAKE: bool = false;

pub(super) fn wait(_word: &AtomicU32, _seen: u32, at_most: Duration) {
    std::thread::sleep(at_most);
}

pub(super) fn wake_all(_word: &AtomicU32) {}

#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(super) fn populate(_memory: &MmapRaw, _range: Range<usize>, _for_reads: bool) -> io::Result<bool> {
    Ok(false)
}

pub(super) fn prefer_large_pages(_memory: &MmapRaw) {}

pub(super) unsafe fn offer(_memory: &MmapRaw) {}
