//! What a description in the quarantine says is what it says again, and it never names a place outside of the log.
#![no_main]

use flashstrike_recovery::repair::Evidence;
use flashstrike_segment::layout::MAX_SEGMENT_SIZE;
use flashstrike_segment::names::{SegmentFile, WAL_META, WAL_STAGING};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(evidence) = Evidence::parse(data) else { return };
    let json = serde_json::to_vec(&evidence).expect("plain values");
    if json.len() <= data.len() {
        assert_eq!(Evidence::parse(&json).as_ref(), Some(&evidence));
    }
    if evidence.is_of_log() {
        let file = &*evidence.file;
        assert!(SegmentFile::parse(file).is_some() || matches!(file, WAL_META | WAL_STAGING));
        assert!(!file.contains(['/', '\0']));
        let end = evidence.offset.checked_add(evidence.bytes).expect("a place in a file");
        let is_segment = SegmentFile::parse(file).is_some();
        assert!(evidence.offset == 0 || (is_segment && end <= 2 * MAX_SEGMENT_SIZE as u64));
    }
});
