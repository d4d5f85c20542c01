//! Golden logs: the verdict of both depths of inspection.

mod support;

use flashstrike_recovery::inspect::{Depth, InspectOptions, Inspection, inspect};
use flashstrike_recovery::report::LogState;
use support::{Vector, contents, os_files, vectors};

fn inspected(vector: &Vector, depth: Depth) -> Inspection {
    let options = InspectOptions { depth, boot_id: Some(vector.boot_id), beside_writer: false };
    inspect(&os_files(), vector.path(), &options)
        .unwrap_or_else(|error| panic!("{} {depth:?}: {error}", vector.name))
}

fn position(inspection: &Inspection) -> Option<(Option<u32>, u64)> {
    inspection.damage.as_ref().map(|damage| (damage.position.segment, damage.position.offset))
}

#[test]
fn everything_gives_the_expected_verdict() {
    for vector in vectors() {
        let found = inspected(&vector, Depth::Everything);
        let name = &vector.name;
        assert_eq!(LogState::from(found.state).as_str(), vector.text("state"), "{name}: {:?}", found.verdict);
        assert_eq!(position(&found), vector.bad(), "{name}");
        assert_eq!(found.verdict.durable_proof, vector.expected["durable_proof"].as_u64(), "{name}: W");
        assert_eq!(found.verdict.events, vector.number("events"), "{name}: events");
        assert_eq!(u64::from(found.verdict.staged), vector.number("staged"), "{name}: staged");
        assert_eq!(found.last_id(), vector.number("last_id"), "{name}: last id");
        let alone = vector.number("events_in_blocks_that_verify_on_their_own");
        assert_eq!(found.verdict.events_on_their_own, alone, "{name}: on their own");
    }
}

/// Damage in a sealed segment that has a successor is for the iterator to find; everything else opening finds.
#[test]
fn looking_from_the_first_unsealed_segment_gives_the_same_verdict_about_what_it_looks_at() {
    let found_by_iterator = [
        "cold-damaged",
        "corrupt-sealed",
        "corrupt-metadata",
        "foreign-block",
        "swapped-blocks",
        "first-segment-empty",
    ];
    for vector in vectors() {
        let found = inspected(&vector, Depth::Unsealed);
        let name = vector.name.as_str();
        if found_by_iterator.contains(&name) {
            assert_eq!((LogState::from(found.state).as_str(), position(&found)), ("clean", None), "{name}");
            continue;
        }
        assert_eq!(LogState::from(found.state).as_str(), vector.text("state"), "{name}: {:?}", found.verdict);
        assert_eq!(position(&found), vector.bad(), "{name}");
        assert_eq!(u64::from(found.verdict.staged), vector.number("staged"), "{name}: staged");
        if vector.text("state") == "clean" {
            assert_eq!(found.last_id(), vector.number("last_id"), "{name}: last id");
        }
    }
}

#[test]
fn inspecting_changes_nothing() {
    for vector in vectors() {
        let before = contents(vector.path());
        for depth in [Depth::Unsealed, Depth::Everything] {
            inspected(&vector, depth);
        }
        assert!(contents(vector.path()) == before, "{}", vector.name);
    }
}

#[test]
fn what_is_read_beside_a_writer_is_never_called_torn() {
    for vector in vectors() {
        let options =
            InspectOptions { depth: Depth::Unsealed, boot_id: Some(vector.boot_id), beside_writer: true };
        let found = inspect(&os_files(), vector.path(), &options).expect("readable");
        assert_ne!(found.state, flashstrike_segment::State::Torn, "{}", vector.name);
        assert!(found.staging.taken.is_none(), "{}", vector.name);
    }
}
