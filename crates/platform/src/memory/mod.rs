//! Memory that is mapped: what the kernel is told of it, and sleeping on a word of it.

use std::io;
use std::ops::Range;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use memmap2::MmapRaw;

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "others.rs")]
mod os;

/// Whether [`wake_all`] wakes who sleeps in [`wait`]. Where it does not, [`wait`] is a nap of the length given: macOS has no
/// documented way before 14.4 to sleep on memory that processes share, and Windows none.
pub const CAN_WAKE: bool = os::CAN_WAKE;

/// Sleeps while the word is `seen`, until somebody wakes it or `at_most` is over; or not at all. Whoever sleeps looks for
/// itself afterwards. The word may lie in memory shared by processes.
pub fn wait(word: &AtomicU32, seen: u32, at_most: Duration) {
    os::wait(word, seen, at_most);
}

/// Wakes every process that waits on this word. A failure costs the sleepers the rest of their sleep.
pub fn wake_all(word: &AtomicU32) {
    os::wake_all(word);
}

/// Pre-faults every page of a range: for reading where `for_reads`, for which the kernel is told to expect random access,
/// else for writing. False where the kernel cannot do that, and somebody has to touch the pages.
///
/// # Errors
/// Those of the operating system, a missing block among them.
pub fn populate(memory: &MmapRaw, range: Range<usize>, for_reads: bool) -> io::Result<bool> {
    os::populate(memory, range, for_reads)
}

/// Asks for large pages, which make the first use several times cheaper.
pub fn prefer_large_pages(memory: &MmapRaw) {
    os::prefer_large_pages(memory);
}

/// Lets the kernel take the pages of anonymous memory when it needs some; until then they stay.
///
/// # Safety
/// What stands in the memory may be lost at any time from then on until it is written again; nobody may have a reference to
/// it.
pub unsafe fn offer(memory: &MmapRaw) {
    // SAFETY: the same demand.
    unsafe { os::offer(memory) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn nobody_sleeps_on_a_word_that_has_changed_nor_longer_than_he_is_woken() {
        let word = AtomicU32::new(1);
        let long = if CAN_WAKE { Duration::from_secs(3600) } else { Duration::from_millis(1) };
        if CAN_WAKE {
            wait(&word, 0, long);
        }
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                while word.load(Ordering::SeqCst) == 1 {
                    wait(&word, 1, long);
                }
            });
            word.store(2, Ordering::SeqCst);
            while !sleeper.is_finished() {
                wake_all(&word);
                std::thread::yield_now();
            }
        });
    }

    #[test]
    fn memory_is_told_of_and_stays_usable() {
        let memory = MmapRaw::from(memmap2::MmapMut::map_anon(1 << 16).unwrap());
        prefer_large_pages(&memory);
        populate(&memory, 0..1 << 16, false).unwrap();
        // SAFETY: inside the mapping, which nobody else knows.
        unsafe { memory.as_mut_ptr().add(5000).write(7) };
        // SAFETY: nothing in it is needed.
        unsafe { offer(&memory) };
        // SAFETY: as above.
        unsafe { memory.as_mut_ptr().add(5000).write(8) };
        // SAFETY: as above.
        assert_eq!(unsafe { memory.as_mut_ptr().add(5000).read() }, 8);
    }
}
