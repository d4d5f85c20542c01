//! The order of the loads that find a published block. Apart, so that a model checker can try all that the memory of the
//! machine may show of it: `loom_publication.rs` among the tests of the recorder.

#[cfg(loom)]
use loom::sync::atomic::{Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{Ordering, fence};

/// Whether a block is published where `word` reads bytes 56 … 63 of its header. Whoever is told so sees the whole block in
/// what he reads from then on, and everything that was published before it.
pub(super) fn is_published<E>(word: impl FnOnce() -> Result<u64, E>) -> Result<bool, E> {
    let word = word()?;
    fence(Ordering::Acquire);
    Ok(word != 0)
}
