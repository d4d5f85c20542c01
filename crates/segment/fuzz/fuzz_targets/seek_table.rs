//! A seek table that parses describes its file exactly.
#![no_main]

use flashstrike_segment::cold::SeekTable;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, &[u8])| {
    let (at, tail) = input;
    for file_len in [tail.len() as u64, at] {
        if let Ok(table) = SeekTable::parse(tail, file_len) {
            let frames = table.frames();
            let end = frames.last().map_or(0, |frame| frame.offset + u64::from(frame.len));
            assert_eq!(end + SeekTable::tail_len(tail).expect("it parsed") as u64, file_len);
            let naive = frames.iter().find(|frame| {
                (frame.content_offset..frame.content_offset + u64::from(frame.content_len)).contains(&at)
            });
            assert_eq!(table.frame_at(at), naive);
        }
    }
});
