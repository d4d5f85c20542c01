//! Open files on Windows.

use std::fs::File;
use std::io;
use std::mem::size_of;
use std::os::windows::fs::FileExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use memmap2::MmapRaw;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_CALL_NOT_IMPLEMENTED, ERROR_INVALID_FUNCTION, ERROR_INVALID_PARAMETER,
    ERROR_IO_PENDING, ERROR_LOCK_VIOLATION, ERROR_NOT_SUPPORTED, GENERIC_WRITE, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ALLOCATION_INFO, FILE_ID_INFO, FILE_INFO_BY_HANDLE_CLASS, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, FILE_STANDARD_INFO, FileAllocationInfo, FileIdInfo, FileStandardInfo,
    GetFileInformationByHandleEx, LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, ReOpenFile,
    SetFileInformationByHandle, UnlockFileEx,
};
use windows_sys::Win32::System::IO::OVERLAPPED;

/// The byte that is locked: locks are mandatory here, and what stands in a file has to stay readable.
const LOCKED_BYTE: u64 = 1 << 62;

/// `FlushFileBuffers` leaves out what was stored through a mapping that is still there and was not flushed itself.
#[derive(Debug, Default)]
pub(super) struct Mapped(Mutex<Vec<Weak<MmapRaw>>>);

impl Mapped {
    pub(super) fn add(&self, mapping: &Arc<MmapRaw>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.strong_count() > 0);
        all.push(Arc::downgrade(mapping));
    }

    pub(super) fn flush(&self, _file: &File) -> io::Result<()> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for mapping in all.iter().filter_map(Weak::upgrade) {
            flush_view(&mapping)?;
        }
        Ok(())
    }
}

/// `FlushViewOfFile` without a `FlushFileBuffers`, which follows once for all. While the system itself writes pages of the
/// mapping it refuses to begin: nothing was written or lost then, so this one code, and no other, is asked again.
fn flush_view(mapping: &MmapRaw) -> io::Result<()> {
    const TRIES: u32 = 1000;
    for _ in 1..TRIES {
        match mapping.flush_async() {
            Err(error) if is_one_of(&error, &[ERROR_LOCK_VIOLATION]) => {
                thread::sleep(Duration::from_millis(1));
            }
            outcome => return outcome,
        }
    }
    mapping.flush_async()
}

/// The file's number has 128 bits on `ReFS` alone, where it is not likely to differ in the upper half only.
pub(super) fn id(file: &File) -> io::Result<(u64, u64)> {
    // SAFETY: a structure of integers, for which zeros are values.
    let mut found: FILE_ID_INFO = unsafe { std::mem::zeroed() };
    ask(file, FileIdInfo, &mut found)?;
    let number = u128::from_le_bytes(found.FileId.Identifier);
    Ok((found.VolumeSerialNumber, (number ^ number >> 64) as u64))
}

pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

pub(super) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.seek_write(bytes, offset)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
        }
    }
    Ok(())
}

pub(super) fn allocated(file: &File) -> io::Result<u64> {
    // SAFETY: a structure of integers, for which zeros are values.
    let mut found: FILE_STANDARD_INFO = unsafe { std::mem::zeroed() };
    ask(file, FileStandardInfo, &mut found)?;
    Ok(found.AllocationSize.cast_unsigned())
}

/// Fills the structure that belongs to `class`.
fn ask<T>(file: &File, class: FILE_INFO_BY_HANDLE_CLASS, into: &mut T) -> io::Result<()> {
    let length = size_of::<T>() as u32;
    // SAFETY: the handle is open as long as `file` is borrowed, and the structure lives until the call returns and is as
    // long as the call is told.
    succeeded(unsafe {
        GetFileInformationByHandleEx(file.as_raw_handle(), class, (&raw mut *into).cast(), length)
    })
}

/// NTFS gives every cluster of a file that is neither sparse nor compressed, so its space is there once it has this size.
/// Where that is not so, zeros are written.
pub(super) fn allocate(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let end = offset + length;
    if allocated(file)? < end {
        reserve(file, end)?;
    }
    if file.metadata()?.len() < end {
        file.set_len(end)?;
    }
    if allocated(file)? < end {
        super::fill_with_zeros(file, offset, length)?;
    }
    Ok(())
}

fn reserve(file: &File, end: u64) -> io::Result<()> {
    let request = FILE_ALLOCATION_INFO { AllocationSize: end.cast_signed() };
    let length = size_of::<FILE_ALLOCATION_INFO>() as u32;
    // SAFETY: as in `ask`, of a structure that is only read.
    let answer = unsafe {
        SetFileInformationByHandle(
            file.as_raw_handle(),
            FileAllocationInfo,
            (&raw const request).cast(),
            length,
        )
    };
    match succeeded(answer) {
        Err(error) if is_unknown(&error) => Ok(()),
        outcome => outcome,
    }
}

/// Only sparse files have holes here, and those promise no space.
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(super) fn punch_hole(_file: &File, _offset: u64, _length: u64) -> io::Result<()> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(super) fn start_write_back(_file: &File, _offset: u64, _length: u64) -> io::Result<()> {
    Ok(())
}

pub(super) fn sync_data(file: &File) -> io::Result<()> {
    sync_all(file)
}

/// What was opened for reading alone cannot be flushed, so it is opened once more.
pub(super) fn sync_all(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(error) if is_one_of(&error, &[ERROR_ACCESS_DENIED]) => open_for_writing(file)?.sync_all(),
        outcome => outcome,
    }
}

/// The same file, whatever its name is now.
fn open_for_writing(file: &File) -> io::Result<File> {
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    // SAFETY: the handle is open as long as `file` is borrowed.
    let handle = unsafe { ReOpenFile(file.as_raw_handle(), GENERIC_WRITE, share, 0) };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a handle that was just opened, and that nobody else has.
    Ok(unsafe { File::from_raw_handle(handle) })
}

pub(super) fn try_lock(file: &File, exclusive: bool) -> io::Result<bool> {
    let kind = if exclusive { LOCKFILE_EXCLUSIVE_LOCK } else { 0 };
    let mut place = place();
    // SAFETY: the handle is open as long as `file` is borrowed. It was opened for synchronous use, so the structure is used
    // no longer than the call takes.
    let answer = unsafe {
        LockFileEx(file.as_raw_handle(), kind | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &raw mut place)
    };
    match succeeded(answer) {
        Ok(()) => Ok(true),
        Err(error) if is_one_of(&error, &[ERROR_LOCK_VIOLATION, ERROR_IO_PENDING]) => Ok(false),
        Err(error) if is_unknown(&error) => Err(io::Error::new(io::ErrorKind::Unsupported, error)),
        Err(error) => Err(error),
    }
}

pub(super) fn unlock(file: &File) -> io::Result<()> {
    let mut place = place();
    // SAFETY: as in `try_lock`.
    succeeded(unsafe { UnlockFileEx(file.as_raw_handle(), 0, 1, 0, &raw mut place) })
}

pub(super) fn try_write_lock(file: &File) -> io::Result<bool> {
    try_lock(file, true)
}

pub(super) fn release_write_lock(file: &File) -> io::Result<()> {
    unlock(file)
}

/// Nothing tells of a lock here but taking one. Shared, so that those who ask are not in each other's way; and whoever
/// wants it for writing tries again.
pub(super) fn is_write_locked(file: &File) -> io::Result<bool> {
    let is_free = try_lock(file, false)?;
    if is_free {
        unlock(file)?;
    }
    Ok(!is_free)
}

fn place() -> OVERLAPPED {
    // SAFETY: a structure of integers and a handle, for which zeros are values.
    let mut place: OVERLAPPED = unsafe { std::mem::zeroed() };
    place.Anonymous.Anonymous.Offset = LOCKED_BYTE as u32;
    place.Anonymous.Anonymous.OffsetHigh = (LOCKED_BYTE >> 32) as u32;
    place
}

fn succeeded(answer: i32) -> io::Result<()> {
    if answer == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn is_unknown(error: &io::Error) -> bool {
    let unknown =
        [ERROR_INVALID_FUNCTION, ERROR_NOT_SUPPORTED, ERROR_INVALID_PARAMETER, ERROR_CALL_NOT_IMPLEMENTED];
    is_one_of(error, &unknown)
}

fn is_one_of(error: &io::Error, codes: &[u32]) -> bool {
    error.raw_os_error().is_some_and(|code| codes.contains(&code.cast_unsigned()))
}
