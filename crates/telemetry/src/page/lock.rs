//! The lock by which a page is known to have a living writer: one of the open file description, of the whole file.
//!
//! Not `flock`, with which one could only find out by taking a lock, and a reader that has it for that moment would be
//! in the way of a writer. `F_OFD_GETLK` asks and takes nothing. The kernel gives the lock back when the last
//! descriptor and the last mapping of that opening are gone, which a killed process cannot prevent.
//!
//! `unsafe` for one call, whose argument is a structure that lives on the stack.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Takes the lock for the writer; `false`: somebody has it, perhaps this process through another opening.
pub(super) fn acquire(file: &File) -> io::Result<bool> {
    match fcntl(file, libc::F_OFD_SETLK, libc::F_WRLCK) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives it back.
pub(super) fn release(file: &File) -> io::Result<()> {
    fcntl(file, libc::F_OFD_SETLK, libc::F_UNLCK).map(drop)
}

/// Whether a writer has it. Takes nothing, and needs no more than permission to read.
pub(super) fn is_held(file: &File) -> io::Result<bool> {
    // As if for reading, which only a lock for writing is in the way of: readers have no say in it, whatever they hold.
    Ok(fcntl(file, libc::F_OFD_GETLK, libc::F_RDLCK)? != libc::F_UNLCK)
}

/// Asks for a lock of the whole file; gives the kind that the kernel left in the request.
fn fcntl(file: &File, command: libc::c_int, kind: libc::c_int) -> io::Result<libc::c_int> {
    // SAFETY: a structure of integers, for which zeros are values: from the beginning of the file to its end.
    let mut request: libc::flock = unsafe { std::mem::zeroed() };
    request.l_type = kind as libc::c_short;
    request.l_whence = libc::SEEK_SET as libc::c_short;
    loop {
        // SAFETY: the descriptor is open as long as `file` is borrowed, these commands take a pointer to such a
        // structure, and it lives until the call returns.
        let answer = unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut request) };
        if answer != -1 {
            return Ok(request.l_type.into());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};

    use super::{acquire, is_held, release};

    #[test]
    fn one_opening_has_it_and_asking_takes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("page");
        let writer = OpenOptions::new().read(true).write(true).create_new(true).open(&path).unwrap();
        let reader = File::open(&path).unwrap();
        assert!(!is_held(&reader).unwrap());
        assert!(acquire(&writer).unwrap());
        for _ in 0..3 {
            assert!(is_held(&reader).unwrap());
        }
        let second = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        assert!(!acquire(&second).unwrap());
        // Whoever closes another descriptor of the file, in this process too, changes nothing.
        drop(File::open(&path).unwrap());
        drop(second);
        assert!(is_held(&reader).unwrap());
        release(&writer).unwrap();
        assert!(!is_held(&reader).unwrap());
    }
}
