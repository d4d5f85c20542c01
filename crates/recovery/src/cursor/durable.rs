//! What of a log is durable, seen from outside of its writer.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use flashstrike_segment::layout::WAL_META_SIZE;
use flashstrike_segment::staging::{STAGING_DURABLE, STAGING_POISONED, STAGING_WRITTEN};
use flashstrike_segment::{StagingHeader, WalMeta, names};

use crate::error::{Error, Result};
use crate::files::{FileSystem, OpenMode, read_full_at};
use crate::machine::writer_alive;

/// Bytes of `wal.staging` in which all that is asked stands.
const HEAD: usize = STAGING_DURABLE + 8;

/// What the writer says of a log at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The highest id that a sync has covered.
    pub(super) durable: u64,
    /// The highest id written.
    pub(super) written: u64,
    /// A sync has failed: nothing more becomes durable before the log is opened again.
    pub(super) poisoned: bool,
}

/// Looks at what is durable, again and again.
#[derive(Debug, Clone)]
pub(super) struct DurableWatch {
    pub(super) files: Arc<dyn FileSystem>,
    pub(super) directory: PathBuf,
    pub(super) log_id: [u8; 16],
    pub(super) boot_id: Option<[u8; 16]>,
    /// What was proved before; what a file says later is never less.
    pub(super) proved: u64,
}

impl DurableWatch {
    /// What `wal.staging` and, if that is of no use, `wal.meta` say now.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn look(&mut self) -> Result<Seen> {
        let seen = match self.staging()? {
            Some(seen) => seen,
            None => self.meta()?,
        };
        self.proved = self.proved.max(seen.durable);
        Ok(Seen { durable: self.proved, ..seen })
    }

    /// Whether somebody holds the log for appending.
    ///
    /// # Errors
    /// `WAL_IO`.
    pub(super) fn writer_alive(&self) -> Result<bool> {
        writer_alive(&*self.files, &self.directory)
    }

    /// What the staging memory of this log and boot says.
    fn staging(&self) -> Result<Option<Seen>> {
        let path = self.directory.join(names::WAL_STAGING);
        let file = match self.files.open(&path, OpenMode::Read) {
            Ok(file) => file,
            // Without the right to read it, `wal.meta` says the same a little later.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
                return Ok(None);
            }
            Err(error) => return Err(Error::io("open", &path, &error)),
        };
        let read = || -> Result<[u8; HEAD]> {
            let mut bytes = [0; HEAD];
            read_full_at(&*file, &mut bytes, 0).map_err(|error| Error::io("read", &path, &error))?;
            Ok(bytes)
        };
        let number = |bytes: &[u8; HEAD], at: usize| {
            bytes[at..].first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight))
        };
        let mut bytes = read()?;
        // Reading copies what somebody may be storing: what two reads agree on was there.
        loop {
            let again = read()?;
            let is_same = number(&bytes, STAGING_DURABLE) == number(&again, STAGING_DURABLE)
                && number(&bytes, STAGING_WRITTEN) == number(&again, STAGING_WRITTEN);
            bytes = again;
            if is_same {
                break;
            }
        }
        let is_of_log = StagingHeader::decode(&bytes)
            .is_ok_and(|header| header.log_id == self.log_id && Some(header.boot_id) == self.boot_id);
        Ok(is_of_log.then(|| Seen {
            durable: number(&bytes, STAGING_DURABLE),
            written: number(&bytes, STAGING_WRITTEN),
            poisoned: bytes[STAGING_POISONED..STAGING_POISONED + 4] != [0; 4],
        }))
    }

    fn meta(&self) -> Result<Seen> {
        let path = self.directory.join(names::WAL_META);
        let file = match self.files.open(&path, OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Seen::default()),
            Err(error) => return Err(Error::io("open", &path, &error)),
        };
        let mut bytes = [0; WAL_META_SIZE];
        let read = read_full_at(&*file, &mut bytes, 0).map_err(|error| Error::io("read", &path, &error))?;
        let meta = WalMeta::decode(&bytes[..read]).ok().filter(|meta| meta.log_id == self.log_id);
        Ok(meta.map_or_else(Seen::default, |meta| Seen {
            durable: meta.durable_event_id,
            written: meta.last_event_id,
            poisoned: false,
        }))
    }
}
