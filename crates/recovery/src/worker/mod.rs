//! Threads of recovery.

pub(crate) mod preloader;
