//! A position is that of a slot which is really there.
#![no_main]

use flashstrike_segment::choose_slot;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(slot) = choose_slot(data) {
        let at = slot.offset() as usize;
        assert_eq!(slot.encode()[..48], data[at..at + 48]);
        assert_ne!(slot.next(1, 1).offset(), slot.offset());
    }
});
