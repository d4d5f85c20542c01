//! A page that somebody has made up, or changes while it is read: an error or values, and never anything else.
#![cfg(all(not(loom), unix))]

mod pages;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;

use flashstrike_telemetry::page::{PageError, TelemetryPage, snapshot_of_bytes};
use flashstrike_telemetry::{Snapshot, decode_snapshot, encode_snapshot};
use pages::{VALUES_AT, attach, directory, recorder_on, some_page};
use proptest::prelude::*;

/// Where the catalogue begins, the number of metrics and that of labels.
const CATALOGUE_AT: usize = 12;
const LENGTH: usize = 24;
const VALUES_BYTES: usize = 40;
const LABELS: usize = 76;
const METRICS: usize = 80;
const CATALOGUE_BYTES: usize = 84;

fn page() -> &'static [u8] {
    static PAGE: OnceLock<Vec<u8>> = OnceLock::new();
    PAGE.get_or_init(|| some_page().0)
}

fn read(bytes: &[u8]) -> Result<Snapshot, PageError> {
    snapshot_of_bytes(bytes, Path::new("page"))
}

/// Whatever was read from it can be printed and goes through the protocol as it is.
fn use_it(snapshot: &Snapshot) {
    assert!(!snapshot.to_string().contains('\u{1b}'));
    let again = decode_snapshot(&encode_snapshot(snapshot)).unwrap();
    assert_eq!(again.metrics().len(), snapshot.metrics().len());
}

fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut changed = page().to_vec();
    changed[at..at + bytes.len()].copy_from_slice(bytes);
    changed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn changed_and_cut_pages_give_an_error_or_values(
        changes in prop::collection::vec(
            (
                // The header, the catalogue, anywhere.
                prop_oneof![3 => 0_usize..128, 5 => 128_usize..20_000, 1 => 0_usize..1 << 20],
                prop_oneof![Just(0), Just(1), Just(0x7f), Just(0x80), Just(0xff), any::<u8>()],
            ),
            0..6,
        ),
        cut in prop::option::weighted(0.3, 0_usize..1 << 17),
        says_so in any::<bool>(),
    ) {
        let mut bytes = page().to_vec();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut);
            if says_so && bytes.len() >= 128 {
                let length = bytes.len() as u64;
                bytes[LENGTH..LENGTH + 8].copy_from_slice(&length.to_le_bytes());
            }
        }
        if let Ok(snapshot) = read(&bytes) {
            use_it(&snapshot);
        }
    }
}

#[test]
fn numbers_that_cannot_be_are_told_with_their_place() {
    read(page()).unwrap();
    let damaged: &[(usize, &[u8])] = &[
        (CATALOGUE_AT, &0_u32.to_le_bytes()),
        (CATALOGUE_AT, &127_u32.to_le_bytes()),
        (CATALOGUE_AT, &u32::MAX.to_le_bytes()),
        (LENGTH, &0_u64.to_le_bytes()),
        (LENGTH, &u64::MAX.to_le_bytes()),
        (VALUES_AT, &0_u64.to_le_bytes()),
        (VALUES_AT, &(1_u64 << 12 | 8).to_le_bytes()),
        (VALUES_AT, &(u64::MAX - 4095).to_le_bytes()),
        (VALUES_BYTES, &u64::MAX.to_le_bytes()),
        (VALUES_BYTES, &(u64::MAX - 7).to_le_bytes()),
        (VALUES_BYTES, &8_u64.to_le_bytes()),
        (LABELS, &65_u32.to_le_bytes()),
        (LABELS, &u32::MAX.to_le_bytes()),
        (METRICS, &u32::MAX.to_le_bytes()),
        (METRICS, &501_u32.to_le_bytes()),
        (CATALOGUE_BYTES, &0_u32.to_le_bytes()),
        (CATALOGUE_BYTES, &u32::MAX.to_le_bytes()),
        // The length of the first label, and the letters of it.
        (128, &u16::MAX.to_le_bytes()),
        (130, &[0xff, 0xfe]),
    ];
    for (at, bytes) in damaged {
        let error = read(&with(*at, bytes)).unwrap_err();
        assert!(matches!(error, PageError::Damaged { .. }), "{at} {bytes:?}: {error}");
        assert_eq!(error.code(), "WAL_METRICS");
    }
    assert!(matches!(read(&with(0, b"f")), Err(PageError::NotAPage { .. })));
    assert!(matches!(read(&[]), Err(PageError::NotAPage { .. })));
    assert!(matches!(read(&with(8, &2_u32.to_le_bytes())), Err(PageError::Version { found: 2, .. })));
    assert!(matches!(read(&with(16, &0_u64.to_le_bytes())), Err(PageError::NotReady { .. })));
}

#[test]
fn labels_that_would_make_every_line_of_metrics_long_are_refused() {
    // The name of the first label, which is short, and its value, as long as it is made here.
    let value_at = 130 + usize::from(u16::from_le_bytes([page()[128], page()[129]]));
    let long = [&5000_u16.to_le_bytes()[..], &[b'x'; 5000]].concat();
    let mut changed = with(value_at, &long);
    changed[LABELS..LABELS + 4].copy_from_slice(&1_u32.to_le_bytes());
    let error = read(&changed).unwrap_err();
    assert!(error.to_string().contains("labels that are too long"), "{error}");
}

/// Where the catalogue's first entry begins, its places in front of it.
fn first_metric() -> usize {
    let bytes = page();
    let mut at = 128;
    for _ in 0..4 {
        at += 2 + usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    }
    at
}

#[test]
fn places_outside_of_the_values_are_refused_and_none_is_read_twice() {
    let at = first_metric();
    let values = u64::from_le_bytes(*page()[VALUES_BYTES..].first_chunk().unwrap());
    for place in [4, values, values - 8, values.next_multiple_of(4096), u64::MAX, u64::MAX - 7] {
        let error = read(&with(at + 4, &place.to_le_bytes())).unwrap_err();
        assert!(error.to_string().contains("a metric of"), "{place}: {error}");
    }
    for places in [0, 65, u32::MAX] {
        let error = read(&with(at, &places.to_le_bytes())).unwrap_err();
        assert!(error.to_string().contains("a number of places that cannot be"), "{error}");
    }
    // A page that says of one counter's word that it is a thousand metrics.
    let length = u32::from_le_bytes(*page()[at + 12..].first_chunk().unwrap()) as usize;
    let entry = page()[at..at + 12 + 4 + length].to_vec();
    let mut bytes = page()[..at].to_vec();
    bytes.extend(entry.repeat(40));
    bytes.resize(bytes.len().next_multiple_of(4096), 0);
    let values_at = bytes.len() as u64;
    bytes.extend(&page()[page().len() - values as usize..]);
    let length = bytes.len() as u64;
    for (at, number) in [(LENGTH, length), (VALUES_AT, values_at), (VALUES_BYTES, values)] {
        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    bytes[METRICS..METRICS + 4].copy_from_slice(&40_u32.to_le_bytes());
    bytes[CATALOGUE_BYTES..CATALOGUE_BYTES + 4].copy_from_slice(&(values_at as u32 - 128).to_le_bytes());
    let error = read(&bytes).unwrap_err();
    assert!(error.to_string().contains("more words than there are"), "{error}");
}

#[test]
fn names_cannot_do_anything_to_a_terminal() {
    let at = page().windows(6).position(|letters| letters == b"Append").unwrap();
    let error = read(&with(at, b"\x1b[2J")).unwrap_err();
    assert!(error.to_string().contains("control characters"), "{error}");
    let label = page().windows(3).position(|letters| letters == b"log").unwrap();
    let text = read(&with(label, b"\x1b[J")).unwrap().to_string();
    assert!(text.contains("\\u{1b}[J=") && !text.contains('\u{1b}'), "{text:.80}");
}

#[test]
fn a_page_that_is_cut_short_while_it_is_attached_is_an_error_and_no_signal() {
    let directory = directory();
    let path = directory.path().join("page");
    fs::write(&path, page()).unwrap();
    let mut reader = attach(&path);
    reader.snapshot().unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    for length in [page().len() as u64 - 4096, 4096, 100, 0] {
        file.set_len(length).unwrap();
        let error = reader.snapshot().unwrap_err();
        assert!(matches!(error, PageError::Damaged { .. }), "{length}: {error}");
        assert!(error.to_string().contains("cut short"), "{error}");
    }
    reader.state().unwrap_err();
    assert!(TelemetryPage::attach(&path).is_err());
    // Put back as it was, it is read as it was.
    file.write_all_at(page(), 0).unwrap();
    reader.snapshot().unwrap();
}

#[test]
fn a_catalogue_that_changes_under_a_reader_is_the_one_it_has_checked() {
    let directory = directory();
    let path = directory.path().join("page");
    fs::write(&path, page()).unwrap();
    let mut reader = attach(&path);
    let before = reader.snapshot().unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[0xff; 2000], 24).unwrap();
    assert_eq!(reader.snapshot().unwrap().metrics(), before.metrics());
}

#[test]
fn a_page_larger_than_any_of_ours_is_not_read() {
    let directory = directory();
    let path = directory.path().join("page");
    let length = 5_u64 << 20;
    fs::write(&path, with(LENGTH, &length.to_le_bytes())).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
    let error = TelemetryPage::attach(&path).unwrap_err();
    assert!(error.to_string().contains("at most 4194304 are read"), "{error}");
}

#[test]
fn a_state_that_cannot_be_is_told() {
    let directory = directory();
    let path = directory.path().join("page");
    let telemetry = recorder_on(&path);
    let mut page = attach(&path);
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(&9_u64.to_le_bytes(), 16).unwrap();
    assert!(page.state().unwrap_err().to_string().contains("a state of 9"));
    drop(telemetry);
}
