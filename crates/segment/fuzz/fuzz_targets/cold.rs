//! A cold file never expands beyond its limit, and what it expands to is the same frame by frame.
#![no_main]

use flashstrike_segment::cold::{SeekTable, read_all, read_frame};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 4 << 20;

fuzz_target!(|file: &[u8]| {
    let content = read_all(file, LIMIT);
    assert!(content.bytes.len() <= LIMIT);
    let Ok(table) = SeekTable::rebuild(file) else { return };
    if content.damage.is_none() && table.content_len() == content.bytes.len() as u64 {
        for frame in table.frames() {
            let whole = &content.bytes[frame.content_range()];
            // A skippable frame in between moves the offsets that the lengths add up to.
            if let Some(Ok(part)) = file.get(frame.range()).map(|bytes| read_frame(bytes, frame.content_len))
            {
                assert_eq!(part.len(), whole.len());
            }
        }
    }
});
