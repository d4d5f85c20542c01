//! What to do about a torn tail and about corruption.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};

/// How a log that is not clean is read, and what opening it for append may cut.
///
/// | mode | torn tail | corruption |
/// |---|---|---|
/// | `tail` | ends there; cut when opened for append, reported | refuse: `WAL_CORRUPT` |
/// | `strict` | refuse: `WAL_TORN` | refuse |
/// | `point-in-time` | as `tail` | ends there; opening for append moves the rest to `quarantine/` |
/// | `diagnostic` | read-only: every block that verifies on its own, every gap as a record | same |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A torn tail ends the log; corruption refuses.
    #[default]
    Tail,
    /// Anything but a clean log refuses.
    Strict,
    /// The log ends at the first position that does not verify, whatever it is.
    PointInTime,
    /// Yields what verifies on its own and names every gap; never opens for append.
    Diagnostic,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Tail, Self::Strict, Self::PointInTime, Self::Diagnostic];

    /// The name in options and reports, for example `point-in-time`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tail => "tail",
            Self::Strict => "strict",
            Self::PointInTime => "point-in-time",
            Self::Diagnostic => "diagnostic",
        }
    }

    /// Whether opening in this mode verifies every segment instead of those from the first unsealed one on.
    pub const fn verifies_everything(self) -> bool {
        matches!(self, Self::PointInTime | Self::Diagnostic)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
            let message =
                format!("no mode {text:?}; the modes are tail, strict, point-in-time and diagnostic");
            Error::new(Code::Unsupported, message)
        })
    }
}
