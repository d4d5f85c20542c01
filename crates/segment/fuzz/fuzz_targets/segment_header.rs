//! Whatever decodes is encoded to the same bytes, and nothing panics.
#![no_main]

use flashstrike_segment::SegmentHeader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(header) = SegmentHeader::decode(data) {
        let again = SegmentHeader::decode(&header.encode());
        assert_eq!(again.as_ref(), Ok(&header));
        if header.sealed.is_some() {
            assert_eq!(header.encode(), data[..64]);
        }
    }
});
