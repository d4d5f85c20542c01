//! How a cursor is opened.

/// Where a cursor begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorStart {
    /// Before the first event there is.
    Start,
    /// Behind the last durable event: what comes later is new.
    End,
    /// Behind this event: its consumer is done with all up to it. It waits until that is durable.
    After(u64),
}

/// How to open a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorOptions {
    /// Make it there if there is none of this name; `None`: that is `WAL_NOT_FOUND`.
    pub create: Option<CursorStart>,
    /// Put it there whatever it says, also backwards: what to do after `WAL_CURSOR_AHEAD` and `WAL_CORRUPT`.
    pub reset: Option<CursorStart>,
    /// Permission bits of the files made; the recorder has to be able to read them.
    pub file_mode: u32,
}

impl Default for CursorOptions {
    fn default() -> Self {
        Self { create: None, reset: None, file_mode: 0o600 }
    }
}
