use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Arc;

use memmap2::MmapOptions;

use super::*;

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap()
}

#[test]
fn allocated_bytes_are_zeros_and_what_stood_there_stays() {
    let directory = tempfile::tempdir().unwrap();
    let file = open(&directory.path().join("file"));
    write_all_at(&file, b"first", 0).unwrap();
    allocate(&file, 5, 100_000 - 5).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 100_000);
    assert!(allocated(&file).unwrap() >= 100_000);
    let mut bytes = vec![1; 100_000];
    read_exact_at(&file, &mut bytes, 0).unwrap();
    assert!(bytes.starts_with(b"first") && bytes[5..].iter().all(|&byte| byte == 0));
    // What is there is not made shorter.
    allocate(&file, 0, 1).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 100_000);
}

#[test]
fn reading_beyond_the_end_is_an_error_only_if_all_is_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let file = open(&directory.path().join("file"));
    write_all_at(&file, b"12345", 0).unwrap();
    let mut bytes = [0; 8];
    assert_eq!(read_at(&file, &mut bytes, 2).unwrap(), 3);
    assert_eq!(read_at(&file, &mut bytes, 5).unwrap(), 0);
    let error = read_exact_at(&file, &mut bytes, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn what_is_mapped_can_be_synced_as_long_as_it_is_and_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let file = open(&path);
    allocate(&file, 0, 8192).unwrap();
    let mapped = Mapped::default();
    let mapping = Arc::new(MmapOptions::new().len(8192).map_raw(&file).unwrap());
    mapped.add(&mapping);
    // SAFETY: inside the mapping, and nobody else touches it.
    unsafe { mapping.as_mut_ptr().add(4096).write(7) };
    sync_data(&file, &mapped).unwrap();
    let mut byte = [0];
    read_exact_at(&open(&path), &mut byte, 4096).unwrap();
    assert_eq!(byte, [7]);
    drop(mapping);
    // Whoever has only read it can make durable what others have written.
    sync_all(&File::open(&path).unwrap(), &Mapped::default()).unwrap();
    sync_all(&file, &mapped).unwrap();
    fill_with_zeros(&file, 4000, 200).unwrap();
    read_exact_at(&file, &mut byte, 4096).unwrap();
    assert_eq!(byte, [0]);
}

#[test]
fn a_lock_is_one_of_its_opening_and_leaves_the_contents_readable() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let (first, second) = (open(&path), open(&path));
    write_all_at(&first, b"pid 1", 0).unwrap();
    assert!(try_lock(&first, true).unwrap());
    assert!(!try_lock(&second, true).unwrap());
    assert!(!try_lock(&second, false).unwrap());
    let mut text = [0; 5];
    read_exact_at(&second, &mut text, 0).unwrap();
    assert_eq!(&text, b"pid 1");
    unlock(&first).unwrap();
    let reader = File::open(&path).unwrap();
    assert!(try_lock(&reader, false).unwrap());
    assert!(try_lock(&second, false).unwrap());
    assert!(!try_lock(&first, true).unwrap());
}

#[test]
fn one_opening_has_a_write_lock_and_asking_leaves_it_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("page");
    let writer = open(&path);
    let reader = File::open(&path).unwrap();
    assert!(!is_write_locked(&reader).unwrap());
    assert!(try_write_lock(&writer).unwrap());
    for _ in 0..3 {
        assert!(is_write_locked(&reader).unwrap());
    }
    let second = open(&path);
    assert!(!try_write_lock(&second).unwrap());
    // Whoever closes another descriptor of the file, in this process too, changes nothing.
    drop(File::open(&path).unwrap());
    drop(second);
    assert!(is_write_locked(&reader).unwrap());
    release_write_lock(&writer).unwrap();
    assert!(!is_write_locked(&reader).unwrap());
}
