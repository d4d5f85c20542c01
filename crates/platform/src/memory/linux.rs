//! Memory on Linux.

use std::io;
use std::ops::Range;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use memmap2::{Advice, MmapRaw, UncheckedAdvice};
use rustix::io::Errno;
use rustix::thread::futex;

pub(super) const CAN_WAKE: bool = true;

pub(super) fn wait(word: &AtomicU32, seen: u32, at_most: Duration) {
    let timeout =
        futex::Timespec { tv_sec: at_most.as_secs().cast_signed(), tv_nsec: at_most.subsec_nanos().into() };
    // Woken, timed out, interrupted or too late: whoever sleeps looks for itself.
    let _ = futex::wait(word, futex::Flags::empty(), seen, Some(&timeout));
}

pub(super) fn wake_all(word: &AtomicU32) {
    let _ = futex::wake(word, futex::Flags::empty(), i32::MAX as u32);
}

pub(super) fn populate(memory: &MmapRaw, range: Range<usize>, for_reads: bool) -> io::Result<bool> {
    let advice = if for_reads {
        memory.advise(Advice::Random)?;
        Advice::PopulateRead
    } else {
        Advice::PopulateWrite
    };
    match memory.advise_range(advice, range.start, range.len()) {
        // Kernels before 5.14 do not know it.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

pub(super) fn prefer_large_pages(memory: &MmapRaw) {
    let _ = memory.advise(Advice::HugePage);
}

pub(super) unsafe fn offer(memory: &MmapRaw) {
    // SAFETY: what stands in the memory may be lost, as whoever calls has promised.
    let _ = unsafe { memory.unchecked_advise(UncheckedAdvice::Free) };
}
