//! Where the log ends at this moment, for whoever wants only what comes behind it.

use crate::error::Result;
use crate::inspect::Inspection;
use crate::recovery::Recovery;
use crate::watch::{StagingWatch, Whose};

impl Recovery {
    /// Id of the last event that a follower would hand out now, 0: none. A follower that begins behind it gives all that
    /// is published from the moment of this call on, however long it takes to begin.
    ///
    /// # Errors
    /// As [`replay`](Self::replay).
    pub fn end_event_id(&self, durable_only: bool) -> Result<u64> {
        let mut durable = 0;
        if let Some(identity) = self.identity() {
            let whose = Whose { log_id: identity.log_id, boot_id: self.boot_id() };
            let watch = StagingWatch::open(self.files(), self.directory(), whose)?;
            if let Some(said) = watch.said()? {
                if watch.writer_alive()? {
                    return Ok(if durable_only { said.durable_event_id } else { said.written_event_id });
                }
                durable = said.durable_event_id;
            }
        }
        let inspection = self.look_afresh()?;
        let durable = inspection.durable_on_disk.max(durable);
        Ok(end_of(&inspection, durable_only.then_some(durable)))
    }
}

/// Id of the last event that a follower would hand out of what was found; `durable`: of nothing behind that.
pub(super) fn end_of(inspection: &Inspection, durable: Option<u64>) -> u64 {
    durable.map_or_else(|| inspection.last_id(), |durable| durable.min(inspection.last_event_id))
}
