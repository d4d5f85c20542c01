//! How to open a log for reading, and whether it is what was expected.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use flashstrike_segment::{LogIdentity, Schema};
use flashstrike_telemetry::page::PageOptions;

use crate::error::{Code, Error, Result};
use crate::files::FileSystem;
use crate::mode::Mode;

/// Each of them may take the memory of a segment.
const PRELOAD_SEGMENTS: RangeInclusive<usize> = 1..=16;

/// How to open a log for reading.
#[derive(Debug, Clone)]
pub struct RecoveryOptions {
    /// The log's directory.
    pub directory: PathBuf,
    /// What to do about a torn tail and about corruption.
    pub mode: Mode,
    /// The events that the reader expects, [`Schema::byte_log`] for variable-length ones; `None`: whatever the log has.
    pub schema: Option<Schema>,
    /// Bytes of the events that the reader expects, 0 for variable-length ones; `None`: whatever the log has.
    pub event_size: Option<u16>,
    /// How many segments are opened and verified before they are asked for, 1 … 16; 2 unless said otherwise. A replay
    /// takes the memory of up to two segments more.
    pub preload_segments: usize,
    /// Labels of the metrics, name and value, see [`check_labels`](flashstrike_telemetry::page::check_labels). One called
    /// `log` takes the place of the name of the directory.
    pub labels: Vec<(String, String)>,
    /// A file that the metrics live in, where other processes can read them, until the recovery and its replays are dropped;
    /// `None`: nowhere else.
    pub telemetry_page: Option<PageOptions>,
    /// Where the files are; `None`: the operating system's.
    pub files: Option<Arc<dyn FileSystem>>,
    /// What to take for the boot id of the machine; `None`: what the machine says.
    pub boot_id: Option<[u8; 16]>,
}

impl RecoveryOptions {
    /// Everything but the directory as usual.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            mode: Mode::default(),
            schema: None,
            event_size: None,
            preload_segments: 2,
            labels: Vec::new(),
            telemetry_page: None,
            files: None,
            boot_id: None,
        }
    }

    /// Whether each of them is one.
    ///
    /// # Errors
    /// `WAL_UNSUPPORTED`.
    pub(crate) fn check(&self) -> Result<()> {
        if PRELOAD_SEGMENTS.contains(&self.preload_segments) {
            return Ok(());
        }
        let message = format!(
            "{} segments are to be read ahead; it must be from {} to {}",
            self.preload_segments,
            PRELOAD_SEGMENTS.start(),
            PRELOAD_SEGMENTS.end()
        );
        Err(Error::new(Code::Unsupported, message).at_path(&self.directory))
    }
}

/// Whether a log holds the events that are expected of it.
///
/// # Errors
/// `WAL_SCHEMA`.
pub(crate) fn check_schema(options: &RecoveryOptions, identity: Option<&LogIdentity>) -> Result<()> {
    let Some(identity) = identity else { return Ok(()) };
    let own = Schema::parse(&identity.schema);
    if own.is_ok_and(|own| !own.is_byte_log() && own.size != identity.event_size) {
        let message = format!(
            "the log in {} holds events of {} bytes, but its own schema {} describes others",
            options.directory.display(),
            identity.event_size,
            identity.schema
        );
        return Err(Error::new(Code::Schema, message).at_path(&options.directory));
    }
    let is_size = options.event_size.is_none_or(|expected| expected == identity.event_size);
    let is_schema = options.schema.as_ref().is_none_or(|expected| {
        let event_size = if expected.is_byte_log() { 0 } else { expected.size };
        Schema::parse(&identity.schema).as_ref() == Ok(expected) && identity.event_size == event_size
    });
    if is_size && is_schema {
        return Ok(());
    }
    let expected = match (&options.schema, options.event_size) {
        (Some(schema), _) => Schema::in_words(schema.size, &schema.to_json()),
        (None, size) => format!("{} bytes an event", size.unwrap_or(0)),
    };
    let advice = if identity.event_size == 0 {
        "open it without a schema"
    } else {
        "open it with its own schema, or without one to have it read from the log"
    };
    let message = format!(
        "the log in {} holds {}, not {expected}; {advice}",
        options.directory.display(),
        Schema::in_words(identity.event_size, &identity.schema),
    );
    Err(Error::new(Code::Schema, message).at_path(&options.directory))
}
