//! Damage to whole segments.

use flashstrike_segment::names::{SegmentFile, hot_name};
use flashstrike_segment::{Seal, SegmentHeader};

use super::super::case::Damager;
use super::super::shapes::{end_of, prepared as prepared_segment};
use crate::memory::MemoryLog;
use crate::memory::build::SEGMENT_SIZE;

fn hot_files(damager: &Damager<'_>) -> Vec<(u32, String)> {
    let all = damager.segments().into_iter().map(|segment| (segment, hot_name(segment)));
    all.filter(|(_, name)| damager.shape.own.log.files.contains_key(name)).collect()
}

fn file<'a>(log: &'a mut MemoryLog, name: &str) -> &'a mut Vec<u8> {
    log.files.get_mut(name).expect("a file")
}

/// The segment that a file's name says, whichever form it has.
fn segment_files(damager: &Damager<'_>) -> Vec<String> {
    let last = *damager.segments().last().expect("a segment");
    let is_of_log = |name: &&String| SegmentFile::parse(name).is_some_and(|file| file.index <= last);
    damager.shape.own.log.files.keys().filter(is_of_log).cloned().collect()
}

/// Its checksum is right, what it says is not.
pub fn lying_header(damager: &mut Damager<'_>) {
    type Lie = fn(&mut Seal);
    let lies: [(&str, Lie); 8] = [
        ("a block more", |seal| seal.block_count += 1),
        ("a block less", |seal| seal.block_count -= 1),
        ("no block", |seal| seal.block_count = 0),
        ("four thousand million blocks", |seal| seal.block_count = u32::MAX),
        ("another number of events", |seal| seal.event_count += 1),
        ("another first event", |seal| seal.first_event_id += 1),
        ("a last event beyond", |seal| seal.last_event_id += 1),
        ("another chain", |seal| seal.last_chain_low ^= 1),
    ];
    for (segment, name) in hot_files(damager) {
        let header = SegmentHeader::decode(&damager.shape.own.log.files[&name][..64]).expect("a header");
        let write = |header: SegmentHeader| {
            let name = name.clone();
            move |log: &mut MemoryLog| log.patch(&name, 0, &header.encode())
        };
        if let Some(seal) = &header.sealed {
            for (what, lie) in lies {
                let mut seal = seal.clone();
                lie(&mut seal);
                damager.case(
                    format!("{what}, {name}"),
                    write(SegmentHeader { sealed: Some(seal), ..header.clone() }),
                );
            }
            damager
                .case(format!("not sealed, {name}"), write(SegmentHeader { sealed: None, ..header.clone() }));
        }
        damager.case(
            format!("another index, {name}"),
            write(SegmentHeader { segment_index: segment + 7, ..header.clone() }),
        );
        damager
            .case(format!("another salt, {name}"), write(SegmentHeader { salt: 0x5A17, ..header.clone() }));
        damager
            .case(format!("another event size, {name}"), write(SegmentHeader { event_size: 64, ..header }));
    }
}

/// A header that the next writer writes anew, in a log that has to be repaired because of something else.
pub fn damaged_header_and_tail(damager: &mut Damager<'_>) {
    let last = damager.event_blocks().pop().expect("a block");
    for (_, name) in hot_files(damager) {
        let bit = damager.rng.u8(0..8);
        damager.double_case(format!("{name}, bit {bit} of byte 20, and {last:?}"), |log| {
            log.flip(&name, 20, bit);
            log.flip(&hot_name(last.segment), last.offset + 70, bit);
        });
    }
}

pub fn cut(damager: &mut Damager<'_>) {
    for (segment, name) in hot_files(damager) {
        let end = end_of(&damager.shape.own.placed, segment);
        let mut places = vec![0, 1, 63, 64, 100, 128, 300, end - 1, end, end + 1, 4095];
        places.extend(
            damager.event_blocks().iter().filter(|block| block.segment == segment).map(|block| block.offset),
        );
        for at in damager.some(places, 5) {
            damager.case(format!("{name} at {at}"), |log| file(log, &name).truncate(at));
        }
    }
}

pub fn longer(damager: &mut Damager<'_>) {
    for (_, name) in hot_files(damager) {
        for (what, by, byte) in
            [("zeros", 1, 0), ("zeros", 4096, 0), ("bytes", 3, 0x77), ("bytes", 5000, 0x77)]
        {
            damager.case(format!("{name} by {by} {what}"), |log| {
                let length = file(log, &name).len() + by;
                file(log, &name).resize(length, byte);
            });
        }
    }
}

pub fn zeroed(damager: &mut Damager<'_>) {
    for (_, name) in hot_files(damager) {
        for (what, range) in [
            ("the first sector", 0..512),
            ("header and metadata block's header", 0..128),
            ("everything but the header", 64..SEGMENT_SIZE),
            ("the second half", 2048..SEGMENT_SIZE),
            ("everything", 0..SEGMENT_SIZE),
        ] {
            damager.case(format!("{what} of {name}"), |log| file(log, &name)[range].fill(0));
        }
    }
}

pub fn missing(damager: &mut Damager<'_>) {
    let names = segment_files(damager);
    for name in &names {
        damager.case(name, |log| drop(log.files.remove(name)));
    }
    if names.len() > 2 {
        damager.case("all but the last", |log| {
            names[..names.len() - 1].iter().for_each(|name| drop(log.files.remove(name)));
        });
        damager
            .case("all but the first", |log| names[1..].iter().for_each(|name| drop(log.files.remove(name))));
    }
    let hot = hot_files(damager);
    if let [(0, first), (next, second), ..] = &hot[..] {
        let block = damager.event_blocks().into_iter().find(|block| block.segment == *next).expect("a block");
        damager.double_case("the first, and all events of the second", |log| {
            log.files.remove(first);
            file(log, second)[block.offset..].fill(0);
        });
        damager.double_case("the first, and the second's first block damaged", |log| {
            log.files.remove(first);
            log.flip(second, block.offset + 70, 3);
        });
    }
    damager.case("all", |log| names.iter().for_each(|name| drop(log.files.remove(name))));
}

pub fn renamed(damager: &mut Damager<'_>) {
    let names: Vec<String> = hot_files(damager).into_iter().map(|(_, name)| name).collect();
    for pair in names.windows(2) {
        damager.case(format!("{} and {}", pair[0], pair[1]), |log| {
            let (one, other) = (log.files[&pair[0]].clone(), log.files[&pair[1]].clone());
            log.files.insert(pair[0].clone(), other);
            log.files.insert(pair[1].clone(), one);
        });
        damager.case(format!("{} also as {}", pair[0], pair[1]), |log| {
            let one = log.files[&pair[0]].clone();
            log.files.insert(pair[1].clone(), one);
        });
    }
    let last = names.last().expect("a segment").clone();
    let next = damager.segments().last().expect("a segment") + 1;
    for by in [0, 1, 5] {
        damager.case(format!("{last} also as {}", hot_name(next + by)), |log| {
            let copy = log.files[&last].clone();
            log.files.insert(hot_name(next + by), copy);
        });
    }
}

pub fn foreign(damager: &mut Damager<'_>) {
    for name in segment_files(damager) {
        let other = damager.shape.foreign.log.files[&name].clone();
        damager.mixed_case(&name, |log| drop(log.files.insert(name.clone(), other)));
    }
    let (last, name) = hot_files(damager).pop().expect("a segment");
    let other = damager.shape.foreign.log.files[&name].clone();
    damager.mixed_case("behind the last one", |log| drop(log.files.insert(hot_name(last + 1), other)));
}

/// Same log, same salts, same index: only the chain tells.
pub fn stale(damager: &mut Damager<'_>) {
    for name in segment_files(damager) {
        let old = damager.shape.fork.log.files[&name].clone();
        damager.mixed_case(&name, |log| drop(log.files.insert(name.clone(), old)));
    }
}

/// Segments by number.
type Files = Vec<(u32, Vec<u8>)>;

pub fn prepared(damager: &mut Damager<'_>) {
    let size = damager.shape.own.event_size;
    let next = damager.segments().last().expect("a segment") + 1;
    let whole = |index| prepared_segment(index, size);
    let with = |index, change: fn(&mut Vec<u8>)| {
        let mut file = prepared_segment(index, size);
        change(&mut file);
        file
    };
    let all: Vec<(&str, Files)> = vec![
        ("one", vec![(next, whole(next))]),
        ("three", (next..next + 3).map(|index| (index, whole(index))).collect()),
        ("behind a gap", vec![(next + 2, whole(next + 2))]),
        ("of other events", vec![(next, prepared_segment(next, 64))]),
        ("with another's header", vec![(next, whole(next + 1))]),
        (
            "with a damaged header",
            vec![(next, with(next, |file| file[20] ^= 4)), (next + 1, whole(next + 1))],
        ),
        ("with bytes in it", vec![(next, with(next, |file| file[2000..2100].fill(0x33)))]),
        ("with bytes where a block begins", vec![(next, with(next, |file| file[64..100].fill(0x33)))]),
        ("half as long", vec![(next, with(next, |file| file.truncate(2048)))]),
        ("twice as long", vec![(next, with(next, |file| file.resize(2 * SEGMENT_SIZE, 0)))]),
        ("empty", vec![(next, Vec::new())]),
        ("zeros", vec![(next, vec![0; SEGMENT_SIZE]), (next + 1, whole(next + 1))]),
        ("sealed", vec![(next, with(next, |file| seal_it(file)))]),
    ];
    for (what, files) in all {
        damager.case(what, |log| {
            log.files.extend(files.into_iter().map(|(index, file)| (hot_name(index), file)));
        });
    }
}

fn seal_it(file: &mut [u8]) {
    let header = SegmentHeader::decode(&file[..64]).expect("a header");
    let seal = Seal {
        block_count: 1,
        event_count: 0,
        first_event_id: 0,
        last_event_id: 0,
        closed_ts_ns: 1,
        last_chain_low: 0,
    };
    file[..64].copy_from_slice(&SegmentHeader { sealed: Some(seal), ..header }.encode());
}
