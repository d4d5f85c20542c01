//! Files that do what others do, save for what is theirs.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{DirectoryEntry, DirectoryLock, File, FileId, FileSystem, FileSystemKind, Mapping, OpenMode};

/// A trait with all that another one has, each method passed on to what lies below, and the other one for whatever
/// implements it.
macro_rules! layer {
    (
        $(#[$about:meta])*
        $layer:ident over $door:ident {
            $(fn $method:ident(&self $(, $argument:ident: $type:ty)*) -> $result:ty;)*
        }
    ) => {
        $(#[$about])*
        pub trait $layer: Send + Sync + fmt::Debug {
            /// What lies below.
            fn inner(&self) -> &dyn $door;
            $(
                #[doc = concat!("As [`", stringify!($door), "::", stringify!($method), "`].")]
                fn $method(&self $(, $argument: $type)*) -> $result {
                    self.inner().$method($($argument),*)
                }
            )*
        }

        impl<L: $layer> $door for L {
            $(
                fn $method(&self $(, $argument: $type)*) -> $result {
                    $layer::$method(self $(, $argument)*)
                }
            )*
        }
    };
}

layer! {
    /// A [`File`] over another one: what it does not do itself, the one below does.
    FileLayer over File {
        fn len(&self) -> io::Result<u64>;
        fn allocated(&self) -> io::Result<u64>;
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
        fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
        fn allocate(&self, offset: u64, length: u64) -> io::Result<()>;
        fn fill_with_zeros(&self, offset: u64, length: u64) -> io::Result<()>;
        fn punch_hole(&self, offset: u64, length: u64) -> io::Result<()>;
        fn sync_data(&self) -> io::Result<()>;
        fn sync_all(&self) -> io::Result<()>;
        fn start_write_back(&self, offset: u64, length: u64) -> io::Result<()>;
        fn drop_cache(&self) -> io::Result<()>;
        fn map(&self, length: usize) -> io::Result<Mapping>;
        fn try_lock(&self, exclusive: bool) -> io::Result<bool>;
        fn unlock(&self) -> io::Result<()>;
        fn id(&self) -> io::Result<FileId>;
    }
}

layer! {
    /// A [`FileSystem`] over another one: what it does not do itself, the one below does.
    FileSystemLayer over FileSystem {
        fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
        fn rename(&self, from: &Path, to: &Path, replace: bool) -> io::Result<()>;
        fn id(&self, path: &Path) -> io::Result<FileId>;
        fn lock_directory(&self, path: &Path) -> io::Result<Option<DirectoryLock>>;
        fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
        fn remove_file(&self, path: &Path) -> io::Result<()>;
        fn create_directory(&self, path: &Path, mode: u32) -> io::Result<()>;
        fn is_directory(&self, path: &Path) -> io::Result<bool>;
        fn sync_directory(&self, path: &Path) -> io::Result<()>;
        fn list(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>>;
        fn kind(&self, path: &Path) -> io::Result<FileSystemKind>;
        fn disable_copy_on_write(&self, path: &Path) -> io::Result<()>;
    }
}
