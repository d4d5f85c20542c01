//! A broken promise, and how it came about.

use std::fmt;

use crate::disk::{Decision, History};

/// A state in which the log breaks a promise, with everything that led there: enough to follow it by hand where threads
/// will not run the same way again.
#[derive(Debug)]
pub struct Violation {
    /// What is broken.
    pub what: String,
    pub(super) history: History,
    pub(super) crash: String,
    pub(super) decisions: Vec<Decision>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        writeln!(f, "{}", self.crash)?;
        for (number, step) in self.history.steps.iter().enumerate() {
            writeln!(f, "{number:5} {} -> {:?}", step.what, step.promise)?;
        }
        writeln!(f, "what was not synced, and what of it reached the device (0: nothing):")?;
        for decision in &self.decisions {
            match decision {
                Decision::Page { file, page, versions, of } => {
                    writeln!(f, "  file {file}, page {page}: versions {versions:?} of {of}")?;
                }
                Decision::Length { file, length, .. } => writeln!(f, "  file {file}: length {length}")?,
                Decision::Name { directory, number, reached } => {
                    writeln!(f, "  directory {directory}: change {number} reached: {reached}")?;
                }
            }
        }
        Ok(())
    }
}
