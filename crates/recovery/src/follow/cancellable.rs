//! The files of a log as a follower reads them: once it was ended nothing more is read, however far its opening or the
//! reading ahead of whole segments has come.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Canceller;
use crate::files::{DirectoryEntry, File, FileId, FileLayer, FileSystem, FileSystemLayer, OpenMode};

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

impl FileSystemLayer for CancellableFiles {
    fn inner(&self) -> &dyn FileSystem {
        &*self.inner
    }

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
}

impl FileLayer for CancellableFile {
    fn inner(&self) -> &dyn File {
        &*self.inner
    }

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
}
