//! A compressed segment of several frames, as large segments have them: each frame can be damaged, lost or exchanged by
//! itself, and the seek table can be wrong about where they lie.
//!
//! The frames are shorter than a writer makes them, which no reader may depend on.

use flashstrike_segment::cold;
use flashstrike_segment::names::{cold_name, hot_name};

use super::super::case::Damager;
use super::super::shapes::end_of;
use crate::memory::MemoryLog;
use crate::memory::build::SEGMENT_SIZE;

/// Content of a frame: the first one has the whole metadata block, and blocks lie in two frames.
const CONTENT: usize = 1000;
/// What stands behind the only frame of a compressed part.
const SEEK_TABLE: usize = 8 + 8 + 9;

/// A frame, and how long its content is.
type Frame = (Vec<u8>, usize);

fn frames_of(content: &[u8]) -> Vec<Frame> {
    let frame = |part: &[u8]| {
        let mut file = cold::compress(part, 3).expect("compressed");
        file.truncate(file.len() - SEEK_TABLE);
        (file, part.len())
    };
    content.chunks(CONTENT).map(frame).collect()
}

/// The seek table of frames of these lengths and contents' lengths.
fn table_of(entries: &[(usize, usize)]) -> Vec<u8> {
    let mut table = 0x184D_2A5E_u32.to_le_bytes().to_vec();
    table.extend((entries.len() as u32 * 8 + 9).to_le_bytes());
    for &(length, content) in entries {
        table.extend((length as u32).to_le_bytes());
        table.extend((content as u32).to_le_bytes());
    }
    table.extend((entries.len() as u32).to_le_bytes());
    table.push(0);
    table.extend(0x8F92_EAB1_u32.to_le_bytes());
    table
}

fn entries_of(frames: &[Frame]) -> Vec<(usize, usize)> {
    frames.iter().map(|(frame, content)| (frame.len(), *content)).collect()
}

fn bytes_of(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|(frame, _)| frame).copied().collect()
}

/// With the seek table that fits.
fn file_of(frames: &[Frame]) -> Vec<u8> {
    [bytes_of(frames), table_of(&entries_of(frames))].concat()
}

/// The content of the compressed segment.
fn content(log: &MemoryLog) -> Vec<u8> {
    cold::read_all(&log.files[&cold_name(0)], SEGMENT_SIZE).bytes
}

fn put(file: Vec<u8>) -> impl FnOnce(&mut MemoryLog) {
    move |log| drop(log.files.insert(cold_name(0), file))
}

pub fn damaged(damager: &mut Damager<'_>) {
    if !damager.shape.own.log.files.contains_key(&cold_name(0)) {
        return;
    }
    let own = content(&damager.shape.own.log);
    let frames = frames_of(&own);
    assert!(frames.len() > 3, "{} frames", frames.len());
    let file = file_of(&frames);
    damager.case("as it is", put(file.clone()));
    flipped(damager, &frames);
    let starts = (0..frames.len()).map(|n| bytes_of(&frames[..n]).len());
    for start in damager.some(starts.flat_map(|at| [at, at + 1, at + 9]), 5) {
        damager.case(format!("cut at {start}"), put(file[..start].to_vec()));
    }
    for n in 0..frames.len() {
        let mut without = frames.clone();
        without.remove(n);
        damager.case(format!("without frame {n}"), put(file_of(&without)));
        let beside = [bytes_of(&without), table_of(&entries_of(&frames))].concat();
        damager.case(format!("without frame {n}, which the table has"), put(beside));
        let mut twice = frames.clone();
        twice.insert(n, frames[n].clone());
        damager.case(format!("frame {n} twice"), put(file_of(&twice)));
        let mut empty = frames.clone();
        empty[n] = (vec![0; frames[n].0.len()], frames[n].1);
        damager.case(format!("frame {n} zeroed"), put(file_of(&empty)));
    }
    for n in 1..frames.len() {
        let mut swapped = frames.clone();
        swapped.swap(n - 1, n);
        damager.case(format!("frames {} and {n} swapped", n - 1), put(file_of(&swapped)));
    }
    lying_tables(damager, &frames);
    for (what, other) in [("of another log", &damager.shape.foreign), ("stale", &damager.shape.fork)] {
        let others = frames_of(&content(&other.log));
        for n in damager.some(0..frames.len().min(others.len()), 2) {
            let mut mixed = frames.clone();
            mixed[n] = others[n].clone();
            damager.mixed_case(format!("frame {n} {what}"), put(file_of(&mixed)));
        }
    }
    beside_hot(damager, &own, &frames);
    unsealed(damager);
}

/// A compressed segment that is not sealed, so that only the frames say whether something is missing.
fn unsealed(damager: &mut Damager<'_>) {
    let last = damager.segments().pop().expect("a segment");
    let active = &damager.shape.own.log.files[&hot_name(last)];
    let frames = frames_of(&active[..end_of(&damager.shape.own.placed, last)]);
    for n in 0..=frames.len() {
        let mut file = file_of(&frames);
        let what = if n == frames.len() {
            "whole".to_owned()
        } else {
            let start = bytes_of(&frames[..n]).len();
            file[start + 20] ^= 8;
            format!("with a damaged frame {n}")
        };
        damager.case(format!("the active segment, not sealed, {what}"), |log| {
            log.files.remove(&hot_name(last));
            log.files.insert(cold_name(last), file);
        });
    }
}

/// Bits in each part of each frame, and in the seek table.
fn flipped(damager: &mut Damager<'_>, frames: &[Frame]) {
    let file = file_of(frames);
    let table = bytes_of(frames).len();
    let mut ranges = vec![(table..file.len(), 3)];
    let mut start = 0;
    for (frame, _) in frames {
        let end = start + frame.len();
        ranges.extend([(start..start + 8, 1), (start + 8..end - 4, 2), (end - 4..end, 1)]);
        start = end;
    }
    for (range, count) in ranges {
        for at in damager.some(range, count) {
            let bit = damager.rng.u8(0..8);
            let mut flipped = file.clone();
            flipped[at] ^= 1 << bit;
            damager.case(format!("bit {bit} of byte {at}"), put(flipped));
        }
    }
}

/// Every frame is right, and the table says something else.
fn lying_tables(damager: &mut Damager<'_>, frames: &[Frame]) {
    type Lie = fn(&mut Vec<(usize, usize)>);
    let lies: [(&str, Lie); 6] = [
        ("with a frame's end moved", |entries| {
            (entries[0].0, entries[1].0) = (entries[0].0 + 1, entries[1].0 - 1);
        }),
        ("with a content's end moved", |entries| {
            (entries[0].1, entries[1].1) = (entries[0].1 - 64, entries[1].1 + 64);
        }),
        ("with a longer content", |entries| entries[1].1 += 64),
        ("of four gigabytes", |entries| entries[2].1 = u32::MAX as usize),
        ("of two frames in one", |entries| {
            let (length, content) = entries.remove(1);
            (entries[0].0, entries[0].1) = (entries[0].0 + length, entries[0].1 + content);
        }),
        ("of no frame", Vec::clear),
    ];
    for (what, lie) in lies {
        let mut entries = entries_of(frames);
        lie(&mut entries);
        damager.case(format!("a table {what}"), put([bytes_of(frames), table_of(&entries)].concat()));
    }
}

/// The hot one is whole, or damaged so that everything depends on the frames.
fn beside_hot(damager: &mut Damager<'_>, own: &[u8], frames: &[Frame]) {
    let mut damaged = frames.to_vec();
    damaged[2].0[20] ^= 8;
    for (is_hot_damaged, hot) in [(false, "a whole hot one"), (true, "a damaged hot one")] {
        for (frames, cold) in [(frames, "whole"), (&damaged[..], "with a damaged third frame")] {
            let mut bytes = own.to_vec();
            bytes.resize(SEGMENT_SIZE, 0);
            bytes[900] ^= u8::from(is_hot_damaged);
            let file = file_of(frames);
            damager.case(format!("{cold}, beside {hot}"), |log| {
                log.files.insert(hot_name(0), bytes);
                log.files.insert(cold_name(0), file);
            });
        }
    }
}
