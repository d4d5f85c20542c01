//! What a verdict names as the cause: the file that somebody has to look at, and what is wrong with it.

mod common;

use common::build::LogBuilder;
use common::judge::{reason, verify};
use flashstrike_segment::names::{WAL_STAGING, cold_name, hot_name};
use flashstrike_segment::{Note, Reason, State};

#[test]
fn a_segment_of_another_log_is_named_itself_and_not_the_good_one_in_front_of_it() {
    let mut builder = LogBuilder::fixed();
    let log = builder.append_many(170).finish();
    let other = LogBuilder::new(32, 128, [9; 16]).append_many(170).finish();
    let end = |segment| {
        let last = builder.placed.iter().rfind(|block| block.segment == segment).unwrap();
        (Some(segment), (last.offset + last.len) as u64)
    };
    let whole = other.files[&hot_name(1)].len();
    for (index, is_cold) in [(1, false), (2, false), (1, true)] {
        let (mut mixed, mut other) = (log.clone(), other.clone());
        if is_cold {
            other.compress(1, whole, false);
            mixed.files.remove(&hot_name(1));
        }
        let name = if is_cold { cold_name(index) } else { hot_name(index) };
        mixed.files.insert(name.clone(), other.files[&name].clone());
        let outcome = verify(&mixed);
        assert_eq!(outcome.bad(), Some(end(index - 1)), "{name}");
        let Reason::ForeignSegment { file, found, .. } = reason(&outcome) else { panic!("{outcome:?}") };
        assert_eq!((file, found), (&name, &"09".repeat(16)));
        assert!(reason(&outcome).to_string().starts_with(&format!("{name}, which")), "{name}");
    }
}

#[test]
fn a_damaged_cold_file_is_the_cause_and_what_does_not_verify_the_consequence() {
    let mut builder = LogBuilder::fixed();
    let mut log = builder.append_many(80).finish();
    let end = builder.placed.iter().rfind(|block| block.segment == 0).map(|block| block.offset + block.len);
    log.compress(0, end.unwrap(), false);
    log.flip(&cold_name(0), 20, 3);
    let outcome = verify(&log);
    assert_eq!(outcome.verdict.state, State::Corrupt);
    let Reason::ColdFile { file, cause, consequence } = reason(&outcome) else { panic!("{outcome:?}") };
    assert!(matches!(**consequence, Reason::NoMetadataBlock));
    let text = reason(&outcome).to_string();
    assert!(*file == cold_name(0) && text.starts_with(file.as_str()), "{text}");
    assert!(text.find(cause).unwrap() < text.find(&consequence.to_string()).unwrap(), "{text}");

    // What is wrong in front of it has nothing to do with the compressed file.
    let mut two = LogBuilder::fixed().append_many(170).finish();
    let whole = two.files[&hot_name(1)].len();
    two.compress(1, whole, false);
    two.flip(&cold_name(1), 20, 3);
    two.flip(&hot_name(0), 70, 0);
    assert!(!matches!(reason(&verify(&two)), Reason::ColdFile { .. }));
}

#[test]
fn nobody_is_told_of_staged_events_where_there_are_none() {
    for (count, told) in
        [(0, None), (1, Some("1 staged event was not taken")), (3, Some("3 staged events were not taken"))]
    {
        for note in [
            Note::StagingGap { base_event_id: 7, poisoned: false, event_count: count },
            Note::StagingBehindDamage { event_count: count.max(1) },
        ] {
            let text = note.to_string();
            match (told, &note) {
                (None, Note::StagingGap { .. }) => assert!(!text.contains("staged"), "{text}"),
                (None, _) => {}
                (Some(told), _) => assert!(text.contains(told), "{text}"),
            }
        }
        let ignored = Note::StagingIgnored { event_count: count }.to_string();
        assert_eq!(ignored.contains("staged event"), count > 0, "{ignored}");
    }
    let mut builder = LogBuilder::fixed();
    builder.append_many(12).flush();
    let log = builder.with_staging(20, false, &[]).finish();
    assert!(log.files.contains_key(WAL_STAGING));
    let notes: Vec<String> = verify(&log).verdict.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["blocks up to event 20 are damaged or missing"]);
}
