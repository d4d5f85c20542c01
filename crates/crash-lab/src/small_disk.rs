//! Disks that are soon full.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::skip::skipped;

/// What space is given in, on every file system here.
const PAGE: u64 = 4096;

/// A file system of a few megabytes. Unmounted when it is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    mount_point: PathBuf,
    _directory: TempDir,
}

impl SmallDisk {
    /// A tmpfs of so many bytes. `None`, loudly, where mounting is not allowed.
    pub fn tmpfs(bytes: u64) -> Option<Self> {
        Self::mounted("tmpfs", |mount_point, _| {
            run(Command::new("mount")
                .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
                .arg(mount_point))
        })
    }

    /// An ext4 of so many bytes in an image file. `None`, loudly, where loop mounts are not allowed.
    pub fn ext4(bytes: u64) -> Option<Self> {
        Self::mounted("ext4", |mount_point, image| {
            std::fs::File::create(image)
                .and_then(|file| file.set_len(bytes))
                .map_err(|error| error.to_string())?;
            run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(image))?;
            run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(mount_point))
        })
    }

    /// An XFS of so many bytes, at least 300 MB, in an image file. `None`, loudly, where there is none.
    pub fn xfs(bytes: u64) -> Option<Self> {
        Self::mounted("xfs", |mount_point, image| {
            std::fs::File::create(image)
                .and_then(|file| file.set_len(bytes))
                .map_err(|error| error.to_string())?;
            run(Command::new("mkfs.xfs").args(["-q", "-f"]).arg(image))?;
            run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(mount_point))
        })
    }

    fn mounted(name: &str, mount: impl FnOnce(&Path, &Path) -> Result<(), String>) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mount_point = directory.path().join("mounted");
        std::fs::create_dir(&mount_point).expect("a new directory");
        match mount(&mount_point, &directory.path().join("image")) {
            Ok(()) => Some(Self { mount_point, _directory: directory }),
            Err(why) => {
                skipped(&format!("no {name} can be mounted here: {why}"));
                None
            }
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.mount_point
    }

    /// Bytes that can still be allocated.
    ///
    /// # Panics
    /// If the file system does not tell.
    pub fn available(&self) -> u64 {
        let about = rustix::fs::statvfs(&self.mount_point).expect("a mounted file system");
        about.f_bavail * about.f_frsize
    }

    /// Takes all space but so many bytes and a page, until the file that this gives is removed.
    ///
    /// # Panics
    /// If that fails.
    pub fn fill_but(&self, bytes: u64) -> PathBuf {
        let path = self.mount_point.join("ballast");
        let file = std::fs::File::create(&path).expect("a new file");
        let mut at = 0;
        let mut part = self.available().saturating_sub(bytes);
        // The file system needs blocks of its own for a large file, and somebody else may take some meanwhile.
        while part >= PAGE {
            let how = rustix::fs::FallocateFlags::empty();
            match rustix::fs::fallocate(&file, how, at, part) {
                Ok(()) => at += part,
                Err(rustix::io::Errno::NOSPC) => part /= 2,
                Err(error) => panic!("cannot fill {}: {error}", path.display()),
            }
            part = part.min(self.available().saturating_sub(bytes)) / PAGE * PAGE;
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Err(why) = run(Command::new("umount").arg(&self.mount_point)) {
            eprintln!("{} stays mounted: {why}", self.mount_point.display());
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}", command.get_program().display(), said.trim()))
}
