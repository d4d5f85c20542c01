//! `quarantine/`: where bytes go before anything is cut.
//!
//! What is kept has three parts, in this order: the bytes under a temporary name, synced; the rename to
//! `NAME.OFFSET.YYYYMMDDThhmmssZ.bin`; a `.json` of the same name for people. [`Quarantine::sync`] makes the names
//! durable, and only then may anyone cut.
//!
//! A repair that is interrupted starts again from the beginning, so keeping the same bytes a second time finds them
//! there and keeps nothing twice.

use std::hash::Hasher;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flashstrike_segment::names;
use twox_hash::XxHash3_64;

use super::evidence::{Evidence, LogEnd};
use crate::error::{Error, Result};
use crate::files::{
    DirectoryEntry, File, FileSystem, OpenMode, ensure_directory, if_there, read_full_at, remove_if_there,
    replace_file, sync_names,
};

const PIECE: usize = 1 << 20;

/// What to keep, and why.
#[derive(Debug, Clone)]
pub(crate) struct Keep<'a> {
    /// Name of the file in the log's directory.
    pub(crate) name: &'a str,
    /// Where the bytes begin in it.
    pub(crate) offset: u64,
    pub(crate) reason: &'a str,
    pub(crate) first_event_id: u64,
    pub(crate) last_event_id: u64,
}

/// The quarantine of one log, during one repair.
#[derive(Debug)]
pub(crate) struct Quarantine<'a> {
    files: &'a dyn FileSystem,
    directory: PathBuf,
    log: &'a Path,
    file_mode: u32,
    stamp: String,
    log_end: LogEnd,
    /// Nothing is kept, it is only said where it would be.
    is_dry: bool,
    used: bool,
}

impl<'a> Quarantine<'a> {
    /// The quarantine of the log in `log`, which will end at `log_end`. Nothing is created until something is kept, and
    /// nothing at all in a dry one.
    pub(crate) fn new(
        files: &'a dyn FileSystem,
        log: &'a Path,
        file_mode: u32,
        log_end: LogEnd,
        at: SystemTime,
        is_dry: bool,
    ) -> Self {
        let directory = log.join(names::QUARANTINE);
        Self { files, directory, log, file_mode, stamp: stamp_of(at), log_end, is_dry, used: false }
    }

    /// What everything that is cut now says of when.
    pub(crate) fn stamp(&self) -> &str {
        &self.stamp
    }

    /// Keeps `length` bytes of `source` from `keep.offset` on; gives where.
    pub(crate) fn keep_bytes(&mut self, keep: &Keep<'_>, source: &dyn File, length: u64) -> Result<PathBuf> {
        if !self.is_dry {
            self.prepare()?;
        }
        let found = self.find(keep, |candidate| same_bytes(candidate, source, keep.offset, length))?;
        let stem = match found {
            Some(stem) if self.is_dry => return Ok(kept_in(&stem)),
            None if self.is_dry => return self.expected(keep),
            Some(stem) => stem,
            None => self.place(keep, |temporary| self.copy(temporary, source, keep.offset, length))?,
        };
        self.describe(&stem, keep, source, length)
    }

    /// Keeps a whole file under a second name, so that it survives when its first one goes; gives where.
    pub(crate) fn keep_file(&mut self, keep: &Keep<'_>) -> Result<PathBuf> {
        if !self.is_dry {
            self.prepare()?;
        }
        let path = self.log.join(keep.name);
        let source =
            self.files.open(&path, OpenMode::Read).map_err(|error| Error::io("open", &path, &error))?;
        let length = source.len().map_err(|error| Error::io("read", &path, &error))?;
        let id = source.id().map_err(|error| Error::io("read", &path, &error))?;
        let found = self.find(keep, |candidate| {
            Ok(candidate.id()? == id || same_bytes(candidate, &*source, 0, length)?)
        })?;
        let stem = match found {
            Some(stem) if self.is_dry => return Ok(kept_in(&stem)),
            None if self.is_dry => return self.expected(keep),
            Some(stem) => stem,
            None => self.place(keep, |temporary| self.link_or_copy(&path, temporary, &*source, length))?,
        };
        self.describe(&stem, keep, &*source, length)
    }

    /// Where it would be kept: under the first name of the scheme that is free.
    fn expected(&self, keep: &Keep<'_>) -> Result<PathBuf> {
        let entries = self.entries()?;
        let is_taken =
            |stem: &str| entries.iter().any(|entry| entry.name.to_str() == Some(&format!("{stem}.bin")));
        let mut again = 0;
        loop {
            let stem = names::quarantine_stem(keep.name, keep.offset, &self.stamp, again);
            if !is_taken(&stem) {
                return Ok(kept_in(&stem));
            }
            again += 1;
        }
    }

    /// What lies in the quarantine, which need not be there.
    fn entries(&self) -> Result<Vec<DirectoryEntry>> {
        let entries = if_there(self.files.list(&self.directory));
        Ok(entries.map_err(|error| Error::io("read", &self.directory, &error))?.unwrap_or_default())
    }

    /// Makes the names in the quarantine durable. Nothing may be cut before.
    pub(crate) fn sync(&self) -> Result<()> {
        if self.used {
            sync_names(self.files, &self.directory)?;
        }
        Ok(())
    }

    /// Creates the directory, with its own name durable, when the first thing is kept.
    fn prepare(&mut self) -> Result<()> {
        if self.used {
            return Ok(());
        }
        ensure_directory(self.files, &self.directory, directory_mode(self.file_mode))
            .map_err(|error| Error::io("create", &self.directory, &error))?;
        // Also when it was there: an earlier repair may have been stopped before this sync.
        sync_names(self.files, self.log)?;
        self.used = true;
        Ok(())
    }

    /// The stem of what an earlier, interrupted repair has kept already.
    fn find(&self, keep: &Keep<'_>, same: impl Fn(&dyn File) -> io::Result<bool>) -> Result<Option<String>> {
        let prefix = format!("{}.{}.", keep.name, keep.offset);
        for entry in self.entries()? {
            let Some(name) = entry.name.to_str().filter(|_| entry.is_file) else { continue };
            let Some(stem) = name.strip_suffix(".bin").filter(|stem| stem.starts_with(&prefix)) else {
                continue;
            };
            let path = self.directory.join(name);
            let candidate =
                self.files.open(&path, OpenMode::Read).map_err(|error| Error::io("open", &path, &error))?;
            if same(&*candidate).map_err(|error| Error::io("compare", &path, &error))? {
                // It may have been renamed by a repair that was stopped before it synced the contents' length.
                if !self.is_dry {
                    candidate.sync_all().map_err(|error| Error::io("sync", &path, &error))?;
                }
                return Ok(Some(stem.to_owned()));
            }
        }
        Ok(None)
    }

    /// Makes a new file under a temporary name and gives it the first free name of the scheme.
    fn place(&self, keep: &Keep<'_>, make: impl Fn(&Path) -> Result<()>) -> Result<String> {
        let stem = |again| names::quarantine_stem(keep.name, keep.offset, &self.stamp, again);
        // Without the time, so that the repair after an interrupted one finds it.
        let temporary = self.directory.join(names::temporary_name(&format!("{}.{}", keep.name, keep.offset)));
        remove_if_there(self.files, &temporary)?;
        make(&temporary)?;
        let mut again = 0;
        loop {
            let stem = stem(again);
            let path = self.directory.join(format!("{stem}.bin"));
            match self.files.rename(&temporary, &path, false) {
                Ok(()) => return Ok(stem),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => again += 1,
                Err(error) => return Err(Error::io("rename to", &path, &error)),
            }
        }
    }

    fn copy(&self, to: &Path, source: &dyn File, offset: u64, length: u64) -> Result<()> {
        let failed = |what: &'static str| move |error: io::Error| Error::io(what, to, &error);
        let target = self.files.open(to, OpenMode::CreateNew(self.file_mode)).map_err(failed("create"))?;
        for_each_piece(source, offset, length, |at, piece| target.write_all_at(piece, at - offset))
            .map_err(failed("copy into"))?;
        target.sync_all().map_err(failed("sync"))
    }

    fn link_or_copy(&self, from: &Path, to: &Path, source: &dyn File, length: u64) -> Result<()> {
        match self.files.hard_link(from, to) {
            Ok(()) => source.sync_all().map_err(|error| Error::io("sync", from, &error)),
            // A file system without hard links.
            Err(_) => self.copy(to, source, 0, length),
        }
    }

    /// Writes the `.json`; gives the path of the `.bin` relative to the log.
    fn describe(&self, stem: &str, keep: &Keep<'_>, source: &dyn File, length: u64) -> Result<PathBuf> {
        let relative = kept_in(stem);
        // Of where they come from, so that it says also whether they were kept as they were.
        let xxh3 = xxh3_of(source, keep.offset, length)
            .map_err(|error| Error::io("read", &self.log.join(keep.name), &error))?;
        let evidence = Evidence {
            reason: keep.reason.to_owned(),
            file: keep.name.to_owned(),
            offset: keep.offset,
            bytes: length,
            xxh3: Some(xxh3),
            first_event_id: keep.first_event_id,
            last_event_id: keep.last_event_id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cut_at: self.stamp.clone(),
            log_end: Some(self.log_end),
            undone_at: None,
            restore: restore_text(keep, &relative),
        };
        write_evidence(self.files, &self.directory, stem, &evidence, self.file_mode)?;
        Ok(relative)
    }
}

/// The path of the `.bin` relative to the log.
fn kept_in(stem: &str) -> PathBuf {
    Path::new(names::QUARANTINE).join(format!("{stem}.bin"))
}

/// Writes the `.json` of what is kept under this name, in the quarantine `directory`.
pub(super) fn write_evidence(
    files: &dyn FileSystem,
    directory: &Path,
    stem: &str,
    evidence: &Evidence,
    file_mode: u32,
) -> Result<()> {
    let text = serde_json::to_vec_pretty(evidence).expect("plain values");
    let path = directory.join(format!("{stem}.json"));
    let temporary = format!("{}.{}.json", evidence.file, evidence.offset);
    let temporary = directory.join(names::temporary_name(&temporary));
    replace_file(files, &temporary, &path, file_mode, |file| {
        let written = file.write_all_at(&text, 0).and_then(|()| file.sync_all());
        written.map_err(|error| Error::io("write", &path, &error))
    })
}

/// A time as names and descriptions in the quarantine say it.
pub(super) fn stamp_of(at: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or_default();
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Who may read a log's files may list its quarantine.
pub(crate) fn directory_mode(file_mode: u32) -> u32 {
    0o700 | ((file_mode & 0o044) >> 2) | (file_mode & 0o044)
}

/// Hands out `length` bytes of a file from `offset` on, in pieces; what lies behind its end is zero.
pub(crate) fn for_each_piece(
    source: &dyn File,
    offset: u64,
    length: u64,
    mut take: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE.min(length as usize)];
    let mut done = 0;
    while done < length {
        let part = piece.len().min((length - done) as usize);
        let read = read_full_at(source, &mut piece[..part], offset + done)?;
        piece[read..part].fill(0);
        take(offset + done, &piece[..part])?;
        done += part as u64;
    }
    Ok(())
}

/// XXH3-64 of `length` bytes of a file from `offset` on, as a description has it.
pub(super) fn xxh3_of(file: &dyn File, offset: u64, length: u64) -> io::Result<String> {
    let mut hasher = XxHash3_64::with_seed(0);
    for_each_piece(file, offset, length, |_, piece| {
        hasher.write(piece);
        Ok(())
    })?;
    Ok(format!("{:016x}", hasher.finish()))
}

pub(super) fn same_bytes(
    candidate: &dyn File,
    source: &dyn File,
    offset: u64,
    length: u64,
) -> io::Result<bool> {
    if candidate.len()? != length {
        return Ok(false);
    }
    let mut same = true;
    let mut other = vec![0; PIECE.min(length as usize)];
    for_each_piece(source, offset, length, |at, piece| {
        if same {
            let read = read_full_at(candidate, &mut other[..piece.len()], at - offset)?;
            same = read == piece.len() && other[..read] == *piece;
        }
        Ok(())
    })?;
    Ok(same)
}

fn restore_text(keep: &Keep<'_>, kept: &Path) -> String {
    let (kept, name, offset) = (kept.display(), keep.name, keep.offset);
    if offset == 0 {
        format!("with no writer running, in the log's directory: cp {kept} {name}")
    } else {
        let blocks = offset / 64;
        format!(
            "with no writer running, and before anything was appended behind the cut, in the log's directory: \
             dd if={kept} of={name} bs=64 seek={blocks} conv=notrunc"
        )
    }
}
