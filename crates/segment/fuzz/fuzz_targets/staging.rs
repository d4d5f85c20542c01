//! Staged events that are taken continue the log, whatever the file says. The header is made to fit half of the time, so
//! that the events are reached.
#![no_main]

use flashstrike_segment::layout::STAGING_HEADER_SIZE;
use flashstrike_segment::payload::validate;
use flashstrike_segment::{LogIdentity, LogVerifier, StagingHeader, StagingOutcome};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, bool, u64, u32, &[u8])| {
    let (fits, fixed, base, count, area) = input;
    let (log_id, boot_id, event_size) = ([1; 16], [2; 16], if fixed { 16 } else { 0 });
    let file = if fits {
        let header = StagingHeader { event_size, log_id, boot_id, area_len: area.len() as u32 };
        let mut file = header.encode().to_vec();
        file.resize(STAGING_HEADER_SIZE, 0);
        file[64..72].copy_from_slice(&base.to_le_bytes());
        file[128..132].copy_from_slice(&count.to_le_bytes());
        file.extend_from_slice(area);
        file
    } else {
        area.to_vec()
    };
    let log = LogIdentity { log_id, event_size, segment_size: 4096, schema: "{}".to_owned() };
    let mut verifier = LogVerifier::new(Some(&log), None);
    if let Ok(StagingOutcome::Taken(events)) = verifier.staging(&file, &boot_id) {
        let (first, last) = (events.first_event_id, events.last_event_id);
        validate(&events.payload, event_size, events.event_count, first, last).expect("a valid payload");
        assert_eq!(verifier.finish().last_event_id, last);
    }
});
