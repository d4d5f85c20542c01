//! Shared memory: the one place where the log's mappings are touched through raw pointers.
//!
//! Invariants:
//! - A [`Mapping`] owns its pages; they stay mapped until the last clone is dropped, and nobody unmaps a part.
//! - The file behind it keeps its length while mapped (a named segment never changes its length), and its blocks
//!   were allocated before, so a store does not raise a signal for want of space.
//! - Rust never forms a reference to bytes that another thread, another process or JavaScript may store to at the
//!   same time: concurrent bytes go through the atomic accessors or are copied out through raw pointers.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use flashstrike_platform::memory;
use memmap2::{MmapMut, MmapOptions, MmapRaw};

/// The smallest page there is; a larger one is only touched more than once.
const PAGE_BYTES: usize = 4096;

/// A shared mapping of the first bytes of a file. Clones share it.
#[derive(Clone)]
pub struct Mapping(Arc<MmapRaw>);

impl Mapping {
    /// Maps `length` bytes of a file shared, for reading and writing.
    pub(super) fn of_file(file: &std::fs::File, length: usize) -> io::Result<Self> {
        Ok(Self(Arc::new(MmapOptions::new().len(length).map_raw(file)?)))
    }

    /// Memory that belongs to no file, zeros at first: what a disk in memory hands out in a file's place.
    ///
    /// # Errors
    /// What `mmap` says.
    pub fn anonymous(length: usize) -> io::Result<Self> {
        Ok(Self(Arc::new(MmapMut::map_anon(length)?.into())))
    }

    pub(super) fn shared(&self) -> &Arc<MmapRaw> {
        &self.0
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first byte; valid for reads and writes of [`len`](Self::len) bytes while this or a clone lives.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.0.as_mut_ptr()
    }

    /// Pre-faults every page of a range, so that no later store takes a page fault that waits for the disk. Others may
    /// store there at the same time.
    ///
    /// With `small_folios` the kernel is told to expect random access and the pages are faulted for reading only: the
    /// kernel then keeps to single pages and marks none of them dirty, so that a sync of few bytes writes few bytes.
    ///
    /// # Errors
    /// What `madvise` says; a missing block (full disk) is an error here and not a signal.
    pub fn populate(&self, range: Range<usize>, small_folios: bool) -> io::Result<()> {
        let end = range.end.min(self.len());
        let start = range.start / PAGE_BYTES * PAGE_BYTES;
        if start >= end {
            return Ok(());
        }
        let is_done = memory::populate(&self.0, start..end, small_folios)?;
        if !is_done && !small_folios {
            // Stores to one word of every page what already stands there.
            for at in (start..end & !7).step_by(PAGE_BYTES) {
                self.atomic_u32(at).fetch_add(0, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Copies bytes out.
    ///
    /// # Panics
    /// If the range is not inside the mapping.
    pub fn read(&self, offset: usize, into: &mut [u8]) {
        self.check(offset, into.len());
        // SAFETY: the source range is inside the mapping (checked), which lives as long as `self`; `into` is a
        // private buffer and cannot overlap it. Bytes that someone stores meanwhile come out old or new; callers
        // verify what they copied.
        unsafe { std::ptr::copy_nonoverlapping(self.as_mut_ptr().add(offset), into.as_mut_ptr(), into.len()) }
    }

    /// Copies bytes in.
    ///
    /// # Panics
    /// If the range is not inside the mapping.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        self.check(offset, bytes.len());
        // SAFETY: the target range is inside the mapping (checked), which lives as long as `self`; `bytes` is not a
        // part of it, since no reference to a mapping's bytes is ever formed.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.as_mut_ptr().add(offset), bytes.len()) }
    }

    /// Asks the processor to fetch a range that will be written soon, so that the stores do not wait for memory. Only a
    /// hint; does nothing where there is no instruction for it.
    #[inline]
    pub fn prefetch(&self, offset: usize, length: usize) {
        self.check(offset, length);
        #[cfg(target_arch = "x86_64")]
        for at in (offset..offset + length).step_by(64) {
            use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
            // A line of the cache at a time.
            // SAFETY: a prefetch never faults and changes nothing; the address is inside the mapping (checked).
            unsafe { _mm_prefetch::<_MM_HINT_ET0>(self.as_mut_ptr().add(at).cast_const().cast()) };
        }
    }

    /// Fills a range with zeros.
    ///
    /// # Panics
    /// If the range is not inside the mapping.
    pub fn zero(&self, offset: usize, length: usize) {
        self.check(offset, length);
        // SAFETY: the range is inside the mapping (checked), which lives as long as `self`.
        unsafe { std::ptr::write_bytes(self.as_mut_ptr().add(offset), 0, length) }
    }

    /// An aligned 4-byte word of the mapping as an atomic.
    ///
    /// # Panics
    /// If it is not inside the mapping or not aligned.
    pub fn atomic_u32(&self, offset: usize) -> &AtomicU32 {
        self.check(offset, 4);
        assert_eq!(offset % 4, 0, "word at {offset} is not aligned");
        // SAFETY: inside the mapping (checked), aligned (checked; mappings begin on a page), valid for as long as
        // `self` is borrowed, and only ever accessed atomically or by plain stores of one thread that others read
        // atomically.
        unsafe { AtomicU32::from_ptr(self.as_mut_ptr().add(offset).cast()) }
    }

    /// An aligned 8-byte word of the mapping as an atomic.
    ///
    /// # Panics
    /// If it is not inside the mapping or not aligned.
    pub fn atomic_u64(&self, offset: usize) -> &AtomicU64 {
        self.check(offset, 8);
        assert_eq!(offset % 8, 0, "word at {offset} is not aligned");
        // SAFETY: as in `atomic_u32`.
        unsafe { AtomicU64::from_ptr(self.as_mut_ptr().add(offset).cast()) }
    }

    #[inline]
    fn check(&self, offset: usize, length: usize) {
        if offset.checked_add(length).is_none_or(|end| end > self.len()) {
            outside(offset, length, self.len());
        }
    }
}

/// Apart, since what a message is made of would otherwise be written to the stack before every store.
#[cold]
#[inline(never)]
fn outside(offset: usize, length: usize, mapped: usize) -> ! {
    panic!("{length} bytes at {offset} are not inside a mapping of {mapped}")
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapping({} bytes)", self.len())
    }
}
