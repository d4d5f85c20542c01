//! What is written to a directory's device.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{major, minor};

use crate::Failure;

/// Bytes of a sector in the kernel's statistics, whatever the device's own are.
const SECTOR_BYTES: u64 = 512;
/// Place of the sectors written among the numbers of a device's statistics.
const SECTORS_WRITTEN: usize = 6;

/// The kernel's counts follow the writes by less than this.
const SETTLE: Duration = Duration::from_millis(100);

/// Bytes that are written from now on.
pub(crate) struct Written {
    count: Count,
    before: u64,
}

impl Written {
    /// Begins when everything that was written before is on the disk.
    pub(crate) fn to_device_of(directory: &Path) -> Result<Self, Failure> {
        let count = Count::of(directory)?;
        rustix::fs::sync();
        thread::sleep(SETTLE);
        Ok(Self { before: count.bytes_written()?, count })
    }

    /// Bytes until now.
    pub(crate) fn bytes(&self) -> Result<u64, Failure> {
        thread::sleep(SETTLE);
        Ok(self.count.bytes_written()? - self.before)
    }
}

/// Where the kernel counts what is written.
enum Count {
    /// To the device, by everybody.
    Device(PathBuf),
    /// By this process, to whatever the file system has made of its device: pages, not what the file system adds.
    Process,
}

impl Count {
    /// That of the device that a directory lies on, or else that of this process.
    fn of(directory: &Path) -> Result<Self, Failure> {
        let device = fs::metadata(directory)?.dev();
        let path = PathBuf::from(format!("/sys/dev/block/{}:{}/stat", major(device), minor(device)));
        Ok(if path.exists() { Self::Device(path) } else { Self::Process })
    }

    /// All that it has counted.
    fn bytes_written(&self) -> Result<u64, Failure> {
        match self {
            Self::Device(path) => {
                let text = fs::read_to_string(path)?;
                let sectors = text.split_whitespace().nth(SECTORS_WRITTEN);
                Ok(sectors.ok_or("the device's statistics are short")?.parse::<u64>()? * SECTOR_BYTES)
            }
            Self::Process => {
                let text = fs::read_to_string("/proc/self/io")?;
                let bytes = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
                Ok(bytes.ok_or("the kernel does not count what a process writes")?.parse()?)
            }
        }
    }
}
