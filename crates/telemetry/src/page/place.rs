//! Where a struct of metrics lives: on the heap, or in a page.
//!
//! Invariants:
//! - `metrics` is valid, aligned and initialized for as long as this is: the values of the page, whose mapping it owns, or,
//!   without one, the content of a `Box` that was taken apart and is put together again when this is dropped.
//! - Everything in a struct of metrics is atomic and nothing in it needs dropping, so that other processes may map the
//!   same page, and one that stores there what it should not changes numbers and nothing else.

use std::mem::needs_drop;
use std::ops::Deref;
use std::ptr::NonNull;

use super::{ALIGNMENT, NewPage, Page, PageError};

/// A struct of metrics that stays where it is.
#[derive(Debug)]
pub(crate) struct Place<M> {
    metrics: NonNull<M>,
    page: Option<Page>,
}

// SAFETY: it owns the metrics, or the mapping that they are in, and gives out shared references only; whichever thread
// has it or drops it, that is as sound as for a `Box<M>`.
unsafe impl<M: Send + Sync> Send for Place<M> {}
// SAFETY: as for `Send`.
unsafe impl<M: Send + Sync> Sync for Place<M> {}

impl<M: Default> Place<M> {
    /// Metrics at zero on the heap.
    pub(crate) fn on_heap() -> Self {
        Self { metrics: NonNull::from(Box::leak(Box::<M>::default())), page: None }
    }

    /// Metrics at zero in a page that was created with room for as many bytes as they have.
    pub(crate) fn on_page(page: NewPage) -> Result<Self, PageError> {
        const { assert!(align_of::<M>() <= ALIGNMENT && !needs_drop::<M>() | cfg!(loom)) };
        let values = page.values().cast::<M>();
        let zero = Box::<M>::default();
        // SAFETY: the mapping has room for them from there on and begins on a page of memory, as the values do in it, so
        // they are aligned. Nobody else knows the file yet. What is moved out of the box is not dropped with it.
        unsafe { values.write(*zero) };
        Ok(Self { metrics: values, page: Some(page.publish()?) })
    }
}

impl<M> Place<M> {
    /// The page they are in, if they are in one.
    pub(crate) fn page(&self) -> Option<&Page> {
        self.page.as_ref()
    }
}

impl<M> Deref for Place<M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        // SAFETY: valid and initialized as long as `self` is, which is borrowed; only shared references are given out.
        unsafe { self.metrics.as_ref() }
    }
}

impl<M> Drop for Place<M> {
    fn drop(&mut self) {
        if self.page.is_none() {
            // SAFETY: taken apart in `on_heap` and put together nowhere else.
            drop(unsafe { Box::from_raw(self.metrics.as_ptr()) });
        }
    }
}
