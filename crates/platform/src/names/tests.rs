use std::io::ErrorKind;
use std::path::PathBuf;

use super::*;
use crate::files;

fn file_with(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_rename_replaces_only_where_it_is_meant_to() {
    let directory = tempfile::tempdir().unwrap();
    let (new, old) = (file_with(directory.path(), "new", "new"), file_with(directory.path(), "old", "old"));
    let error = rename_no_replace(&new, &old).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&old).unwrap(), b"old");
    rename(&new, &old).unwrap();
    assert_eq!(fs::read(&old).unwrap(), b"new");
    assert!(!new.exists());
    rename_no_replace(&old, &new).unwrap();
    assert_eq!(fs::read(&new).unwrap(), b"new");
    assert!(!old.exists());
}

#[test]
fn a_file_that_is_open_and_mapped_can_be_replaced_and_stays_what_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_with(directory.path(), "file", "old");
    for round in 0..3 {
        let mut options = OpenOptions::new();
        let open = open_what_is_there(options.read(true).write(true)).open(&path).unwrap();
        let mapping = memmap2::MmapOptions::new().len(3).map_raw(&open).unwrap();
        let new = file_with(directory.path(), "new", &format!("{round}.."));
        rename(&new, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), format!("{round}..").as_bytes());
        assert_ne!(files::id(&open).unwrap(), id(&path).unwrap());
        let mut first = [0; 3];
        files::read_exact_at(&open, &mut first, 0).unwrap();
        assert_ne!(first, *format!("{round}..").as_bytes());
        drop(mapping);
    }
}

#[test]
fn the_id_of_a_file_goes_with_it_and_not_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_with(directory.path(), "file", "text");
    let open = File::open(&path).unwrap();
    let found = files::id(&open).unwrap();
    assert_eq!((id(&path).unwrap(), id_of_link(&path).unwrap()), (found, found));
    let second = directory.path().join("second");
    hard_link(&path, &second).unwrap();
    assert_eq!(id(&second).unwrap(), found);
    assert_eq!(hard_link(&path, &second).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let other = file_with(directory.path(), "other", "text");
    assert_ne!(id(&other).unwrap(), found);
    assert_eq!(id(&directory.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_directory_is_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("directory");
    create_directory(&path, 0o700).unwrap();
    assert!(is_directory(&path).unwrap());
    assert_eq!(create_directory(&path, 0o700).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let mut options = OpenOptions::new();
    let error = open_what_is_there(options.read(true).write(true)).open(&path).unwrap_err();
    assert_eq!(odd(&path, &error), Some(Odd::Directory));
    sync_directory(&path).unwrap();
    assert!(!file_system(&path).unwrap().name().is_empty());
}

#[test]
fn a_directory_is_locked_once_where_it_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let first = match lock_directory(directory.path()) {
        Err(error) if cfg!(windows) => return assert_eq!(error.kind(), ErrorKind::Unsupported),
        first => first.unwrap().expect("nobody has it"),
    };
    assert!(lock_directory(directory.path()).unwrap().is_none());
    first.unlock().unwrap();
    assert!(lock_directory(directory.path()).unwrap().is_some());
}

#[cfg(unix)]
#[test]
fn a_link_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let error = open_what_is_there(OpenOptions::new().read(true)).open(&link).unwrap_err();
    assert_eq!(odd(&link, &error), Some(Odd::Link));
    assert!(id_of_link(&link).is_ok());
    assert_eq!(id(&link).unwrap_err().kind(), ErrorKind::NotFound);
}
