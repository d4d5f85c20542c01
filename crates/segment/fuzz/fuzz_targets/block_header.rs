//! Whatever decodes is encoded to the same bytes, and a block's length covers its payload.
#![no_main]

use flashstrike_segment::BlockHeader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(header) = BlockHeader::decode(data) {
        assert!(BlockHeader::is_published(data));
        assert_eq!(header.encode(), data[..64]);
        assert!(header.block_len() >= 64 + header.payload_len as usize);
        assert!(header.proves_durable().is_none_or(|id| id <= header.last_event_id));
    }
});
