//! `wal.meta`: written whole, never edited, never the truth.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flashstrike_recovery::Result;
use flashstrike_recovery::files::FileSystem;
use flashstrike_recovery::replace_meta;
use flashstrike_segment::WalMeta;
use flashstrike_telemetry::clock;
use flashstrike_telemetry::recorder::MetaStoreUpdater;

/// Replaces `wal.meta`: temporary file, fdatasync, rename, fsync of the directory.
#[derive(Debug)]
pub struct MetaStore {
    files: Arc<dyn FileSystem>,
    directory: PathBuf,
    file_mode: u32,
    telemetry: MetaStoreUpdater,
}

impl MetaStore {
    /// A store for the log in this directory.
    pub fn new(
        files: Arc<dyn FileSystem>,
        directory: &Path,
        file_mode: u32,
        telemetry: MetaStoreUpdater,
    ) -> Self {
        Self { files, directory: directory.to_path_buf(), file_mode, telemetry }
    }

    /// Makes these the contents of `wal.meta`, durably.
    ///
    /// # Errors
    /// `WAL_IO`; the old contents are then still in place.
    pub fn store(&mut self, meta: &WalMeta) -> Result<()> {
        let start = clock::now_ns();
        let outcome = replace_meta(&*self.files, &self.directory, self.file_mode, &meta.encode());
        self.telemetry.on_meta_flush(start, &outcome);
        outcome
    }
}
