//! Error numbers of Windows, under the names that those of Linux and macOS have.

/// An error of the operating system that can be made to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(i32);

impl Errno {
    /// `ERROR_ACCESS_DENIED`.
    pub const ACCESS: Self = Self(5);
    /// `ERROR_BUSY`.
    pub const BUSY: Self = Self(170);
    /// `ERROR_DISK_QUOTA_EXCEEDED`.
    pub const DQUOT: Self = Self(1295);
    /// `ERROR_IO_DEVICE`.
    pub const IO: Self = Self(1117);
    /// `ERROR_TOO_MANY_OPEN_FILES`.
    pub const MFILE: Self = Self(4);
    /// `ERROR_FILE_NOT_FOUND`.
    pub const NOENT: Self = Self(2);
    /// `ERROR_DISK_FULL`.
    pub const NOSPC: Self = Self(112);
    /// `ERROR_DIRECTORY`.
    pub const NOTDIR: Self = Self(267);
    /// `ERROR_WRITE_PROTECT`.
    pub const ROFS: Self = Self(19);

    /// The number.
    #[must_use]
    pub const fn raw_os_error(self) -> i32 {
        self.0
    }
}

impl From<Errno> for std::io::Error {
    fn from(error: Errno) -> Self {
        Self::from_raw_os_error(error.0)
    }
}
