//! The directory of a log: made where it is missing, on a file system on which the log's promises hold.

use std::io::ErrorKind;
use std::path::Path;

use flashstrike_platform::WEAKER;
use flashstrike_platform::names::SUITABLE;
use flashstrike_recovery::directory::{LEADS_NOWHERE, leads_nowhere};
use flashstrike_recovery::files::FileSystemKind;
use flashstrike_recovery::{Code, Error, Report, Result};

use crate::options::RecorderOptions;

/// A log's directory, and what is in it, is for its owner alone.
pub(crate) const DIRECTORY_MODE: u32 = 0o700;

/// Creates the directory if it is missing, and says what it lies on.
pub(crate) fn ready_directory(options: &RecorderOptions) -> Result<FileSystemKind> {
    let (files, directory) = (&options.files, &options.directory);
    match files.create_directory(directory, DIRECTORY_MODE) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let failed = Error::io("create the directory", directory, &error);
            return Err(failed.with_advice("its parent has to exist"));
        }
        Err(error) => return Err(Error::io("create the directory", directory, &error)),
    }
    let kind = files.kind(directory).map_err(|error| {
        let failed = Error::io("ask for the file system of", directory, &error);
        let is_gone = error.kind() == ErrorKind::NotFound;
        if is_gone && leads_nowhere(directory) { failed.with_advice(LEADS_NOWHERE) } else { failed }
    })?;
    match &kind {
        FileSystemKind::Other(name) if !options.allow_file_system.contains(name) => {
            let message = format!(
                "{} lies on {name}, where the log's promises are not known to hold; put it on {SUITABLE}, or name \
                 {name} in allowFileSystem to take the risk",
                directory.display()
            );
            Err(Error::new(Code::Unsupported, message).at_path(directory))
        }
        _ => Ok(kind),
    }
}

/// What a directory needs before the first segment is made in it. Whether this process has created the directory does
/// not matter: the one that did may have died right after.
pub(crate) fn ready_for_new_log(options: &RecorderOptions, kind: &FileSystemKind) -> Result<()> {
    let (files, directory) = (&options.files, &options.directory);
    if *kind == FileSystemKind::Btrfs {
        files
            .disable_copy_on_write(directory)
            .map_err(|error| Error::io("switch copy-on-write off in", directory, &error))?;
    }
    let parent = match directory.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    match files.sync_directory(parent) {
        // Then somebody else has made the directory and answers for its name.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        outcome => outcome.map_err(|error| Error::io("sync", parent, &error)),
    }
}

/// Says what is weaker here than the log promises elsewhere.
pub(crate) fn note_place(report: &mut Report, kind: &FileSystemKind) {
    report.notes.extend(WEAKER.iter().map(|&what| what.to_owned()));
    match kind {
        FileSystemKind::Memory => {
            report.notes.push("the log lies on tmpfs: nothing here is durable".to_owned());
        }
        FileSystemKind::Other(name) => {
            report.unproven.push(format!("the log lies on {name}, allowed by option"));
        }
        _ => {}
    }
}
