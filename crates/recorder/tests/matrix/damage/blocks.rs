//! Damage to whole blocks.

use flashstrike_segment::BlockHeader;
use flashstrike_segment::layout::BLOCK_HEADER_SIZE;
use flashstrike_segment::names::hot_name;

use super::super::case::Damager;
use super::super::shapes::end_of;
use super::name_of;
use crate::memory::MemoryLog;
use crate::memory::build::{Placed, SEGMENT_SIZE};
use crate::memory::judge::forge;

const HEADER: usize = BLOCK_HEADER_SIZE;

fn bytes(log: &MemoryLog, block: &Placed) -> Vec<u8> {
    log.files[&name_of(block)][block.offset..block.offset + block.len].to_vec()
}

fn zero(log: &mut MemoryLog, block: &Placed, from: usize, to: usize) {
    log.files.get_mut(&name_of(block)).expect("a segment")[block.offset + from..block.offset + to].fill(0);
}

/// First, last, and some between.
fn chosen(damager: &mut Damager<'_>, all: &[Placed], count: usize) -> Vec<Placed> {
    let mut chosen = damager.some(all[1..].iter().cloned(), count);
    chosen.push(all[0].clone());
    if !chosen.contains(&all[all.len() - 1]) {
        chosen.push(all[all.len() - 1].clone());
    }
    chosen
}

pub fn zeroed(damager: &mut Damager<'_>) {
    let all = damager.hot_blocks();
    for block in chosen(damager, &all, 5) {
        damager.case(format!("{block:?}"), |log| zero(log, &block, 0, block.len));
    }
}

pub fn half_written(damager: &mut Damager<'_>) {
    let all = damager.hot_blocks();
    for block in chosen(damager, &all, 2) {
        damager.case(format!("no header, {block:?}"), |log| zero(log, &block, 0, HEADER));
        damager.case(format!("not published, {block:?}"), |log| zero(log, &block, 56, HEADER));
        damager.case(format!("no payload, {block:?}"), |log| zero(log, &block, HEADER, block.len));
        damager.case(format!("half of the payload, {block:?}"), |log| {
            zero(log, &block, HEADER.midpoint(block.len), block.len);
        });
    }
}

pub fn duplicated(damager: &mut Damager<'_>) {
    let all = damager.event_blocks();
    for block in chosen(damager, &all, 3) {
        let end = end_of(&damager.shape.own.placed, block.segment);
        let next = block.offset + block.len;
        let places =
            [("in the place of the next", next), ("behind the end", end), ("behind a gap", end + 128)];
        for (where_to, place) in places {
            if place + block.len <= SEGMENT_SIZE {
                damager.case(format!("{where_to}, {block:?}"), |log| {
                    let copy = bytes(log, &block);
                    log.patch(&name_of(&block), place, &copy);
                });
            }
        }
    }
}

pub fn swapped(damager: &mut Damager<'_>) {
    let all = damager.event_blocks();
    let pairs: Vec<_> = all
        .windows(3)
        .flat_map(|three| [(three[0].clone(), three[1].clone()), (three[0].clone(), three[2].clone())])
        .filter(|(one, other)| one.segment == other.segment && one.len == other.len)
        .collect();
    for (one, other) in damager.some(pairs, 4) {
        damager.case(format!("{one:?} and {other:?}"), |log| {
            let (first, second) = (bytes(log, &one), bytes(log, &other));
            log.patch(&name_of(&one), one.offset, &second);
            log.patch(&name_of(&other), other.offset, &first);
        });
    }
}

/// Of the same salt and at the same place: only the chain tells.
pub fn foreign(damager: &mut Damager<'_>) {
    let all = damager.hot_blocks();
    for block in chosen(damager, &all, 3) {
        let other = bytes(&damager.shape.foreign.log, &block);
        damager.mixed_case(format!("{block:?}"), |log| log.patch(&name_of(&block), block.offset, &other));
    }
}

pub fn of_another_segment(damager: &mut Damager<'_>) {
    let all = damager.event_blocks();
    let pairs: Vec<_> = all
        .iter()
        .flat_map(|one| all.iter().map(move |other| (one.clone(), other.clone())))
        .filter(|(one, other)| one.segment != other.segment && one.len == other.len)
        .collect();
    for (one, other) in damager.some(pairs, 3) {
        damager.case(format!("{other:?} in the place of {one:?}"), |log| {
            let bytes = bytes(log, &other);
            log.patch(&name_of(&one), one.offset, &bytes);
        });
    }
}

/// What stood there when the log had another history: of the same salt, with ids that fit.
pub fn stale(damager: &mut Damager<'_>) {
    let all: Vec<Placed> =
        damager.event_blocks().into_iter().filter(|block| block.last_event_id >= 5).collect();
    for block in chosen(damager, &all, 3) {
        let old = bytes(&damager.shape.fork.log, &block);
        damager.mixed_case(format!("in its own place, {block:?}"), |log| {
            log.patch(&name_of(&block), block.offset, &old);
        });
        let end = end_of(&damager.shape.own.placed, block.segment);
        if end + block.len <= SEGMENT_SIZE {
            damager.mixed_case(format!("behind the end, {block:?}"), |log| {
                log.patch(&name_of(&block), end, &old);
            });
        }
    }
}

/// Bytes behind the end that never became a block.
pub fn unpublished(damager: &mut Damager<'_>) {
    for segment in damager.segments() {
        let name = hot_name(segment);
        if !damager.shape.own.log.files.contains_key(&name) {
            continue;
        }
        let end = end_of(&damager.shape.own.placed, segment);
        for (what, from, length) in
            [("a header's first bytes", 0, 40), ("a payload", HEADER, 90), ("at the very end", 400, 64)]
        {
            if end + from + length <= SEGMENT_SIZE {
                damager
                    .case(format!("{what}, {name}"), |log| log.patch(&name, end + from, &vec![0x55; length]));
            }
        }
    }
}

/// Each field of a block wrong in turn, everything that follows from it right.
pub fn forged(damager: &mut Damager<'_>) {
    type Change = fn(&mut flashstrike_segment::BlockFields, &mut Vec<u8>);
    let changes: [(&str, Change); 9] = [
        ("index", |fields, _| fields.block_index += 1),
        ("ids too high", |fields, _| {
            (fields.first_event_id, fields.last_event_id) =
                (fields.first_event_id + 1, fields.last_event_id + 1);
        }),
        ("ids too low", |fields, _| {
            (fields.first_event_id, fields.last_event_id) =
                (fields.first_event_id - 1, fields.last_event_id - 1);
        }),
        ("time", |fields, _| fields.written_ts_ns -= 1_000_000),
        ("count", |fields, _| fields.event_count += 1),
        ("undurable beyond the id", |fields, _| fields.undurable = fields.last_event_id as u32 + 1),
        ("salt", |fields, _| fields.salt ^= 1),
        ("kind", |fields, _| (fields.kind, fields.event_count) = (1, 0)),
        ("a kind of a newer version", |fields, _| fields.kind = 2),
    ];
    let all: Vec<Placed> =
        damager.event_blocks().into_iter().filter(|block| block.first_event_id > 1).collect();
    for block in chosen(damager, &all, 0) {
        for (what, change) in changes {
            damager.forged_case(format!("{what}, {block:?}"), |log| {
                forge(log, block.segment, block.offset, change);
                let header = BlockHeader::decode(&log.files[&name_of(&block)][block.offset..]);
                assert!(header.is_ok(), "it is to be right by itself");
            });
        }
    }
}
