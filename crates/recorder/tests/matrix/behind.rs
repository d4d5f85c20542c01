//! Reading that begins behind the damage: what is there, whole, or an error; never less without a word.

use flashstrike_recovery::follow::{FollowOptions, Start, Wait};
use flashstrike_recovery::{Code, Recovery, ReplayOptions};

use super::case::Case;
use super::expected::Expected;
use super::reading::{assert_is_part_of_a_history, ids, replayed};
use crate::common::PATIENCE;

/// Begins at some of the events that are in the log behind what verifies in order.
pub fn check(case: &Case, expected: &Expected, recovery: &Recovery, what: &str) {
    let last = recovery.last_event_id();
    let first_behind = expected.events.last().map_or(0, |(id, _)| *id) + 1;
    if first_behind < recovery.first_event_id() || first_behind > last {
        return;
    }
    let behind = last - first_behind;
    for from in [first_behind, first_behind + behind / 3, first_behind + behind * 2 / 3, last] {
        forward(case, recovery, from, last, &format!("{what}, from {from} behind the damage"));
        backward(case, recovery, from, &format!("{what}, back from {from} behind the damage"));
        follow(recovery, from, &format!("{what}, followed from {from} behind the damage"));
    }
}

fn forward(case: &Case, recovery: &Recovery, from: u64, last: u64, what: &str) {
    let options = ReplayOptions { from: Some(from), ..ReplayOptions::default() };
    let (events, error) = replayed(recovery, options);
    assert_is_part_of_a_history(case, &events, what);
    let (begun, ended, _) = ids(&events);
    match error {
        Some(error) => {
            assert_eq!(error.code(), Code::Corrupt, "{what}: {error}");
            assert!(begun.is_none_or(|begun| begun == from), "{what}: {:?}, then {error}", ids(&events));
        }
        None => assert_eq!((begun, ended), (Some(from), Some(last)), "{what}"),
    }
}

/// Back to the beginning, so the damage is on the way.
fn backward(case: &Case, recovery: &Recovery, to: u64, what: &str) {
    let options = ReplayOptions { to: Some(to), reverse: true, ..ReplayOptions::default() };
    let (mut events, error) = replayed(recovery, options);
    events.reverse();
    assert_is_part_of_a_history(case, &events, what);
    let error = error.unwrap_or_else(|| panic!("{what}: ended normally with {:?}", ids(&events)));
    assert_eq!(error.code(), Code::Corrupt, "{what}: {error}");
    let ended = ids(&events).1;
    assert!(ended.is_none_or(|ended| ended == to), "{what}: {:?}, then {error}", ids(&events));
}

fn follow(recovery: &Recovery, from: u64, what: &str) {
    let options = FollowOptions { from: Start::At(from), ..FollowOptions::default() };
    let followed = recovery.follow(options).and_then(|mut follower| {
        let next = follower.next_event(Wait::AtMost(PATIENCE))?;
        Ok(next.map(|event| event.id))
    });
    match followed {
        Ok(id) => assert_eq!(id, Some(from), "{what}"),
        Err(error) => assert_eq!(error.code(), Code::Corrupt, "{what}: {error}"),
    }
}
