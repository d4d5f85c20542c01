//! Whatever decodes survives being encoded.
#![no_main]

use flashstrike_segment::WalMeta;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(meta) = WalMeta::decode(data) {
        assert_eq!(WalMeta::decode(&meta.encode()), Ok(meta));
    }
});
