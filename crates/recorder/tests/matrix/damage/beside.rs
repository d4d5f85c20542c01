//! What stands beside the segments: `wal.meta`, `wal.staging`, files left over.

use flashstrike_segment::layout::STAGING_HEADER_SIZE;
use flashstrike_segment::names::{WAL_META, WAL_STAGING};
use flashstrike_segment::staging::{
    STAGING_BASE, STAGING_COUNT, STAGING_DURABLE, STAGING_POISONED, STAGING_WRITTEN,
};
use flashstrike_segment::{StagingHeader, WalMeta};

use super::super::case::Damager;
use crate::memory::BOOT_ID;
use crate::memory::MemoryLog;
use crate::memory::build::LOG_ID;

const FOREIGN: [u8; 16] = 0xBAD_u128.to_be_bytes();
const AREA: usize = 1024;

/// The last event in a block.
fn last_block_id(damager: &Damager<'_>) -> u64 {
    damager.shape.own.placed.iter().map(|block| block.last_event_id).max().expect("a block")
}

pub fn meta(damager: &mut Damager<'_>) {
    type Change = fn(&mut WalMeta, u64);
    let segments = damager.segments();
    let last = last_block_id(damager);
    let right = WalMeta {
        clean: false,
        log_id: LOG_ID,
        last_event_id: last,
        durable_event_id: last / 2,
        first_segment: 0,
        last_segment: segments[segments.len() - 1],
        end_offset: 0,
    };
    let changes: [(&str, Change); 13] = [
        ("right", |_, _| {}),
        ("closed cleanly", |meta, last| (meta.clean, meta.durable_event_id) = (true, last)),
        ("stale", |meta, _| (meta.last_event_id, meta.durable_event_id) = (3, 3)),
        ("all durable", |meta, last| meta.durable_event_id = last),
        ("more durable than there is", |meta, last| {
            (meta.last_event_id, meta.durable_event_id) = (last + 2, last + 2);
        }),
        ("any number durable", |meta, _| meta.durable_event_id = u64::MAX),
        ("a last event that is not there, not durable", |meta, last| meta.last_event_id = last + 50),
        ("a first segment behind the last", |meta, _| meta.first_segment = 7),
        ("the highest first segment", |meta, _| meta.first_segment = u32::MAX),
        ("the second segment first", |meta, _| meta.first_segment = 1),
        ("another last segment and end", |meta, _| {
            (meta.last_segment, meta.end_offset) = (u32::MAX, u32::MAX);
        }),
        ("of another log, all durable", |meta, last| {
            (meta.log_id, meta.durable_event_id) = (FOREIGN, last + 99);
        }),
        ("of another log, retired", |meta, _| (meta.log_id, meta.first_segment) = (FOREIGN, 5)),
    ];
    for (what, change) in changes {
        let mut meta = right.clone();
        change(&mut meta, last);
        damager.case(what, |log| drop(log.files.insert(WAL_META.to_owned(), meta.encode().to_vec())));
    }
    damager.case("none", |log| drop(log.files.remove(WAL_META)));
    let bytes = right.encode().to_vec();
    for at in damager.some(0..bytes.len(), 4) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << damager.rng.u8(0..8);
        damager.case(format!("a flipped bit in byte {at}"), |log| {
            drop(log.files.insert(WAL_META.to_owned(), flipped));
        });
    }
    let mut newer = bytes.clone();
    newer[4] = 2;
    let checksum = crc32fast::hash(&newer[..60]);
    newer[60..].copy_from_slice(&checksum.to_le_bytes());
    for (what, file) in [
        ("empty", Vec::new()),
        ("cut", bytes[..63].to_vec()),
        ("longer", [bytes.clone(), vec![0]].concat()),
        ("of a megabyte", vec![0x54; 1 << 20]),
        ("of a newer version", newer),
    ] {
        damager.case(what, |log| drop(log.files.insert(WAL_META.to_owned(), file)));
    }
    if segments.len() > 1 {
        damager.case("the second segment first, and the first one gone", |log| {
            let first = log.files.keys().next().expect("a segment").clone();
            log.files.remove(&first);
            log.files.insert(WAL_META.to_owned(), WalMeta { first_segment: 1, ..right }.encode().to_vec());
        });
    }
}

/// `wal.staging` behind the last block, with the next three events of the log if it has them.
struct Staging {
    header: StagingHeader,
    base: u64,
    poisoned: u32,
    count: u32,
    entries: Vec<u8>,
}

impl Staging {
    fn file(&self) -> Vec<u8> {
        let mut file = self.header.encode().to_vec();
        file.resize(STAGING_HEADER_SIZE, 0);
        for (at, value) in [(STAGING_BASE, self.base), (STAGING_WRITTEN, self.base), (STAGING_DURABLE, 0)] {
            file[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        for (at, value) in [(STAGING_POISONED, self.poisoned), (STAGING_COUNT, self.count)] {
            file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        file.extend(&self.entries);
        file.resize(STAGING_HEADER_SIZE + AREA, 0);
        file
    }
}

pub fn staging(damager: &mut Damager<'_>) {
    type Change = fn(&mut Staging);
    let changes: [(&str, Change); 16] = [
        ("right", |_| {}),
        ("nothing staged", |staging| staging.count = 0),
        ("one event of three", |staging| staging.count = 1),
        ("of another boot", |staging| staging.header.boot_id = [0xDE; 16]),
        ("of another log", |staging| staging.header.log_id = FOREIGN),
        ("of another event size", |staging| {
            staging.header.event_size = staging.header.event_size.wrapping_add(8);
        }),
        ("poisoned", |staging| staging.poisoned = 1),
        ("newer than the blocks", |staging| staging.base += 4),
        ("newer than the blocks, nothing staged", |staging| {
            (staging.base, staging.count) = (staging.base + 4, 0);
        }),
        ("newer than the blocks and poisoned", |staging| {
            (staging.base, staging.poisoned) = (staging.base + 4, 1);
        }),
        ("a count beyond its area", |staging| staging.count = 1000),
        ("the highest count", |staging| staging.count = u32::MAX),
        ("the highest base", |staging| staging.base = u64::MAX),
        ("a base of nothing", |staging| staging.base = 0),
        ("an area of four gigabytes", |staging| staging.header.area_len = u32::MAX),
        ("an area of nothing", |staging| staging.header.area_len = 0),
    ];
    let last = last_block_id(damager);
    let right = || right_staging(damager, last);
    let file = right().file();
    let halves = [
        ("in a block already", right_staging(damager, last - 2)),
        ("all in a block already", Staging { count: 2, ..right_staging(damager, last - 2) }),
    ];
    let cases: Vec<_> = changes
        .iter()
        .map(|(what, change)| {
            let mut staging = right();
            change(&mut staging);
            (*what, staging.file())
        })
        .collect();
    let put = |file: Vec<u8>| move |log: &mut MemoryLog| drop(log.files.insert(WAL_STAGING.to_owned(), file));
    for (what, file) in cases {
        damager.case(what, put(file));
    }
    for (what, staging) in halves {
        damager.case(what, put(staging.file()));
    }
    damager.case("none", |log| drop(log.files.remove(WAL_STAGING)));
    // Staged events and what counts them have no checksum until they are in a block: of variable-length events, whose
    // ids are implicit, other numbers cannot be told.
    let is_variable = damager.shape.own.event_size == 0;
    let counts = [STAGING_BASE..STAGING_BASE + 8, STAGING_COUNT..STAGING_COUNT + 4];
    let can_be_told = |at: &usize| !is_variable || !counts.iter().any(|range| range.contains(at));
    for (range, count) in [(0..64, 5), (64..216, 4)] {
        for at in damager.some(range.filter(can_be_told), count) {
            let bit = damager.rng.u8(0..8);
            let mut flipped = file.clone();
            flipped[at] ^= 1 << bit;
            damager.case(format!("bit {bit} of byte {at}"), put(flipped));
        }
    }
    let newer = {
        let mut newer = file.clone();
        newer[4] = 2;
        let checksum = crc32fast::hash(&newer[..60]);
        newer[60..64].copy_from_slice(&checksum.to_le_bytes());
        newer
    };
    damager.case("of a newer version", put(newer));
    for at in [0, 63, 64, 100, STAGING_HEADER_SIZE - 1, STAGING_HEADER_SIZE, STAGING_HEADER_SIZE + AREA - 1] {
        damager.case(format!("cut at {at}"), put(file[..at].to_vec()));
    }
    damager.case("longer", put([file.clone(), vec![0x55; 100]].concat()));
    let size = damager.shape.own.event_size as usize;
    if size > 0 {
        let mut back = file.clone();
        back.copy_within(STAGING_HEADER_SIZE..STAGING_HEADER_SIZE + size, STAGING_HEADER_SIZE + size);
        damager.case("an id that does not increase", put(back));
    }
    for (what, damage) in [("a damaged last block", 70), ("no last block", 0)] {
        let block = damager.event_blocks().pop().expect("a block");
        let with = file.clone();
        damager.case(format!("staged behind {what}"), |log| {
            log.files.insert(WAL_STAGING.to_owned(), with);
            let bytes = &mut log.files.get_mut(&super::name_of(&block)).expect("a segment")[block.offset..];
            if damage == 0 { bytes[..block.len].fill(0) } else { bytes[damage] ^= 2 }
        });
    }
    damager.case("without a segment", |log| {
        log.files.retain(|name, _| !name.starts_with('0'));
        log.files.insert(WAL_STAGING.to_owned(), file);
    });
}

fn right_staging(damager: &Damager<'_>, base: u64) -> Staging {
    let own = &damager.shape.own;
    let mut entries = Vec::new();
    let staged = damager.staged(base);
    for (_, bytes) in &staged {
        if own.event_size == 0 {
            flashstrike_segment::payload::encode_entry(&mut entries, bytes);
        } else {
            entries.extend(bytes);
        }
    }
    let header =
        StagingHeader { event_size: own.event_size, log_id: LOG_ID, boot_id: BOOT_ID, area_len: AREA as u32 };
    Staging { header, base, poisoned: 0, count: staged.len() as u32, entries }
}

pub fn leftovers(damager: &mut Damager<'_>) {
    for name in
        ["00000009.wal.new", "00000000.wal.new", "wal.meta.tmp", "wal.staging.tmp", "00000000.wal.zst.tmp"]
    {
        damager.case(name, |log| drop(log.files.insert(name.to_owned(), vec![0x42; 100])));
    }
    for name in ["1.wal", "notes.txt", "00000001.wal.bak", "x.tmp", ".hidden"] {
        damager.case(format!("not ours: {name}"), |log| {
            drop(log.files.insert(name.to_owned(), vec![0x42; 100]));
        });
    }
}
