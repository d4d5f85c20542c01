//! Names: opening without following links, renaming, telling files apart, directories, and what they lie on.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(target_os = "macos", path = "macos.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod os;
#[cfg(unix)]
mod unix;

/// What a directory lies on, as far as the log's promises depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSystemKind {
    /// The promises hold: ext4, XFS, overlayfs; APFS and HFS+ on macOS, NTFS on Windows.
    Supported(&'static str),
    /// Nothing here is durable, and the report says so.
    Memory,
    /// Supported once copy-on-write is off for the directory.
    Btrfs,
    /// Appending needs `allow_file_system` to name it.
    Other(String),
}

impl FileSystemKind {
    /// The name as `allow_file_system` and the report give it, for example `ext4`, `tmpfs`, `nfs`.
    pub fn name(&self) -> &str {
        match self {
            Self::Supported(name) => name,
            Self::Memory => "tmpfs",
            Self::Btrfs => "btrfs",
            Self::Other(name) => name,
        }
    }
}

/// File systems to put a log on, for people.
pub const SUITABLE: &str = os::SUITABLE;

/// What is under a name that should be a regular file's, where opening it was refused for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// A symbolic link, which is not followed.
    Link,
    /// A directory.
    Directory,
    /// A socket, or a pipe that nobody reads.
    Other,
}

/// Lets `options` follow no symbolic link and wait for nobody at the other end of something else than a file. Whether it is
/// a regular file is to be asked after opening. Others may open, rename and remove the file meanwhile.
pub fn open_what_is_there(options: &mut OpenOptions) -> &mut OpenOptions {
    os::open_what_is_there(options)
}

/// Gives the file these permission bits if it is created. On Windows that is nothing: there a file has the permissions
/// that its directory hands down.
pub fn with_mode(options: &mut OpenOptions, bits: u32) -> &mut OpenOptions {
    os::with_mode(options, bits)
}

/// Why [`open_what_is_there`] was refused, if because of what has the name.
pub fn odd(path: &Path, error: &io::Error) -> Option<Odd> {
    os::odd(path, error)
}

/// As [`files::id`](crate::files::id), of the file that has this name now. Links are followed.
///
/// # Errors
/// Those of the operating system.
pub fn id(path: &Path) -> io::Result<(u64, u64)> {
    os::id(path, true)
}

/// As [`id`], of a symbolic link itself.
///
/// # Errors
/// Those of the operating system.
pub fn id_of_link(path: &Path) -> io::Result<(u64, u64)> {
    os::id(path, false)
}

/// Puts the file `from` in the place of what `to` names, or where nothing does.
///
/// On Windows what has that name may be mapped or held open by somebody who lets nobody replace it. It is then moved aside,
/// to that name with `.old` and a number at its end, and removed as soon as that is possible, with the next rename to that
/// name at the latest that finds it so; for a moment nothing has the name.
///
/// # Errors
/// Those of the operating system.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    os::rename(from, to)
}

/// Renames, unless something has the new name, which the kernel checks in the same step.
///
/// # Errors
/// `AlreadyExists`; those of the operating system.
pub fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    os::rename_no_replace(from, to)
}

/// Gives a file a second name. A link is not followed.
///
/// # Errors
/// `AlreadyExists`; those of the operating system.
pub fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    os::hard_link(from, to)
}

/// Creates one directory with these permission bits, which are nothing on Windows.
///
/// # Errors
/// `AlreadyExists`; those of the operating system.
pub fn create_directory(path: &Path, mode: u32) -> io::Result<()> {
    os::create_directory(path, mode)
}

/// Makes the names in a directory durable, as far as the operating system does that: Windows flushes what it has of the
/// directory, and promises nothing of names.
///
/// # Errors
/// Those of the operating system.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    os::sync_directory(path)
}

/// Locks a directory, unless somebody has; `None` then. Dropping the file gives the lock back, once no other descriptor of
/// this opening is left; [`File::unlock`] does it at once.
///
/// # Errors
/// `Unsupported` where directories cannot be locked, as on Windows; those of the operating system.
pub fn lock_directory(path: &Path) -> io::Result<Option<File>> {
    os::lock_directory(path)
}

/// What a directory lies on.
///
/// # Errors
/// Those of the operating system.
pub fn file_system(path: &Path) -> io::Result<FileSystemKind> {
    os::file_system(path)
}

/// Switches copy-on-write off for new files of a directory (btrfs).
///
/// # Errors
/// `Unsupported` but on Linux; those of the operating system.
pub fn disable_copy_on_write(path: &Path) -> io::Result<()> {
    os::disable_copy_on_write(path)
}

/// Whether this is a directory, and not a link to one.
///
/// # Errors
/// Those of the operating system.
pub fn is_directory(path: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(path)?.is_dir())
}

#[cfg(test)]
mod tests;
