//! The files of a log as a follower reads them: once it was ended nothing more is read, however far its opening or the
//! reading ahead of whole segments has come.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Canceller;
use crate::files::{
    DirectoryEntry, DirectoryLock, File, FileId, FileSystem, FileSystemKind, Mapping, OpenMode,
};

/// So much is read between two looks at whether it was ended.
const PIECE: usize = 1 << 20;

/// The files behind a canceller.
pub(super) fn cancellable(files: &Arc<dyn FileSystem>, canceller: &Canceller) -> Arc<dyn FileSystem> {
    Arc::new(CancellableFiles { inner: Arc::clone(files), canceller: canceller.clone() })
}

#[derive(Debug)]
struct CancellableFiles {
    inner: Arc<dyn FileSystem>,
    canceller: Canceller,
}

#[derive(Debug)]
struct CancellableFile {
    inner: Arc<dyn File>,
    canceller: Canceller,
}

fn check(canceller: &Canceller) -> io::Result<()> {
    if canceller.is_cancelled() { Err(io::Error::other("following was ended")) } else { Ok(()) }
}

impl FileSystem for CancellableFiles {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        check(&self.canceller)?;
        let inner = self.inner.open(path, mode)?;
        Ok(Arc::new(CancellableFile { inner, canceller: self.canceller.clone() }))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        check(&self.canceller)?;
        self.inner.list(path)
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        check(&self.canceller)?;
        self.inner.id(path)
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        self.inner.rename(from, to, replace)
    }

    fn lock_directory(&self, path: &Path) -> io::Result<Option<DirectoryLock>> {
        self.inner.lock_directory(path)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_file(path)
    }

    fn create_directory(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.inner.create_directory(path, mode)
    }

    fn is_directory(&self, path: &Path) -> io::Result<bool> {
        self.inner.is_directory(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.inner.sync_directory(path)
    }

    fn kind(&self, path: &Path) -> io::Result<FileSystemKind> {
        self.inner.kind(path)
    }

    fn disable_copy_on_write(&self, path: &Path) -> io::Result<()> {
        self.inner.disable_copy_on_write(path)
    }
}

impl File for CancellableFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        for piece in buffer.chunks_mut(PIECE) {
            check(&self.canceller)?;
            let read = self.inner.read_at(piece, offset + done as u64)?;
            done += read;
            if read < piece.len() {
                break;
            }
        }
        Ok(done)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn allocated(&self) -> io::Result<u64> {
        self.inner.allocated()
    }

    fn id(&self) -> io::Result<FileId> {
        self.inner.id()
    }

    fn map(&self, length: usize) -> io::Result<Mapping> {
        self.inner.map(length)
    }

    fn try_lock(&self, exclusive: bool) -> io::Result<bool> {
        self.inner.try_lock(exclusive)
    }

    fn unlock(&self) -> io::Result<()> {
        self.inner.unlock()
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.inner.write_all_at(bytes, offset)
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        self.inner.allocate(offset, length)
    }

    fn fill_with_zeros(&self, offset: u64, length: u64) -> io::Result<()> {
        self.inner.fill_with_zeros(offset, length)
    }

    fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()> {
        self.inner.punch_hole(offset, length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.inner.sync_all()
    }

    fn start_write_back(&self, offset: u64, length: u64) -> io::Result<()> {
        self.inner.start_write_back(offset, length)
    }

    fn drop_cache(&self) -> io::Result<()> {
        self.inner.drop_cache()
    }
}
