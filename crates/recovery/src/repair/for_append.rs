//! What a repair does besides cutting, for a writer who goes on. One by hand leaves all of it to that writer.

use flashstrike_segment::names;

use super::cut::{Repair, used_behind};
use super::rewrite::{self, checked_body};
use crate::directory::hot_path;
use crate::error::{Error, Result};
use crate::files::{OpenMode, remove_if_there};
use crate::inspect::SegmentFacts;

impl Repair<'_> {
    /// Removes what other openings have left half done: never the only copy of anything.
    pub(super) fn remove_leftovers(&mut self) -> Result<()> {
        for name in &self.inspection.listing.leftovers {
            remove_if_there(self.files, &self.directory.join(name))?;
            self.notes.push(format!("removed {name}, left half done"));
        }
        if self.inspection.listing.leftovers.is_empty() { Ok(()) } else { self.sync_directory() }
    }

    /// Removes prepared segments from the first one on that cannot be used, from the highest down.
    pub(super) fn remove_unusable_prepared(&mut self) -> Result<()> {
        let usable = self.usable_prepared();
        for prepared in self.inspection.prepared[usable.len()..].iter().rev() {
            self.remove_segment(prepared.index)?;
            self.notes.push(format!("removed {}, which could not be used", names::hot_name(prepared.index)));
        }
        self.prepared = usable;
        Ok(())
    }

    /// Puts a copy of the right length in the place of files that have another, and one that can be gone on with in the
    /// place of a compressed segment that is not sealed.
    pub(super) fn correct_lengths(&mut self) -> Result<()> {
        for at in 0..self.segments.len() {
            let facts = self.segments[at].clone();
            if !facts.is_file_wrong() {
                continue;
            }
            self.replace(&facts, &facts.header)?;
            let done = if facts.is_cold { "is uncompressed" } else { "has its right length" };
            self.notes.push(format!("{} {done} again", names::hot_name(facts.index)));
            self.segments[at] = SegmentFacts {
                wrong_length: false,
                is_cold: false,
                header_damaged: false,
                unpublished_remains: false,
                ..facts
            };
        }
        Ok(())
    }

    /// Zeroes bytes of the active segment that never became a block.
    pub(super) fn zero_unpublished_remains(&mut self) -> Result<()> {
        let Some(last) = self.segments.last() else { return Ok(()) };
        if last.is_sealed() || last.is_cold || !last.unpublished_remains {
            return Ok(());
        }
        let path = hot_path(self.directory, last.index);
        let length = used_behind(&*self.open(&path, OpenMode::Read)?, last.end)
            .map_err(|e| Error::io("read", &path, &e))?;
        if length > 0 {
            self.zero(last, length)?;
            let note = format!("{}: zeroed {length} unpublished bytes", names::hot_name(last.index));
            self.notes.push(note);
        }
        self.segments.last_mut().expect("it was there").unpublished_remains = false;
        Ok(())
    }

    /// Writes headers that do not verify anew, unsealed.
    pub(super) fn write_damaged_headers(&mut self) -> Result<()> {
        for facts in self.segments.iter_mut().filter(|facts| facts.header_damaged && !facts.is_cold) {
            let path = hot_path(self.directory, facts.index);
            let file = self
                .files
                .open(&path, OpenMode::ReadWrite)
                .map_err(|error| Error::io("open", &path, &error))?;
            file.write_all_at(&facts.header.encode(), 0)
                .map_err(|error| Error::io("write the header of", &path, &error))?;
            rewrite::sync_data(self.files, self.directory, &*file, &path)?;
            facts.header_damaged = false;
            self.notes.push(format!("{}: header written anew", names::hot_name(facts.index)));
        }
        Ok(())
    }

    /// Writes once more what nothing proves to be on the device.
    pub(super) fn rewrite_above_proof(&mut self) -> Result<()> {
        let proof = self.inspection.durable_on_disk;
        for facts in self.segments.iter().filter(|facts| !facts.is_sealed() && !facts.is_cold) {
            let is_proved = facts.counts.event_count > 0 && facts.counts.last_event_id <= proof;
            if is_proved || self.replaced.contains(&facts.index) {
                continue;
            }
            let body = checked_body(&self.source, facts, proof)?;
            let path = hot_path(self.directory, facts.index);
            let file = self.open(&path, OpenMode::ReadWrite)?;
            file.write_all_at(body.unproved(), body.unproved_from() as u64)
                .map_err(|error| Error::io("write once more", &path, &error))?;
        }
        Ok(())
    }
}
