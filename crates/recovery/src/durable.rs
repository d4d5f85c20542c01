//! What is known to be durable, to whoever only looks at a log.

use std::sync::Arc;

use crate::error::Result;
use crate::files::FileSystem;
use crate::inspect::Inspection;
use crate::watch::{StagingWatch, Whose};

impl Inspection {
    /// The highest id of the log that is known to be durable: what its blocks and `wal.meta` prove, or what its writer has
    /// said in `wal.staging` on this boot, also one that has died since. `wal.meta` is written only now and then.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub fn known_durable(&self, files: &Arc<dyn FileSystem>, boot_id: Option<[u8; 16]>) -> Result<u64> {
        Ok(self.durable_event_id.max(self.said_durable(files, boot_id)?.min(self.last_event_id)))
    }

    /// The same without what is there for certain on this boot only, and with what is damaged now.
    pub(crate) fn known_on_disk(
        &self,
        files: &Arc<dyn FileSystem>,
        boot_id: Option<[u8; 16]>,
    ) -> Result<u64> {
        // However large a word of damaged memory is.
        let most = self.last_event_id.max(self.durable_event_id);
        Ok(self.durable_on_disk.max(self.said_durable(files, boot_id)?.min(most)))
    }

    /// What `wal.staging` says; beside a writer perhaps of what was appended since the look.
    fn said_durable(&self, files: &Arc<dyn FileSystem>, boot_id: Option<[u8; 16]>) -> Result<u64> {
        let Some(identity) = &self.identity else { return Ok(0) };
        let whose = Whose { log_id: identity.log_id, boot_id };
        let said = StagingWatch::open(files, &self.directory, whose)?.said()?;
        Ok(said.map_or(0, |said| said.durable_event_id))
    }
}
