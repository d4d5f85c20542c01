//! Names on Linux.

use std::fs::File;
use std::io;
use std::path::Path;

use super::FileSystemKind;
pub(super) use super::unix::{
    create_directory, hard_link, id, lock_directory, odd, open_what_is_there, rename, rename_no_replace,
    sync_directory, with_mode,
};

pub(super) const SUITABLE: &str = "ext4 or XFS";

pub(super) fn file_system(path: &Path) -> io::Result<FileSystemKind> {
    Ok(kind_of(rustix::fs::statfs(path)?.f_type))
}

/// The magic numbers of statfs(2).
fn kind_of(f_type: rustix::fs::FsWord) -> FileSystemKind {
    match f_type {
        0xEF53 => FileSystemKind::Supported("ext4"),
        0x5846_5342 => FileSystemKind::Supported("xfs"),
        0x794C_7630 => FileSystemKind::Supported("overlay"),
        0x0102_1994 => FileSystemKind::Memory,
        0x9123_683E => FileSystemKind::Btrfs,
        0x6969 => FileSystemKind::Other("nfs".into()),
        0xFF53_4D42 | 0xFE53_4D42 => FileSystemKind::Other("cifs".into()),
        0x6573_5546 => FileSystemKind::Other("fuse".into()),
        0x2FC1_2FC1 => FileSystemKind::Other("zfs".into()),
        0x8584_58F6 => FileSystemKind::Other("ramfs".into()),
        0x0102_1997 => FileSystemKind::Other("9p".into()),
        other => FileSystemKind::Other(format!("{other:#x}")),
    }
}

pub(super) fn disable_copy_on_write(path: &Path) -> io::Result<()> {
    let directory = File::open(path)?;
    let flags = rustix::fs::ioctl_getflags(&directory)?;
    Ok(rustix::fs::ioctl_setflags(&directory, flags | rustix::fs::IFlags::NOCOW)?)
}
