//! The first 128 bytes of a page.

use std::path::Path;

use super::{ALIGNMENT, MOST_BYTES, MOST_CATALOGUE_BYTES, MOST_LABELS, MOST_METRICS, PageError};

pub(crate) const MAGIC: [u8; 8] = *b"FSTMPAGE";
/// The version that is written, and the only one that is read.
pub(crate) const VERSION: u32 = 1;
/// Bytes of the header.
pub(crate) const HEADER_BYTES: usize = 128;

/// What the state says.
pub(crate) const BEING_MADE: u64 = 0;
pub(crate) const LIVE: u64 = 1;
pub(crate) const CLOSED: u64 = 2;

// Where each field begins: behind the one before.
const VERSION_AT: usize = MAGIC.len();
const CATALOGUE_AT: usize = VERSION_AT + 4;
/// Where the state is.
pub(crate) const STATE_AT: usize = CATALOGUE_AT + 4;
const LENGTH_AT: usize = STATE_AT + 8;
const VALUES_AT: usize = LENGTH_AT + 8;
const VALUES_BYTES_AT: usize = VALUES_AT + 8;
const GENERATION_AT: usize = VALUES_BYTES_AT + 8;
const STARTED_AT: usize = GENERATION_AT + 8;
const PROCESS_STARTED_AT: usize = STARTED_AT + 8;
const PROCESS_AT: usize = PROCESS_STARTED_AT + 8;
const LABELS_AT: usize = PROCESS_AT + 4;
const METRICS_AT: usize = LABELS_AT + 4;
const CATALOGUE_BYTES_AT: usize = METRICS_AT + 4;

// The words that others may load atomically are aligned.
const _: () = assert!(STATE_AT == 16 && CATALOGUE_BYTES_AT == 84 && HEADER_BYTES.is_multiple_of(64));

/// The header, see the layout in [`page`](super). The state stands apart: it is stored when everything else is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where labels and catalogue begin.
    pub(crate) catalogue_at: u32,
    pub(crate) length: u64,
    pub(crate) values_at: u64,
    pub(crate) values_bytes: u64,
    pub(crate) generation: u64,
    pub(crate) started_unix_ns: u64,
    pub(crate) process_started_ticks: u64,
    pub(crate) process_id: u32,
    pub(crate) labels: u32,
    pub(crate) metrics: u32,
    pub(crate) catalogue_bytes: u32,
}

impl Header {
    /// Its bytes, with a state of "being made".
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, &MAGIC);
        put(VERSION_AT, &VERSION.to_le_bytes());
        put(CATALOGUE_AT, &self.catalogue_at.to_le_bytes());
        put(STATE_AT, &BEING_MADE.to_le_bytes());
        put(LENGTH_AT, &self.length.to_le_bytes());
        put(VALUES_AT, &self.values_at.to_le_bytes());
        put(VALUES_BYTES_AT, &self.values_bytes.to_le_bytes());
        put(GENERATION_AT, &self.generation.to_le_bytes());
        put(STARTED_AT, &self.started_unix_ns.to_le_bytes());
        put(PROCESS_STARTED_AT, &self.process_started_ticks.to_le_bytes());
        put(PROCESS_AT, &self.process_id.to_le_bytes());
        put(LABELS_AT, &self.labels.to_le_bytes());
        put(METRICS_AT, &self.metrics.to_le_bytes());
        put(CATALOGUE_BYTES_AT, &self.catalogue_bytes.to_le_bytes());
        bytes
    }

    /// Reads the header, behind the magic, of a file of so many bytes. What it says of places and lengths holds for that file.
    pub(crate) fn decode(
        bytes: &[u8; HEADER_BYTES],
        file_bytes: u64,
        path: &Path,
    ) -> Result<Self, PageError> {
        let version = u32_at(bytes, VERSION_AT);
        if version != VERSION {
            return Err(PageError::Version { path: path.into(), found: version, known: VERSION });
        }
        let header = Self {
            catalogue_at: u32_at(bytes, CATALOGUE_AT),
            length: u64_at(bytes, LENGTH_AT),
            values_at: u64_at(bytes, VALUES_AT),
            values_bytes: u64_at(bytes, VALUES_BYTES_AT),
            generation: u64_at(bytes, GENERATION_AT),
            started_unix_ns: u64_at(bytes, STARTED_AT),
            process_started_ticks: u64_at(bytes, PROCESS_STARTED_AT),
            process_id: u32_at(bytes, PROCESS_AT),
            labels: u32_at(bytes, LABELS_AT),
            metrics: u32_at(bytes, METRICS_AT),
            catalogue_bytes: u32_at(bytes, CATALOGUE_BYTES_AT),
        };
        if u64_at(bytes, STATE_AT) == BEING_MADE {
            return Err(PageError::NotReady { path: path.into() });
        }
        header.check(file_bytes).map_err(|(at, what)| PageError::damaged(path, at as u64, what))?;
        Ok(header)
    }

    fn check(&self, file_bytes: u64) -> Result<(), (usize, String)> {
        if self.length != file_bytes {
            return Err((
                LENGTH_AT,
                format!("it says that it has {} bytes and has {file_bytes}", self.length),
            ));
        }
        if self.length > MOST_BYTES {
            return Err((LENGTH_AT, format!("it has {} bytes; at most {MOST_BYTES} are read", self.length)));
        }
        let catalogue_end = u64::from(self.catalogue_at) + u64::from(self.catalogue_bytes);
        if (self.catalogue_at as usize) < HEADER_BYTES || catalogue_end > self.values_at {
            let what = format!("a catalogue from {} to {catalogue_end}", self.catalogue_at);
            return Err((CATALOGUE_AT, what));
        }
        if self.catalogue_bytes as usize > MOST_CATALOGUE_BYTES {
            return Err((CATALOGUE_BYTES_AT, format!("a catalogue of {} bytes", self.catalogue_bytes)));
        }
        let values_end = self.values_at.checked_add(self.values_bytes);
        let fit = values_end.is_some_and(|end| end <= self.length);
        if !fit || !self.values_at.is_multiple_of(ALIGNMENT as u64) || !self.values_bytes.is_multiple_of(8) {
            let what = format!("{} bytes of values from {}", self.values_bytes, self.values_at);
            return Err((VALUES_AT, what));
        }
        if self.labels > MOST_LABELS {
            return Err((LABELS_AT, format!("{} labels", self.labels)));
        }
        if self.metrics > MOST_METRICS {
            return Err((METRICS_AT, format!("{} metrics", self.metrics)));
        }
        Ok(())
    }
}

/// What these first bytes of a page, of any version, say of whose it is.
pub(crate) fn process_and_generation(bytes: &[u8; HEADER_BYTES]) -> (u32, u64) {
    (u32_at(bytes, PROCESS_AT), u64_at(bytes, GENERATION_AT))
}

fn u32_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |field| u32::from_le_bytes(*field))
}

fn u64_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |field| u64::from_le_bytes(*field))
}
