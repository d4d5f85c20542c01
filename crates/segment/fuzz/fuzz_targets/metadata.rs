//! Whatever decodes is encoded to the same bytes.
#![no_main]

use flashstrike_segment::Metadata;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(metadata) = Metadata::decode(data) {
        assert_eq!(metadata.encode(), data);
    }
});
