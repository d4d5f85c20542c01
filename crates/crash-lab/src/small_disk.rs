//! Disks that are soon full.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::PATIENCE;
use crate::skip::{forbidden, skipped};

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
            mount(&["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"], &[mount_point])
        })
    }

    /// An ext4 of so many bytes in an image file. `None`, loudly, where loop mounts are not allowed.
    pub fn ext4(bytes: u64) -> Option<Self> {
        Self::mounted("ext4", |mount_point, image| {
            std::fs::File::create(image)?.set_len(bytes)?;
            run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(image))?;
            mount(&["-o", "loop"], &[image, mount_point])
        })
    }

    /// An XFS of so many bytes, at least 300 MB, in an image file. `None`, loudly, where there is none.
    pub fn xfs(bytes: u64) -> Option<Self> {
        Self::mounted("xfs", |mount_point, image| {
            std::fs::File::create(image)?.set_len(bytes)?;
            run(Command::new("mkfs.xfs").args(["-q", "-f"]).arg(image))?;
            mount(&["-o", "loop"], &[image, mount_point])
        })
    }

    /// A ramfs, on which logs are not supported: it takes what there is of memory. `None`, loudly, where mounting is not
    /// allowed.
    pub fn ramfs() -> Option<Self> {
        Self::mounted("ramfs", |mount_point, _| mount(&["-t", "ramfs", "ramfs"], &[mount_point]))
    }

    /// Lets nothing be written any more, or everything again.
    ///
    /// # Panics
    /// If the file system refuses it, as one does with files that are open for writing.
    pub fn set_read_only(&self, read_only: bool) {
        let options = if read_only { "remount,ro" } else { "remount,rw" };
        if let Err(failure) = mount(&["-o", options], &[&self.mount_point]) {
            panic!("cannot {options} {}: {}", self.mount_point.display(), failure.why);
        }
    }

    fn mounted(name: &str, mount: impl FnOnce(&Path, &Path) -> Result<(), Failure>) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mount_point = directory.path().join("mounted");
        std::fs::create_dir(&mount_point).expect("a new directory");
        match mount(&mount_point, &directory.path().join("image")) {
            Ok(()) => Some(Self { mount_point, _directory: directory }),
            Err(failure) => {
                let why = format!("no {name} can be mounted here: {}", failure.why);
                if failure.is_refusal {
                    forbidden(&why);
                } else {
                    skipped(&why);
                }
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

    /// Gives the space back that [`fill_but`](Self::fill_but) has taken. Removing the file alone would not: a process
    /// that another test is just starting may have a copy of its descriptor.
    ///
    /// # Panics
    /// If the file cannot be emptied and removed.
    pub fn free(ballast: &Path) {
        let file = std::fs::File::options().write(true).open(ballast).expect("the ballast");
        file.set_len(0).expect("no length");
        std::fs::remove_file(ballast).expect("a removal");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A process that another test is just starting has a copy of every open file until it runs its own program.
        let deadline = Instant::now() + PATIENCE;
        while let Err(failure) = run(Command::new("umount").arg(&self.mount_point)) {
            if Instant::now() > deadline {
                eprintln!("{} stays mounted: {}", self.mount_point.display(), failure.why);
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Why there is no such disk here.
struct Failure {
    why: String,
    /// The kernel does not let us; otherwise something is missing or wrong.
    is_refusal: bool,
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self { why: error.to_string(), is_refusal: false }
    }
}

fn mount(options: &[&str], paths: &[&Path]) -> Result<(), Failure> {
    let mut command = Command::new("mount");
    command.args(options).args(paths);
    run(&mut command).map_err(|failure| Failure {
        is_refusal: Command::new("mount").arg("--version").output().is_ok(),
        ..failure
    })
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .map_err(|error| Failure { why: format!("{program}: {error}"), is_refusal: false })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure { why: format!("{program}: {}", said.trim()), is_refusal: false })
}
