//! `wal.meta`: written whole, never edited, never the truth.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flashstrike_recovery::files::{FileSystem, OpenMode, remove_if_there, sync_names};
use flashstrike_recovery::{Error, Result};
use flashstrike_segment::{WalMeta, names};
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
        let outcome = self.replace(&meta.encode());
        self.telemetry.on_meta_flush(start, &outcome);
        outcome
    }

    fn replace(&self, bytes: &[u8]) -> Result<()> {
        let temporary = self.directory.join(names::temporary_name(names::WAL_META));
        let path = self.directory.join(names::WAL_META);
        remove_if_there(&*self.files, &temporary)?;
        let file = self
            .files
            .open(&temporary, OpenMode::CreateNew(self.file_mode))
            .map_err(|error| Error::io("create", &temporary, &error))?;
        file.write_all_at(bytes, 0)
            .and_then(|()| file.sync_data())
            .map_err(|error| Error::io("write", &temporary, &error))?;
        self.files.rename(&temporary, &path, true).map_err(|error| Error::io("rename to", &path, &error))?;
        sync_names(&*self.files, &self.directory)
    }
}
