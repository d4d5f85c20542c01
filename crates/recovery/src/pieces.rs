//! Reading a log as its mode says.

use crate::diagnosis::{Diagnosis, Piece};
use crate::error::Result;
use crate::manager::{Manager, ReplayOptions};
use crate::mode::Mode;
use crate::recovery::Recovery;

/// What is read of a log. Made by [`Recovery::read`].
#[derive(Debug)]
pub struct Pieces(Way);

#[derive(Debug)]
enum Way {
    /// Everything in order.
    Replay(Box<Manager>),
    /// What is left of a damaged log.
    Diagnosis(Box<Diagnosis>),
}

impl Recovery {
    /// Reads the log as the mode says that it was opened in: in `diagnostic` as [`diagnose`](Self::diagnose), what is left
    /// of it with every gap; in the others as [`replay`](Self::replay), every event in order or an error.
    ///
    /// # Errors
    /// As those.
    pub fn read(&self, options: ReplayOptions) -> Result<Pieces> {
        Ok(Pieces(match self.mode() {
            Mode::Diagnostic => Way::Diagnosis(Box::new(self.diagnose(options)?)),
            Mode::Tail | Mode::Strict | Mode::PointInTime => Way::Replay(Box::new(self.replay(options)?)),
        }))
    }
}

impl Pieces {
    /// The next piece; `None` at the end. A [`Gap`](crate::Gap) comes in mode `diagnostic` only.
    ///
    /// # Errors
    /// As [`Manager::next_run`] and [`Diagnosis::next_piece`].
    pub fn next_piece(&mut self) -> Result<Option<Piece<'_>>> {
        match &mut self.0 {
            Way::Replay(manager) => Ok(manager.next_run()?.map(Piece::Run)),
            Way::Diagnosis(diagnosis) => diagnosis.next_piece(),
        }
    }
}
