//! From `.wal` to `.wal.zst`. At every moment one of the two is whole on disk and has its name there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use flashstrike_recovery::directory::{cold_path, hot_path};
use flashstrike_recovery::files::{
    File, FileSystem, OpenMode, is_full, read_full_at, remove_if_there, sync_names,
};
use flashstrike_recovery::{Code, Error, Result};
use flashstrike_segment::cold::{ColdError, Frame, FrameReader, FrameWriter, SeekTable};
use flashstrike_segment::layout::MAX_SEGMENT_SIZE;
use flashstrike_segment::names;

use super::sealed_blocks::{SealedFile, for_each_frame};
use crate::shared::Shared;

/// As much of a cold file's end as its seek table can take: 8 bytes for each MiB of the largest segment.
const MAX_SEEK_TABLE: u64 = (MAX_SEGMENT_SIZE as u64 >> 20) * 8 + 64;

/// How long a compressed segment was and is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) content: u64,
    pub(super) file: u64,
}

/// One segment on its way from hot to cold.
pub(super) struct Compression<'a> {
    shared: &'a Shared,
    index: u32,
    level: i32,
    stop: &'a AtomicBool,
    hot: PathBuf,
    cold: PathBuf,
    temporary: PathBuf,
}

impl<'a> Compression<'a> {
    pub(super) fn of(shared: &'a Shared, index: u32, level: i32, stop: &'a AtomicBool) -> Self {
        let directory = &shared.context.directory;
        Self {
            shared,
            index,
            level,
            stop,
            hot: hot_path(directory, index),
            cold: cold_path(directory, index),
            temporary: directory.join(names::temporary_name(&names::cold_name(index))),
        }
    }

    /// Compresses, compares, and removes the hot file, which the caller syncs; `None`: it was stopped, and the segment is
    /// hot as before.
    ///
    /// A cold file that is there already, from a writer that died in between, is compared too, and made anew if it is
    /// another one.
    ///
    /// # Errors
    /// `WAL_CORRUPT` if the hot file does not verify, `WAL_FULL`, `WAL_IO`, `WAL_POISONED`. The hot file is kept then.
    pub(super) fn run(&self) -> Result<Option<Sizes>> {
        let hot = self.open(&self.hot)?;
        let sizes = match self.finish_earlier(&hot)? {
            Comparison::Same(sizes) => sizes,
            Comparison::Differs(_) => match self.make(&hot)? {
                Some(sizes) => sizes,
                None => return Ok(None),
            },
            Comparison::Stopped => return Ok(None),
        };
        let _ = hot.drop_cache();
        self.shared.check_lock()?;
        remove_if_there(self.files(), &self.hot)?;
        Ok(Some(sizes))
    }

    /// What an earlier try has left. One that is the same is durable under its name afterwards, any other is gone.
    fn finish_earlier(&self, hot: &Arc<dyn File>) -> Result<Comparison> {
        let cold = match self.files().open(&self.cold, OpenMode::Read) {
            Ok(cold) => cold,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Comparison::Differs("there is none".to_owned()));
            }
            Err(error) => return Err(Error::io("open", &self.cold, &error)),
        };
        let found = self.compare(hot, &cold, &self.cold)?;
        if let Comparison::Differs(_) = found {
            // The hot file has just been verified as a whole, so it is the one that counts.
            self.shared.check_lock()?;
            remove_if_there(self.files(), &self.cold)?;
        }
        if !matches!(found, Comparison::Stopped) {
            self.sync_directory()?;
        }
        Ok(found)
    }

    /// Makes the cold file, durably; `None`: stopped.
    fn make(&self, hot: &Arc<dyn File>) -> Result<Option<Sizes>> {
        let made = self.make_under_temporary_name(hot);
        if !matches!(made, Ok(Some(_))) {
            // The next opening would remove it too.
            let _ = remove_if_there(self.files(), &self.temporary);
            return made;
        }
        self.shared.check_lock()?;
        self.files()
            .rename(&self.temporary, &self.cold, false)
            .map_err(|error| Error::io("rename to", &self.cold, &error))?;
        self.sync_directory()?;
        made
    }

    fn make_under_temporary_name(&self, hot: &Arc<dyn File>) -> Result<Option<Sizes>> {
        remove_if_there(self.files(), &self.temporary)?;
        let mode = OpenMode::CreateNew(self.shared.context.file_mode);
        let file =
            self.files().open(&self.temporary, mode).map_err(|error| self.write_failed("create", &error))?;
        if self.write(hot, &file)?.is_none() {
            return Ok(None);
        }
        file.sync_all().map_err(|error| self.write_failed("sync", &error))?;
        // So that it is read back from the disk, and makes no room in the cache for what nobody reads soon.
        let _ = file.drop_cache();
        let outcome = match self.compare(hot, &file, &self.temporary)? {
            Comparison::Differs(difference) => {
                let message = format!(
                    "the compressed copy of {} does not read back as it was written ({difference}); the original is \
                     kept and it is tried again: check memory and disk of this machine",
                    self.hot.display()
                );
                return Err(Error::new(Code::Io, message).at_path(&self.hot));
            }
            Comparison::Same(sizes) => Some(sizes),
            Comparison::Stopped => None,
        };
        let _ = file.drop_cache();
        Ok(outcome)
    }

    /// Writes the frames and the seek table; `None`: stopped.
    fn write(&self, hot: &Arc<dyn File>, file: &Arc<dyn File>) -> Result<Option<()>> {
        let mut writer = FrameWriter::new(self.level).map_err(|error| self.refused(&error))?;
        let mut compressed = Vec::new();
        let mut at = 0;
        let mut write = |compressed: &[u8]| -> Result<()> {
            file.write_all_at(compressed, at).map_err(|error| self.write_failed("write", &error))?;
            // A little at a time, instead of a burst at the sync.
            let _ = file.start_write_back(at, compressed.len() as u64);
            at += compressed.len() as u64;
            Ok(())
        };
        let all = for_each_frame(self.sealed(hot), self.stop, &mut |content| {
            compressed.clear();
            writer.frame(content, &mut compressed).map_err(|error| self.refused(&error))?;
            let _ = hot.drop_cache();
            write(&compressed)
        })?;
        if all.is_none() {
            return Ok(None);
        }
        compressed.clear();
        writer.finish(&mut compressed);
        write(&compressed).map(Some)
    }

    /// Whether a cold file holds exactly the bytes of the hot one, which is verified on the way.
    fn compare(&self, hot: &Arc<dyn File>, cold: &Arc<dyn File>, cold_path: &Path) -> Result<Comparison> {
        let failed = |error: std::io::Error| Error::io("read", cold_path, &error);
        let length = cold.len().map_err(failed)?;
        let mut tail = vec![0; length.min(MAX_SEEK_TABLE) as usize];
        let offset = length - tail.len() as u64;
        let read = read_full_at(&**cold, &mut tail, offset).map_err(failed)?;
        let table = SeekTable::parse(&tail[..read], length);
        let mut difference = table.as_ref().err().map(ToString::to_string);
        let table = table.unwrap_or_default();
        let mut frames = table.frames().iter();
        let mut reader = FrameReader::default();
        let all = for_each_frame(self.sealed(hot), self.stop, &mut |content| {
            if difference.is_none() {
                difference = match frames.next() {
                    Some(frame) => differs(cold, frame, content, &mut reader).map_err(failed)?,
                    None => Some("it ends too early".to_owned()),
                };
            }
            let _ = hot.drop_cache();
            Ok(())
        })?;
        let Some(content) = all else { return Ok(Comparison::Stopped) };
        if difference.is_none() && frames.next().is_some() {
            difference = Some("it is too long".to_owned());
        }
        Ok(match difference {
            Some(difference) => Comparison::Differs(difference),
            None => Comparison::Same(Sizes { content, file: length }),
        })
    }

    fn sealed<'b>(&'b self, hot: &'b Arc<dyn File>) -> SealedFile<'b> {
        SealedFile { file: &**hot, path: &self.hot, index: self.index, log_id: self.shared.context.log_id }
    }

    fn files(&self) -> &dyn FileSystem {
        &*self.shared.context.files
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn File>> {
        self.files().open(path, OpenMode::Read).map_err(|error| Error::io("open", path, &error))
    }

    fn sync_directory(&self) -> Result<()> {
        sync_names(self.files(), &self.shared.context.directory)
    }

    fn write_failed(&self, what: &str, error: &std::io::Error) -> Error {
        if !is_full(error) {
            return Error::io(what, &self.temporary, error);
        }
        let message = format!("no space to write {}: {error}", self.temporary.display());
        Error::new(Code::Full, message).at_path(&self.temporary)
    }

    fn refused(&self, error: &ColdError) -> Error {
        Error::new(Code::Io, format!("cannot compress {}: {error}", self.hot.display())).at_path(&self.hot)
    }
}

enum Comparison {
    Same(Sizes),
    /// What is not the same, in words.
    Differs(String),
    Stopped,
}

/// What is not as it should be in a frame.
fn differs(
    cold: &Arc<dyn File>,
    frame: &Frame,
    content: &[u8],
    reader: &mut FrameReader,
) -> std::io::Result<Option<String>> {
    let place = frame.content_offset;
    if frame.content_len as usize != content.len() {
        return Ok(Some(format!("the frame at {place} has another length")));
    }
    let mut bytes = vec![0; frame.len as usize];
    let read = read_full_at(&**cold, &mut bytes, frame.offset)?;
    let mut found = vec![0; content.len()];
    Ok(match reader.read(&bytes[..read], &mut found) {
        Err(error) => Some(format!("{error}, at {place}")),
        Ok(()) if found != content => Some(format!("the frame at {place} has other bytes")),
        Ok(()) => None,
    })
}
