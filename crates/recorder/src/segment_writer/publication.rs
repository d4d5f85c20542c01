//! The order of the stores that publish a block. Apart, so that a model checker can try all that readers may see of it:
//! `tests/loom_publication.rs`.

use std::sync::atomic::Ordering;

/// Where bytes 56 … 63 of a header begin, which publish the block.
const WORD: usize = 56;
const HEADER: usize = 64;

/// Memory that readers have mapped, or read through the kernel, while blocks are published in it.
pub(super) trait SharedMemory {
    /// Stores bytes that readers look at only once they are published.
    fn write(&self, offset: usize, bytes: &[u8]);
    /// Stores an aligned word in one piece.
    fn store(&self, offset: usize, word: u64, order: Ordering);
}

/// Publishes a block: payload, then the first 56 header bytes, then the 8 that publish. A reader that sees those sees all,
/// and all that was published before.
#[inline]
pub(super) fn publish(memory: &impl SharedMemory, at: usize, header: &[u8; HEADER], payload: &[u8]) {
    memory.write(at + HEADER, payload);
    memory.write(at, &header[..WORD]);
    let word = u64::from_le_bytes(header[WORD..].try_into().expect("8 bytes"));
    memory.store(at + WORD, word, Ordering::Release);
}
