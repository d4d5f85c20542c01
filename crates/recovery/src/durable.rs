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
        let proved = self.durable_event_id;
        let Some(identity) = &self.identity else { return Ok(proved) };
        let whose = Whose { log_id: identity.log_id, boot_id };
        let said = StagingWatch::open(files, &self.directory, whose)?.said()?;
        let said = said.map_or(0, |said| said.durable_event_id);
        // Beside a writer it may speak of what was appended since the look.
        Ok(proved.max(said.min(self.last_event_id)))
    }
}
