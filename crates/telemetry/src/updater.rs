//! What the parts of the log record with.
//!
//! Invariants:
//! - `metrics` points into memory that `owner` keeps alive and in place: what a shared `Arc` holds or leads to, which
//!   neither moves nor can be borrowed mutably while `owner` holds its share.
//! - Everything behind it is atomic, so shared references from several threads are sound whatever they do.

use std::any::Any;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

/// Records what occurs in a component of the log, one method an occurrence; `M` are the component's metrics.
///
/// It owns a share of the telemetry and leads straight to that component. It may move to another thread but not be used
/// by two at once, and it cannot be cloned: a metric has one writer.
#[derive(Debug)]
pub struct Updater<M> {
    metrics: NonNull<M>,
    _owner: Arc<dyn Any + Send + Sync>,
    _one_thread_at_a_time: PhantomData<Cell<()>>,
}

// SAFETY: the metrics are `Sync` and kept alive by the owner, which is `Send`, so whichever thread has the updater may
// go through it. `PhantomData<Cell<()>>` is there only to keep it from being `Sync`, and is itself `Send`.
unsafe impl<M: Sync> Send for Updater<M> {}

impl<M: Sync> Updater<M> {
    /// For what `component` borrows from `owner`.
    pub(crate) fn new<O: Send + Sync + 'static>(owner: &Arc<O>, component: impl FnOnce(&O) -> &M) -> Self {
        Self {
            metrics: NonNull::from(component(owner)),
            _owner: Arc::clone(owner) as Arc<dyn Any + Send + Sync>,
            _one_thread_at_a_time: PhantomData,
        }
    }
}

impl<M> Updater<M> {
    #[inline]
    pub(crate) fn metrics(&self) -> &M {
        // SAFETY: `metrics` was made from a reference that borrows from the content of the `Arc` of which `_owner` holds
        // a share; it is neither freed nor moved nor borrowed mutably as long as that share exists.
        unsafe { self.metrics.as_ref() }
    }
}
