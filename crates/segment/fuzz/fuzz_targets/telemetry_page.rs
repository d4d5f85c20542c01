//! Whatever a page of metrics is made of, it is an error or a snapshot that agrees with itself.
#![no_main]

use std::path::Path;

use flashstrike_telemetry::page::snapshot_of_bytes;
use flashstrike_telemetry::{decode_snapshot, encode_snapshot};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|page: &[u8]| {
    // Nobody finds a length by chance, and without it nothing behind it is looked at.
    let mut page = page.to_vec();
    if let Some(length) = page.get(24..32)
        && length == [0; 8]
    {
        let length = (page.len() as u64).to_le_bytes();
        page[24..32].copy_from_slice(&length);
    }
    let Ok(snapshot) = snapshot_of_bytes(&page, Path::new("page")) else { return };
    for metric in snapshot.metrics() {
        if let Some(histogram) = metric.value.histogram() {
            let total = histogram.counts().iter().fold(0, |sum: u64, &count| sum.saturating_add(count));
            assert_eq!(histogram.count(), total);
            assert!(histogram.min() <= histogram.max());
        }
    }
    let text = snapshot.to_string();
    assert!(!text.contains('\u{1b}'), "a page must not control a terminal");
    // Labels of more than a string holds are cut, so that only the rest has to be the same.
    let again = decode_snapshot(&encode_snapshot(&snapshot)).expect("its own bytes");
    assert_eq!(again.metrics(), snapshot.metrics());
});
