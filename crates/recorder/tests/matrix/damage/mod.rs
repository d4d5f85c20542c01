//! Every kind of damage, each a function over a log's files.

mod beside;
mod blocks;
mod cold;
mod flips;
mod frames;
mod segments;

use flashstrike_segment::names::{WAL_STAGING, hot_name};

use super::case::Damager;
use crate::memory::build::Placed;

/// Makes one kind of damage.
pub type Damage = fn(&mut Damager<'_>);

/// The table of all kinds.
pub const KINDS: &[(&str, Damage)] = &[
    ("no damage", |damager| damager.case("as it is", |_| {})),
    ("a flipped bit in a segment header", flips::segment_header),
    ("a flipped bit in a metadata block", flips::metadata_block),
    ("a flipped bit in a block header", flips::block_header),
    ("a flipped bit in a payload", flips::payload),
    ("a flipped bit in padding", flips::padding),
    ("a flipped bit behind the blocks", flips::behind_the_blocks),
    ("a zeroed block", blocks::zeroed),
    ("a block that is written by half", blocks::half_written),
    ("a block twice", blocks::duplicated),
    ("swapped blocks", blocks::swapped),
    ("a block of another log", blocks::foreign),
    ("a block of another segment", blocks::of_another_segment),
    ("a stale block", blocks::stale),
    ("unpublished bytes", blocks::unpublished),
    ("a block with other fields and right checksums", blocks::forged),
    ("a sealed header that lies", segments::lying_header),
    ("a damaged header and a damaged last block", segments::damaged_header_and_tail),
    ("a cut file", segments::cut),
    ("a longer file", segments::longer),
    ("a zeroed part of a file", segments::zeroed),
    ("a missing segment", segments::missing),
    ("segments under each other's name", segments::renamed),
    ("a segment of another log", segments::foreign),
    ("a stale segment", segments::stale),
    ("prepared segments", segments::prepared),
    ("a damaged compressed segment", cold::damaged),
    ("a compressed segment of several frames", frames::damaged),
    ("another compressed segment", cold::exchanged),
    ("hot and cold twin", cold::twins),
    ("wal.meta", beside::meta),
    ("wal.staging", beside::staging),
    ("files left over", beside::leftovers),
    ("two damages", several),
];

/// The file of a block, were it not compressed.
pub fn name_of(block: &Placed) -> String {
    hot_name(block.segment)
}

/// Two damages at once, of any bytes in any files.
fn several(damager: &mut Damager<'_>) {
    for n in 0..if damager.is_exhaustive { 400 } else { 12 } {
        let mut rng = damager.rng.fork();
        damager.double_case(format!("draw {n}"), |log| {
            for _ in 0..2 {
                let names: Vec<String> = log.files.keys().cloned().collect();
                if names.is_empty() {
                    return;
                }
                let name = &names[rng.usize(..names.len())];
                let file = log.files.get_mut(name).expect("one of them");
                if file.len() <= 64 {
                    continue;
                }
                // Staged events have no checksum until they are in a block; only their file's header has one.
                let lines = if name == WAL_STAGING { 1 } else { file.len() / 64 };
                let (from, to) = (rng.usize(..lines) * 64, rng.usize(..lines) * 64);
                let length =
                    (64 << rng.u32(0..4)).min(if lines == 1 { 64 } else { file.len() - from.max(to) });
                match rng.u8(0..5) {
                    0 => file[from + rng.usize(..64)] ^= 1 << rng.u8(0..8),
                    1 => file[from..from + length].fill(0),
                    2 => file.truncate(from),
                    3 => file.copy_within(from..from + length, to),
                    _ if rng.u8(0..3) == 0 => drop(log.files.remove(name)),
                    _ => file[from..from + 8].fill(0xA5),
                }
            }
        });
    }
}
