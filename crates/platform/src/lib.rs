//! What the log asks of operating systems, each in its own way: Linux, macOS, Windows.
//!
//! | module | what |
//! |---|---|
//! | [`files`] | open files: places in them, space, syncs, locks |
//! | [`names`] | opening, renaming and telling files apart, directories, file systems |
//! | [`memory`] | what the kernel is told of mapped memory, and sleeping on a word of it |
//! | [`machine`] | which boot this is, when a process was started, how urgent a thread is |
//!
//! Each has one face, here documented, and for each operating system one file behind it. No other crate of the log asks
//! which one it is on, but for the clock of the metrics, which has a faster source on some.
//!
//! Where an operating system gives less than Linux does, the face says so, and [`WEAKER`] says it to users.
//!
//! `unsafe` for calls of the operating system alone, each with what it takes and how long that lives.

pub mod files;
pub mod machine;
pub mod memory;
pub mod names;

/// What of the log's promises is weaker on this operating system, for the report of each opening for append; empty where
/// nothing is.
pub const WEAKER: &[&str] = machine::WEAKER;

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
compile_error!(
    "the log knows how to keep its promises on Linux, macOS and Windows; on this system it does not"
);

#[cfg(not(target_pointer_width = "64"))]
compile_error!("the log maps whole segments: it needs a 64-bit system");
