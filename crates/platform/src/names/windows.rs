//! Names on Windows.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_INVALID_FUNCTION, ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER,
    ERROR_NOT_SUPPORTED, ERROR_SHARING_VIOLATION, ERROR_USER_MAPPED_FILE, GENERIC_WRITE, MAX_PATH,
};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_ATTRIBUTE_COMPRESSED, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
    FILE_READ_ATTRIBUTES, GetDriveTypeW, GetVolumeInformationW, GetVolumePathNameW, MOVE_FILE_FLAGS,
    MOVEFILE_REPLACE_EXISTING, MOVEFILE_WRITE_THROUGH, MoveFileExW,
};
use windows_sys::Win32::System::WindowsProgramming::DRIVE_REMOTE;

use super::{FileSystemKind, Odd};

pub(super) const SUITABLE: &str = "a local disk with NTFS, uncompressed";

/// What is said of a name whose file somebody has open or mapped.
const IN_USE: [u32; 3] = [ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_USER_MAPPED_FILE];

/// How many files of one name may be mapped somewhere after others have taken their place.
const MOST_ASIDE: u32 = 64;

pub(super) fn open_what_is_there(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
}

pub(super) fn with_mode(options: &mut OpenOptions, _bits: u32) -> &mut OpenOptions {
    options
}

/// A link is opened itself; a directory is refused like what one may not open.
pub(super) fn odd(path: &Path, error: &io::Error) -> Option<Odd> {
    let is_directory = || fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    (error.kind() == io::ErrorKind::PermissionDenied && is_directory()).then_some(Odd::Directory)
}

pub(super) fn id(path: &Path, follow: bool) -> io::Result<(u64, u64)> {
    let link = if follow { 0 } else { FILE_FLAG_OPEN_REPARSE_POINT };
    let mut options = OpenOptions::new();
    options.access_mode(FILE_READ_ATTRIBUTES).custom_flags(FILE_FLAG_BACKUP_SEMANTICS | link);
    crate::files::id(&options.open(path)?)
}

/// First as Windows documents it to wait for the disk, then as it replaces what others have open, then by moving what is
/// in the way aside.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match move_file(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH) {
        Err(error) if is_one_of(&error, &IN_USE) => {}
        outcome => return outcome,
    }
    let in_use = match fs::rename(from, to) {
        Err(error) if is_one_of(&error, &IN_USE) => error,
        outcome => return outcome,
    };
    // What somebody holds may be the new file, as a virus scanner does: then the old one has to stay where it is.
    if !can_be_renamed(from) || !can_be_renamed(to) {
        return Err(in_use);
    }
    let aside = move_aside(to)?;
    let moved = move_file(from, to, MOVEFILE_WRITE_THROUGH);
    if moved.is_err() {
        let _ = move_file(&aside, to, MOVEFILE_WRITE_THROUGH);
    } else {
        let _ = fs::remove_file(&aside);
    }
    moved
}

/// Whether there is such a file, and nobody who has it open forbids another name.
fn can_be_renamed(path: &Path) -> bool {
    let mut options = OpenOptions::new();
    options.access_mode(DELETE).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT).open(path).is_ok()
}

/// Gives a file a name that nothing has, and removes those that were moved aside before and are in nobody's way any more.
fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let mut moved = Err(io::ErrorKind::AlreadyExists.into());
    for number in 0..MOST_ASIDE {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".old{number}"));
        let aside = PathBuf::from(name);
        let _ = fs::remove_file(&aside);
        moved = move_file(path, &aside, MOVEFILE_WRITE_THROUGH).map(|()| aside);
        if !matches!(&moved, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
            break;
        }
    }
    moved
}

pub(super) fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    move_file(from, to, MOVEFILE_WRITE_THROUGH)
}

fn move_file(from: &Path, to: &Path, how: MOVE_FILE_FLAGS) -> io::Result<()> {
    let (from, to) = (wide(from)?, wide(to)?);
    // SAFETY: both are strings with a 0 at their end, and live until the call returns.
    succeeded(unsafe { MoveFileExW(from.as_ptr(), to.as_ptr(), how) })
}

pub(super) fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)
}

pub(super) fn create_directory(path: &Path, _mode: u32) -> io::Result<()> {
    fs::create_dir(path)
}

/// Where a directory cannot be flushed there is nothing else to do: its names are then as durable as the journal of the
/// file system makes them.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    const UNKNOWN: [u32; 5] = [
        ERROR_ACCESS_DENIED,
        ERROR_INVALID_FUNCTION,
        ERROR_INVALID_HANDLE,
        ERROR_INVALID_PARAMETER,
        ERROR_NOT_SUPPORTED,
    ];
    let mut options = OpenOptions::new();
    options.access_mode(GENERIC_WRITE).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    match options.open(path).and_then(|directory| directory.sync_all()) {
        Err(error) if is_one_of(&error, &UNKNOWN) => Ok(()),
        outcome => outcome,
    }
}

pub(super) fn lock_directory(_path: &Path) -> io::Result<Option<File>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn file_system(path: &Path) -> io::Result<FileSystemKind> {
    let path = std::path::absolute(path)?;
    let about = fs::metadata(&path)?;
    if !about.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let mut volume = [0; MAX_PATH as usize + 1];
    let text = wide(&path)?;
    // SAFETY: a string with a 0 at its end, and a buffer of the length that is said; both live until the call returns.
    succeeded(unsafe { GetVolumePathNameW(text.as_ptr(), volume.as_mut_ptr(), volume.len() as u32) })?;
    // SAFETY: the call has put a string with a 0 at its end there.
    if unsafe { GetDriveTypeW(volume.as_ptr()) } == DRIVE_REMOTE {
        return Ok(FileSystemKind::Other("network".into()));
    }
    let mut name = [0; MAX_PATH as usize + 1];
    let none = std::ptr::null_mut;
    // SAFETY: as above; what is not asked for may be null, with a length of 0.
    succeeded(unsafe {
        let (name, length) = (name.as_mut_ptr(), name.len() as u32);
        GetVolumeInformationW(
            volume.as_ptr(),
            none(),
            0,
            none().cast(),
            none().cast(),
            none().cast(),
            name,
            length,
        )
    })?;
    let name = String::from_utf16_lossy(&name).trim_end_matches('\0').to_ascii_lowercase();
    let is_compressed = about.file_attributes() & FILE_ATTRIBUTE_COMPRESSED != 0;
    Ok(match &*name {
        // A store into a compressed file can find the disk full.
        "ntfs" if is_compressed => FileSystemKind::Other("ntfs-compressed".into()),
        "ntfs" => FileSystemKind::Supported("ntfs"),
        _ => FileSystemKind::Other(name),
    })
}

pub(super) fn disable_copy_on_write(_path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A path as the functions of Windows take it: with a 0 at its end, and so with none before; a long one, which they take
/// only as it is, without `.` and `..`.
fn wide(path: &Path) -> io::Result<Vec<u16>> {
    const LONG: usize = 240;
    const AS_IT_IS: &str = "\\\\?\\";
    const DEVICE: &str = "\\\\.\\";
    const SHARE: &str = "\\\\";
    const SHARE_AS_IT_IS: &str = "\\\\?\\UNC\\";
    let mut text: Vec<u16> = std::path::absolute(path)?.as_os_str().encode_wide().collect();
    if text.len() > LONG {
        let is_in = |prefix: &str| text.starts_with(&prefix.encode_utf16().collect::<Vec<_>>());
        if !is_in(AS_IT_IS) && !is_in(DEVICE) {
            let (prefix, rest) = if is_in(SHARE) { (SHARE_AS_IT_IS, SHARE.len()) } else { (AS_IT_IS, 0) };
            text = prefix.encode_utf16().chain(text[rest..].iter().copied()).collect();
        }
    }
    text.push(0);
    Ok(text)
}

fn succeeded(answer: i32) -> io::Result<()> {
    if answer == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn is_one_of(error: &io::Error, codes: &[u32]) -> bool {
    error.raw_os_error().is_some_and(|code| codes.contains(&code.cast_unsigned()))
}
