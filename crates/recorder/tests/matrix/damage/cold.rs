//! Compressed segments, alone and beside their hot twin.

use flashstrike_segment::cold;
use flashstrike_segment::names::{cold_name, hot_name};

use super::super::case::Damager;
use super::super::shapes::end_of;
use crate::memory::MemoryLog;
use crate::memory::build::SEGMENT_SIZE;

/// The skippable frame behind the one frame that a small segment has: header, one entry, footer.
const SEEK_TABLE: usize = 8 + 8 + 9;

fn compressed(damager: &Damager<'_>) -> Option<String> {
    damager.shape.own.log.files.keys().find(|name| name.ends_with(".zst")).cloned()
}

pub fn damaged(damager: &mut Damager<'_>) {
    let Some(name) = compressed(damager) else { return };
    let length = damager.shape.own.log.files[&name].len();
    let table = length - SEEK_TABLE;
    // Header of the frame, its content, its checksum, seek table, footer.
    for (range, count) in [(0..12, 6), (12..table - 4, 12), (table - 4..table, 2), (table..length, 8)] {
        damager.flip(&name, range, count);
    }
    let places =
        [0, 1, 5, 20, table / 2, table - 4, table - 1, table, table + 7, table + 8, length - 9, length - 1];
    for at in damager.some(places, 8) {
        damager.case(format!("{name} cut at {at}"), |log| log.files.get_mut(&name).expect("it").truncate(at));
    }
    for (what, bytes) in [
        ("zeros", vec![0; 100]),
        ("bytes", vec![0x77; 100]),
        ("itself", damager.shape.own.log.files[&name].clone()),
    ] {
        damager.case(format!("{name} followed by {what}"), |log| {
            log.files.get_mut(&name).expect("it").extend(bytes);
        });
    }
    damager.case(format!("{name} zeroed"), |log| log.files.get_mut(&name).expect("it").fill(0));
    damager.case(format!("the seek table of {name} zeroed"), |log| {
        log.files.get_mut(&name).expect("it")[table..].fill(0);
    });
}

pub fn exchanged(damager: &mut Damager<'_>) {
    let Some(name) = compressed(damager) else { return };
    let next = hot_name(1);
    let end = end_of(&damager.shape.own.placed, 1);
    let segment = damager.shape.own.log.files[&next].clone();
    for (what, content) in [
        ("the content of the next segment", segment[..end].to_vec()),
        ("a content that is cut", segment[..end - 64].to_vec()),
        ("zeros", vec![0; SEGMENT_SIZE]),
        ("no content", Vec::new()),
        ("more than a segment", vec![0x11; 100 * SEGMENT_SIZE]),
    ] {
        let file = cold::compress(&content, 3).expect("compressed");
        damager.case(what, |log| drop(log.files.insert(name.clone(), file)));
    }
    // The beginning of its segment, as it was and as if it went on for gigabytes.
    let own = cold::read_all(&damager.shape.own.log.files[&name], SEGMENT_SIZE).bytes;
    let mut long = own.clone();
    long.resize(3 << 20, 0);
    let expanding = cold::compress(&long, 3).expect("compressed");
    damager.case("its own content, and zeros beyond the segment", |log| {
        drop(log.files.insert(name.clone(), expanding));
    });
    let last = damager.segments().last().copied().expect("a segment");
    let active = damager.shape.own.log.files[&hot_name(last)].clone();
    let file = cold::compress(&active[..end_of(&damager.shape.own.placed, last)], 3).expect("compressed");
    damager.case("the active segment, compressed and not sealed", |log| {
        log.files.remove(&hot_name(last));
        log.files.insert(cold_name(last), file);
    });
}

type Change = fn(&mut MemoryLog, &str);

/// Each of the two as it is and damaged, by itself and together.
pub fn twins(damager: &mut Damager<'_>) {
    let own = &damager.shape.own;
    let Some(sealed) = damager.segments().into_iter().rev().nth(1) else { return };
    let Some(hot) = own.log.files.get(&hot_name(sealed)).cloned() else { return };
    let end = end_of(&own.placed, sealed);
    let twin = cold::compress(&hot[..end], 3).expect("compressed");
    let foreign_hot = damager.shape.foreign.log.files[&hot_name(sealed)].clone();
    let foreign_twin = cold::compress(&foreign_hot[..end], 3).expect("compressed");
    let hots: [(&str, Change); 7] = [
        ("whole", |_, _| {}),
        ("with a flipped payload", |log, name| log.flip(name, 900, 3)),
        ("with a flipped header", |log, name| log.flip(name, 30, 3)),
        ("with a flipped metadata block", |log, name| log.flip(name, 140, 3)),
        ("cut", |log, name| log.files.get_mut(name).expect("it").truncate(1000)),
        ("empty", |log, name| log.files.get_mut(name).expect("it").clear()),
        ("with a byte behind its blocks", |log, name| {
            *log.files.get_mut(name).expect("it").last_mut().expect("a byte") = 9;
        }),
    ];
    let colds: [(&str, Change); 5] = [
        ("whole", |_, _| {}),
        ("with a flipped frame", |log, name| log.flip(name, 100, 3)),
        ("cut", |log, name| log.files.get_mut(name).expect("it").truncate(200)),
        ("empty", |log, name| log.files.get_mut(name).expect("it").clear()),
        ("with a flipped seek table", |log, name| {
            let last = log.files[name].len() - 1;
            log.flip(name, last, 3);
        }),
    ];
    for (hot_is, damage_hot) in hots {
        for (cold_is, damage_cold) in colds {
            damager.case(format!("hot {hot_is}, cold {cold_is}"), |log| {
                log.files.insert(cold_name(sealed), twin.clone());
                damage_hot(log, &hot_name(sealed));
                damage_cold(log, &cold_name(sealed));
            });
        }
    }
    damager.mixed_case("the cold one of another log", |log| {
        drop(log.files.insert(cold_name(sealed), foreign_twin));
    });
    damager.mixed_case("the hot one of another log", |log| {
        log.files.insert(cold_name(sealed), twin.clone());
        log.files.insert(hot_name(sealed), foreign_hot);
    });
    let last = damager.segments().last().copied().expect("a segment");
    damager.case("a cold one beside the active segment", |log| drop(log.files.insert(cold_name(last), twin)));
}
