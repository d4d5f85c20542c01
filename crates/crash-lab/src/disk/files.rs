//! The disk as the log's door to the file system wants it.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use flashstrike_recovery::files::{
    DirectoryEntry, DirectoryLock, File, FileId, FileSystem, FileSystemKind, Mapping, OpenMode,
};

use super::Disk;
use super::step::{Effect, Inode};
use super::world::{Locks, World};

/// Numbers open files, so that each holds locks of its own.
static NEXT_HANDLE: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
struct OpenFile {
    disk: Disk,
    inode: Inode,
    locks: Locks,
    handle: u64,
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

impl Disk {
    /// Changes something as one step.
    fn change<T>(&self, what: &str, work: impl FnOnce(&mut World) -> io::Result<T>) -> io::Result<T> {
        let mut world = self.lock();
        world.record_stores("stores", false);
        let outcome = work(&mut world)?;
        world.record(what);
        Ok(outcome)
    }

    /// A sync takes time: what is changed meanwhile is not covered.
    fn sync(&self, inode: Inode) {
        let mut world = self.lock();
        world.record_stores("stores", false);
        let (began, name) = (world.now(), world.name_of(inode));
        world.record(&format!("sync of {name} begins"));
        drop(world);
        std::thread::yield_now();
        let is_lie = self.lies_about(&name);
        let mut world = self.lock();
        world.record_stores("stores", false);
        if is_lie {
            world.record(&format!("sync of {name} is a lie"));
        } else {
            world.note(Effect::Synced { inode, began });
            world.record(&format!("sync of {name} ends"));
        }
    }
}

impl FileSystem for Disk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut world = self.lock();
        let (directory, last) = world.place(path)?;
        let inode = match (world.file(path), mode) {
            (Ok(_), OpenMode::CreateNew(_)) => return Err(ErrorKind::AlreadyExists.into()),
            (Err(error), OpenMode::CreateNew(_) | OpenMode::Create(_))
                if error.kind() == ErrorKind::NotFound =>
            {
                world.record_stores("stores", false);
                let made = world.make_file(directory, last);
                world.record(&format!("create {}", name(path)));
                made
            }
            (found, _) => found?,
        };
        let handle = NEXT_HANDLE.fetch_add(1, Ordering::Relaxed);
        let locks = world.locks(inode);
        Ok(Arc::new(OpenFile { disk: self.clone(), inode, locks, handle }))
    }

    fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()> {
        self.change(&format!("rename {} to {}", name(from), name(to)), |world| {
            let inode = world.file(from)?;
            if !replace && world.file(to).is_ok() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            let (from, to) = (world.place(from)?, world.place(to)?);
            world.rename(from, to, inode);
            Ok(())
        })
    }

    fn lock_directory(&self, _: &Path) -> io::Result<Option<DirectoryLock>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(&format!("link {} as {}", name(from), name(to)), |world| {
            let inode = world.file(from)?;
            if world.file(to).is_ok() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            let (directory, last) = world.place(to)?;
            world.set_name(directory, last, inode);
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(&format!("remove {}", name(path)), |world| {
            world.file(path)?;
            let (directory, last) = world.place(path)?;
            world.clear_name(directory, last);
            Ok(())
        })
    }

    fn create_directory(&self, path: &Path, _: u32) -> io::Result<()> {
        self.change(&format!("create directory {}", name(path)), |world| {
            let (directory, last) = world.place(path)?;
            if world.names(directory).contains_key(last) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            world.make_directory(directory, last);
            Ok(())
        })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let directory = self.lock().directory(path)?;
        self.sync(directory);
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        let world = self.lock();
        let directory = world.directory(path)?;
        let entry = |(name, inode): (&std::ffi::OsString, &Inode)| DirectoryEntry {
            name: name.clone(),
            is_file: world.is_file(*inode),
        };
        Ok(world.names(directory).iter().map(entry).collect())
    }

    fn kind(&self, path: &Path) -> io::Result<FileSystemKind> {
        self.lock().directory(path).map(|_| FileSystemKind::Supported("ext4"))
    }

    fn disable_copy_on_write(&self, _: &Path) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }
}

impl OpenFile {
    fn write(&self, what: &str, bytes: &[u8], offset: u64) {
        let mut world = self.disk.lock();
        world.record_stores("stores", false);
        world.write(self.inode, offset, bytes);
        let what = format!("{what} {} bytes at {offset} of {}", bytes.len(), world.name_of(self.inode));
        world.record(&what);
    }

    fn release(&self) {
        let mut held = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        held.exclusive.take_if(|holder| *holder == self.handle);
        held.shared.retain(|holder| *holder != self.handle);
    }
}

impl File for OpenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().length(self.inode) as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(self.disk.lock().read(self.inode, offset, buffer))
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write("write", bytes, offset);
        Ok(())
    }

    fn allocate(&self, offset: u64, length: u64) -> io::Result<()> {
        let end = (offset + length) as usize;
        let mut world = self.disk.lock();
        if end > world.length(self.inode) {
            world.record_stores("stores", false);
            world.grow(self.inode, end);
            let what = format!("allocate {end} bytes of {}", world.name_of(self.inode));
            world.record(&what);
        }
        Ok(())
    }

    fn fill_with_zeros(&self, offset: u64, length: u64) -> io::Result<()> {
        self.write("fill", &vec![0; length as usize], offset);
        Ok(())
    }

    fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()> {
        self.write("punch", &vec![0; length as usize], offset);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync(self.inode);
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn start_write_back(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn drop_cache(&self) -> io::Result<()> {
        Ok(())
    }

    fn map(&self, length: usize) -> io::Result<Mapping> {
        self.disk.lock().map(self.inode, length)
    }

    fn try_lock(&self, exclusive: bool) -> io::Result<bool> {
        let mut held = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        let others_share = held.shared.iter().any(|holder| *holder != self.handle);
        let other_excludes = held.exclusive.is_some_and(|holder| holder != self.handle);
        if other_excludes || (exclusive && others_share) {
            return Ok(false);
        }
        if exclusive {
            held.exclusive = Some(self.handle);
        } else {
            held.shared.push(self.handle);
        }
        Ok(true)
    }

    fn unlock(&self) -> io::Result<()> {
        self.release();
        Ok(())
    }

    fn id(&self) -> io::Result<FileId> {
        Ok(FileId { device: 0, inode: self.inode })
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        // Not behind the disk's lock: the last holder may be whoever does nothing but stores.
        self.release();
    }
}
