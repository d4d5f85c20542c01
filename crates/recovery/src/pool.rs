//! Private memory that segments are read into, used again and again.
//!
//! Reading into private memory is not slower than mapping the file, cannot raise a signal when somebody cuts the file,
//! and what was verified there cannot change afterwards. First use of fresh memory costs more than the read itself, so
//! buffers are kept for the next segment instead of being given back.
//!
//! Whoever borrows gets the buffer that was given back last: some of it is still in a cache, and memory that is in use
//! anyway is used before memory that is not.
//!
//! All of them come back, also those made to measure for a block or a segment that fits no other: who hands out windows
//! has as many of them as were borrowed at a time, and not as many as there were large blocks.
//!
//! Those of the usual length outlive the log they were made for: some of them wait for the next one, their pages offered to the kernel,
//! which takes them when it needs memory.
//!
//! A buffer is handed to JavaScript in *windows* of at most 4 MiB, since larger external buffers make its garbage
//! collector run. One of at most that length is a window itself. Those of a longer one overlap by 1 MiB, so that a block
//! of at most that size lies wholly in one of them.
//!
//! Invariants:
//! - A `Loan` is the only one of its buffer: the pool hands a buffer out again only after the loan was dropped.
//! - Rust forms references to a buffer's bytes through its loan alone: mutable ones while it is being filled, shared
//!   ones afterwards.
//! - A window may outlive the loan. Whoever reads through one does so before the loan is dropped, and never writes.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flashstrike_platform::memory as platform;
use memmap2::{MmapOptions, MmapRaw};

/// Most bytes of a window.
pub const WINDOW_LEN: usize = 4 << 20;
/// Distance from the beginning of a window to that of the next.
pub const WINDOW_STRIDE: usize = 3 << 20;
/// A block of at most this many bytes, header and padding included, lies wholly in the window its first byte is in.
pub const WINDOW_OVERLAP: usize = WINDOW_LEN - WINDOW_STRIDE;

/// Most buffers that wait for the next log, and their most bytes in all: what a replay of segments of the usual size
/// takes, which otherwise would get some of its memory from the system each time.
const MOST_WAITING: usize = 96;
const MOST_WAITING_BYTES: usize = 320 << 20;

/// Buffers of logs that were closed.
static WAITING: Mutex<Vec<Arc<PoolBuffer>>> = Mutex::new(Vec::new());
/// Windows given names so far, so that no two of this process have the same.
static WINDOWS: AtomicU32 = AtomicU32::new(0);

/// Anonymous private memory, at its place until the last clone of its `Arc` is dropped.
pub struct PoolBuffer {
    memory: MmapRaw,
    first_window: u32,
    /// One window, however long.
    is_apart: bool,
}

impl PoolBuffer {
    fn new(capacity: usize, is_apart: bool) -> io::Result<Self> {
        let is_one_window = is_apart || capacity <= WINDOW_LEN;
        let windows = if is_one_window { 1 } else { capacity.div_ceil(WINDOW_STRIDE) as u32 };
        let memory = MmapRaw::from(MmapOptions::new().len(capacity).map_anon()?);
        platform::prefer_large_pages(&memory);
        Ok(Self { memory, first_window: WINDOWS.fetch_add(windows, Ordering::Relaxed), is_apart })
    }

    /// Lets the kernel take the pages when it needs memory; until then they stay, and need not be zeroed again.
    fn offer_pages(&self) {
        // SAFETY: nobody reads a buffer that is not borrowed, and nobody needs what stands in it.
        unsafe { platform::offer(&self.memory) };
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Whether it has no byte; it always has some.
    pub fn is_empty(&self) -> bool {
        self.memory.len() == 0
    }

    /// The first byte; valid for [`len`](Self::len) bytes while the buffer lives.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.memory.as_mut_ptr()
    }

    /// The window in which a block that begins at `offset` lies.
    ///
    /// # Panics
    /// If the buffer is shorter.
    pub fn window_at(self: &Arc<Self>, offset: usize) -> Window {
        assert!(offset < self.len(), "offset {offset} in a buffer of {}", self.len());
        if self.is_apart || self.len() <= WINDOW_LEN {
            let id = WindowId(self.first_window);
            return Window { buffer: Arc::clone(self), id, start: 0, length: self.len() };
        }
        let number = offset / WINDOW_STRIDE;
        let start = number * WINDOW_STRIDE;
        let length = WINDOW_LEN.min(self.len() - start);
        Window { buffer: Arc::clone(self), id: WindowId(self.first_window + number as u32), start, length }
    }
}

impl fmt::Debug for PoolBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolBuffer({} bytes, window {} on)", self.len(), self.first_window)
    }
}

/// Names a window of this process; a caller may keep one view per id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WindowId(pub u32);

/// A part of a buffer that is small enough for JavaScript.
#[derive(Debug, Clone)]
pub struct Window {
    /// Keeps the memory in its place.
    pub buffer: Arc<PoolBuffer>,
    /// Its name.
    pub id: WindowId,
    /// Where it begins in the buffer.
    pub start: usize,
    /// Its length in bytes.
    pub length: usize,
}

/// Buffers of one capacity, and those made to measure for what fits none of them.
pub(crate) struct Pool {
    capacity: usize,
    free: Mutex<Vec<Arc<PoolBuffer>>>,
    free_to_measure: Mutex<Vec<Arc<PoolBuffer>>>,
}

impl Pool {
    /// Buffers of `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity: capacity.max(1),
            free: Mutex::default(),
            free_to_measure: Mutex::default(),
        })
    }

    /// Borrows a buffer of at least `length` bytes, made if none is free. Its bytes are whatever they were.
    pub(crate) fn borrow(self: &Arc<Self>, length: usize) -> io::Result<Loan> {
        if length > self.capacity {
            return self.borrow_to_measure(length, false);
        }
        let found = self.free().pop().or_else(|| self.take_waiting());
        let buffer = match found {
            Some(buffer) => buffer,
            None => Arc::new(PoolBuffer::new(self.capacity, false)?),
        };
        Ok(Loan { buffer, pool: Arc::clone(self) })
    }

    /// Borrows a buffer of at least `length` bytes that is one window, however long: for a block of more than
    /// [`WINDOW_OVERLAP`] bytes.
    pub(crate) fn borrow_apart(self: &Arc<Self>, length: usize) -> io::Result<Loan> {
        self.borrow_to_measure(length.next_power_of_two().max(WINDOW_OVERLAP), true)
    }

    /// Borrows a buffer for blocks of so many bytes together: one of the usual length if they fit, else one apart.
    pub(crate) fn borrow_for(self: &Arc<Self>, length: usize) -> io::Result<Loan> {
        if length <= self.capacity { self.borrow(length) } else { self.borrow_apart(length) }
    }

    /// The shortest one that is free and long enough, or a new one.
    fn borrow_to_measure(self: &Arc<Self>, length: usize, is_apart: bool) -> io::Result<Loan> {
        let mut free = lock(&self.free_to_measure);
        let fitting = free.iter().enumerate().filter(|(_, buffer)| {
            let fits = buffer.len() >= length;
            fits && buffer.is_apart == is_apart
        });
        let shortest = fitting.min_by_key(|(_, buffer)| buffer.len()).map(|(at, _)| at);
        let found = shortest.map(|at| free.swap_remove(at));
        drop(free);
        let buffer = match found {
            Some(buffer) => buffer,
            None => Arc::new(PoolBuffer::new(length, is_apart)?),
        };
        Ok(Loan { buffer, pool: Arc::clone(self) })
    }

    fn take_waiting(&self) -> Option<Arc<PoolBuffer>> {
        let mut waiting = lock(&WAITING);
        let at = waiting.iter().rposition(|buffer| buffer.len() == self.capacity)?;
        Some(waiting.remove(at))
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Arc<PoolBuffer>>> {
        lock(&self.free)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut waiting = lock(&WAITING);
        for buffer in self.free().drain(..) {
            buffer.offer_pages();
            waiting.push(buffer);
        }
        let bytes = |waiting: &[Arc<PoolBuffer>]| waiting.iter().map(|buffer| buffer.len()).sum::<usize>();
        while waiting.len() > MOST_WAITING || bytes(&waiting) > MOST_WAITING_BYTES {
            waiting.remove(0);
        }
    }
}

/// A list is whole between any two statements, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} bytes each, {} free)", self.capacity, self.free().len())
    }
}

/// A buffer while it is borrowed; dropping it gives the buffer back.
#[derive(Debug)]
pub(crate) struct Loan {
    buffer: Arc<PoolBuffer>,
    pool: Arc<Pool>,
}

impl Loan {
    /// The buffer's bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is valid for its length as long as `buffer` lives. This loan is the buffer's only one
        // (first invariant), and it is borrowed shared, so nobody in Rust writes; readers through windows do not.
        unsafe { std::slice::from_raw_parts(self.buffer.as_mut_ptr().cast_const(), self.buffer.len()) }
    }

    /// The buffer's bytes, to fill.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; borrowed mutably, so nobody else in Rust reads, and whoever had a window read through
        // it before the last loan was dropped (third invariant).
        unsafe { std::slice::from_raw_parts_mut(self.buffer.as_mut_ptr(), self.buffer.len()) }
    }

    /// The buffer itself, for windows.
    pub(crate) fn buffer(&self) -> &Arc<PoolBuffer> {
        &self.buffer
    }

    /// Whether these bytes lie in one window, that of the first.
    pub(crate) fn is_in_window(&self, start: usize, end: usize) -> bool {
        let window = self.buffer.window_at(start);
        end <= window.start + window.length
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let is_usual = self.buffer.len() == self.pool.capacity && !self.buffer.is_apart;
        let free = if is_usual { &self.pool.free } else { &self.pool.free_to_measure };
        lock(free).push(Arc::clone(&self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The buffers of closed logs wait in a list of the process.
    static ALONE: Mutex<()> = Mutex::new(());

    #[test]
    fn a_block_of_one_mebibyte_lies_in_the_window_of_its_first_byte() {
        let _alone = lock(&ALONE);
        let pool = Pool::new(64 << 20);
        let loan = pool.borrow(1).unwrap();
        for offset in (0..(63 << 20)).step_by(65_536).chain([WINDOW_STRIDE - 64, WINDOW_STRIDE]) {
            let window = loan.buffer().window_at(offset);
            assert!(window.start <= offset && offset + WINDOW_OVERLAP <= window.start + window.length);
            assert!(window.length <= WINDOW_LEN);
        }
    }

    #[test]
    fn a_buffer_no_longer_than_a_window_is_one() {
        let _alone = lock(&ALONE);
        for capacity in [4096, WINDOW_STRIDE + 4096, WINDOW_LEN] {
            let pool = Pool::new(capacity);
            let loan = pool.borrow(1).unwrap();
            let window = loan.buffer().window_at(capacity - 1);
            assert_eq!((window.start, window.length), (0, capacity));
            assert!(loan.is_in_window(0, capacity));
        }
        let long = Pool::new(WINDOW_LEN + 4096).borrow(1).unwrap();
        assert!(!long.is_in_window(0, WINDOW_LEN + 1) && long.is_in_window(WINDOW_STRIDE, WINDOW_LEN + 1));
    }

    #[test]
    fn windows_of_different_buffers_have_different_names() {
        let _alone = lock(&ALONE);
        let (small, large) = (Pool::new(4096), Pool::new(10 << 20));
        let (a, b, c) = (small.borrow(1).unwrap(), large.borrow(1).unwrap(), small.borrow(1).unwrap());
        let mut ids = vec![a.buffer().window_at(0).id, c.buffer().window_at(0).id];
        ids.extend(
            [0, WINDOW_STRIDE, 2 * WINDOW_STRIDE, 3 * WINDOW_STRIDE].map(|at| b.buffer().window_at(at).id),
        );
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }

    #[test]
    fn not_too_many_buffers_of_closed_logs_wait_for_the_next_ones() {
        let _alone = lock(&ALONE);
        let capacity = (7 << 20) + 4096; // of no test before
        let first = Pool::new(capacity);
        let address = first.borrow(1).unwrap().buffer().as_mut_ptr();
        drop(first);
        let second = Pool::new(capacity);
        let again = second.borrow(1).unwrap();
        assert_eq!(again.buffer().as_mut_ptr(), address);
        assert_ne!(second.borrow(1).unwrap().buffer().as_mut_ptr(), address);

        for (capacity, count) in [(4096 + 64, 200), (100 << 20, 6)] {
            let pool = Pool::new(capacity);
            let loans: Vec<_> = (0..count).map(|_| pool.borrow(1).unwrap()).collect();
            drop((loans, pool));
            assert!(lock(&WAITING).len() <= MOST_WAITING);
        }
        let waiting = lock(&WAITING);
        assert!(waiting.len() <= MOST_WAITING);
        assert!(waiting.iter().map(|buffer| buffer.len()).sum::<usize>() <= MOST_WAITING_BYTES);
        assert!(waiting.iter().any(|buffer| buffer.len() == 100 << 20), "the newest ones wait");
    }

    #[test]
    fn a_block_of_any_length_lies_in_the_window_of_a_buffer_apart() {
        let _alone = lock(&ALONE);
        let pool = Pool::new(4096);
        let loan = pool.borrow_apart(9 << 20).unwrap();
        let window = loan.buffer().window_at(8 << 20);
        assert!(window.start == 0 && window.length >= 9 << 20);
    }

    #[test]
    fn a_buffer_larger_than_the_pools_is_made_to_measure() {
        let _alone = lock(&ALONE);
        let pool = Pool::new(4096);
        let large = pool.borrow(10 << 20).unwrap();
        assert_eq!(large.bytes().len(), 10 << 20);
        let after = large.buffer().window_at((10 << 20) - 1).id;
        drop(large);
        let small = pool.borrow(1).unwrap();
        assert_eq!(small.bytes().len(), 4096);
        assert_ne!(small.buffer().window_at(0).id, after);
    }

    #[test]
    fn a_buffer_comes_back_when_its_loan_ends() {
        let _alone = lock(&ALONE);
        let pool = Pool::new(8192);
        let mut loan = pool.borrow(1).unwrap();
        loan.bytes_mut()[0] = 7;
        let address = loan.buffer().as_mut_ptr();
        drop(loan);
        let again = pool.borrow(1).unwrap();
        assert_eq!((again.buffer().as_mut_ptr(), again.bytes()[0]), (address, 7));
        assert_ne!(pool.borrow(1).unwrap().buffer().as_mut_ptr(), address);
    }

    #[test]
    fn a_buffer_made_to_measure_comes_back_to_whom_it_fits() {
        let _alone = lock(&ALONE);
        let pool = Pool::new(4096);
        let window = |loan: &Loan| loan.buffer().window_at(0).id;
        let (large, apart) = (pool.borrow(9 << 20).unwrap(), pool.borrow_apart(9 << 20).unwrap());
        let (of_large, of_apart) = (window(&large), window(&apart));
        drop((large, apart));
        for length in [9 << 20, 5 << 20, 16 << 20] {
            assert_eq!(window(&pool.borrow_apart(length).unwrap()), of_apart);
        }
        for length in [9 << 20, 5 << 20, 5000] {
            assert_eq!(window(&pool.borrow(length).unwrap()), of_large);
        }
        assert!(![of_apart, of_large].contains(&window(&pool.borrow_apart(17 << 20).unwrap())));
        assert_eq!(window(&pool.borrow_apart(1).unwrap()), of_apart, "the shortest that is long enough");
        assert_eq!(pool.borrow(4096).unwrap().bytes().len(), 4096);
    }
}
