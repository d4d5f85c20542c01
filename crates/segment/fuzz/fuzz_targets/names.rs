//! A name that is ours is exactly the name we would give.
#![no_main]

use flashstrike_segment::names::{SegmentFile, cursor_file_name, is_leftover, parse_cursor_file_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|name: &str| {
    if let Some(file) = SegmentFile::parse(name) {
        assert_eq!(file.name(), name);
        assert!(!is_leftover(name));
    }
    if let Some(cursor) = parse_cursor_file_name(name) {
        assert_eq!(cursor_file_name(cursor), name);
        assert!(!cursor.contains(['/', '\0']) && !cursor.starts_with('.'));
    }
});
