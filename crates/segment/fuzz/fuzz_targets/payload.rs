//! A payload that validates has the events it should have; one that does not is read without panic all the same.
#![no_main]

use flashstrike_segment::payload::{entry_len, fixed_events, validate, variable_events};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u32, u64, u64, &[u8])| {
    let (event_size, count, first, last, payload) = input;
    let event_size = event_size & !7;
    let ids: Vec<u64> = if event_size == 0 {
        variable_events(payload, first).map(|(id, _)| id).collect()
    } else {
        fixed_events(payload, event_size).map(|(id, _)| id).collect()
    };
    if validate(payload, event_size, count, first, last).is_ok() {
        assert_eq!(ids.len(), count as usize);
        assert_eq!((ids.first(), ids.last()), (Some(&first), Some(&last)));
        assert!(ids.is_sorted() && first > 0 && last < 1 << 53);
        let bytes: usize = if event_size == 0 {
            variable_events(payload, first).map(|(_, event)| entry_len(event.len())).sum()
        } else {
            ids.len() * usize::from(event_size)
        };
        assert_eq!(bytes, payload.len());
    }
});
