//! Names on macOS.

use std::ffi::CStr;
use std::io;
use std::path::Path;

use super::FileSystemKind;
pub(super) use super::unix::{
    create_directory, hard_link, id, lock_directory, odd, open_what_is_there, rename, rename_no_replace,
    sync_directory, with_mode,
};

pub(super) const SUITABLE: &str = "a local disk with APFS";

pub(super) fn file_system(path: &Path) -> io::Result<FileSystemKind> {
    let about = rustix::fs::statfs(path)?;
    let name = about.f_fstypename.map(libc::c_char::cast_unsigned);
    let name = CStr::from_bytes_until_nul(&name).unwrap_or_default().to_string_lossy();
    Ok(match &*name {
        "apfs" => FileSystemKind::Supported("apfs"),
        "hfs" => FileSystemKind::Supported("hfs"),
        "tmpfs" => FileSystemKind::Memory,
        other => FileSystemKind::Other(other.to_owned()),
    })
}

pub(super) fn disable_copy_on_write(_path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
