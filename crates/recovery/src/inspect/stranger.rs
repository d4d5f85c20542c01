//! Which segment is the stranger, where there are some of two logs.
//!
//! Verification begins with the first one, so without `wal.meta` it takes that for the log's, whatever all others say, and
//! its neighbour for the stranger. Where the log ends is not changed by whose fault that is: only who has to look for a
//! file wants to be told the right one.

use std::collections::BTreeMap;

use flashstrike_segment::{Damage, Reason, WalMeta};

use super::source::SegmentSource;

/// Names the stranger in damage that is about the log id. Gives whose log it is, as far as anything decides that.
pub(super) fn name_stranger(
    source: &SegmentSource,
    segments: &[u32],
    meta: Option<&WalMeta>,
    damage: &mut Damage,
) -> Option<[u8; 16]> {
    if !matches!(damage.reason, Reason::ForeignSegment { .. } | Reason::ForeignMetadata("log id")) {
        return None;
    }
    // What cannot be read has no vote; that it cannot is said by whoever needs it.
    let log_id_of = |&index: &u32| Some((index, source.start(index, None).ok()??.log_id()?));
    let log_ids: BTreeMap<u32, [u8; 16]> = segments.iter().filter_map(log_id_of).collect();
    let own = meta.map(|meta| meta.log_id).or_else(|| most_frequent(&log_ids))?;
    let place = damage.position.segment?;
    if let Some(found) = log_ids.get(&place).filter(|found| **found != own) {
        damage.reason = Reason::of_another_log(source.read_name(place), found, &own);
    }
    Some(own)
}

/// What more than half of the segments say.
fn most_frequent(log_ids: &BTreeMap<u32, [u8; 16]>) -> Option<[u8; 16]> {
    let mut counts = BTreeMap::new();
    for log_id in log_ids.values() {
        *counts.entry(*log_id).or_insert(0) += 1;
    }
    counts.into_iter().find(|(_, count)| count * 2 > log_ids.len()).map(|(log_id, _)| log_id)
}
