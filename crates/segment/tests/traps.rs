//! Faults that write-ahead logs have been found to have; each test has been seen to fail with the fault in place.

mod common;

use common::build::{LogBuilder, SEGMENT_SIZE};
use common::{MemoryLog, Outcome};
use flashstrike_segment::names::hot_name;
use flashstrike_segment::{BlockHeader, Metadata, Position, Reason, State};

fn verify(log: &MemoryLog) -> Outcome {
    log.verify().expect("a supported version")
}

fn bad(outcome: &Outcome) -> (Position, &Reason) {
    let bad = outcome.verdict.bad.as_ref().expect("damage");
    (bad.position, &bad.reason)
}

fn at(segment: u32, offset: usize) -> Position {
    Position { segment: Some(segment), offset: offset as u64 }
}

/// A header whose checksum is computed and never looked at: ids, counts and times in it could be anything.
#[test]
fn every_bit_of_every_block_header_is_checked() {
    let mut builder = LogBuilder::fixed();
    let log = builder.append_many(24).finish();
    for block in &builder.placed {
        for bit in 0..512 {
            let mut changed = log.clone();
            changed.flip(&hot_name(0), block.offset + bit / 8, (bit % 8) as u8);
            let outcome = verify(&changed);
            let (position, reason) = bad(&outcome);
            assert_eq!(position, at(0, block.offset), "bit {bit}");
            assert!(matches!(reason, Reason::Magic | Reason::HeaderChecksum), "bit {bit}: {reason}");
            let before = if block.event_count == 0 { 0 } else { block.first_event_id - 1 };
            assert_eq!(outcome.ids(), (1..=before).collect::<Vec<_>>(), "bit {bit}");
        }
    }
}

/// Two logs that are one up to event 60 and go apart there.
fn forked() -> [(MemoryLog, LogBuilder); 2] {
    let mut trunk = LogBuilder::fixed().unsealed();
    trunk.append_many(60).flush();
    [b"left ", b"right"].map(|side| {
        let mut branch = trunk.clone();
        for _ in 0..110 {
            branch.append(side);
        }
        (branch.finish(), branch)
    })
}

/// A chain that begins anew in every segment: a segment of a backup, or of another life of the same log, fits.
#[test]
fn the_chain_links_segments() {
    let [(left, builder), (right, _)] = forked();
    let last_of = |segment| builder.placed.iter().rfind(|block| block.segment == segment).unwrap();
    for segment in 1..=2 {
        let mut mixed = left.clone();
        mixed.files.insert(hot_name(segment), right.files[&hot_name(segment)].clone());
        let end = last_of(segment - 1);
        let outcome = verify(&mixed);
        assert_eq!(bad(&outcome), (at(segment - 1, end.offset + end.len), &Reason::ContinuesAnotherBlock));
        assert_eq!(outcome.ids().last(), Some(&end.last_event_id));
    }
}

#[test]
fn segment_0_continues_nothing() {
    // Segment 1 called segment 0: everything fits but its beginning.
    let mut log = LogBuilder::fixed().append_many(80).finish();
    let mut file = log.files.remove(&hot_name(1)).unwrap();
    let block = BlockHeader::decode(&file[64..]).unwrap();
    let mut metadata = Metadata::decode(&file[128..128 + block.payload_len as usize]).unwrap();
    metadata.segment_index = 0;
    forge(&mut file, 64, &metadata.encode(), metadata.previous_chain, |_| ());
    file[..64].fill(0);
    log.files.insert(hot_name(0), file);
    assert_eq!(bad(&verify(&log)), (at(0, 64), &Reason::ForeignMetadata("beginning")));
}

/// Writes a block's payload and header anew with all checksums right, chained to `previous_chain`.
fn forge(
    file: &mut [u8],
    offset: usize,
    payload: &[u8],
    previous_chain: u64,
    change: impl FnOnce(&mut BlockHeader),
) {
    use flashstrike_segment::{BlockFields, seal_block};
    let mut header = BlockHeader::decode(&file[offset..]).unwrap();
    change(&mut header);
    let fields = BlockFields {
        first_event_id: header.first_event_id,
        last_event_id: header.last_event_id,
        written_ts_ns: header.written_ts_ns,
        block_index: header.block_index,
        event_count: header.event_count,
        undurable: header.undurable,
        salt: header.salt,
        kind: header.kind,
    };
    file[offset..offset + 64].copy_from_slice(&seal_block(&fields, payload, previous_chain).0);
    file[offset + 64..offset + 64 + payload.len()].copy_from_slice(payload);
}

/// Blocks of the other branch have the same index, salt, ids and times: nothing but the chain tells them apart.
#[test]
fn a_block_of_another_life_of_the_log_is_found_by_its_chain() {
    let [(left, builder), (right, _)] = forked();
    let block = builder.placed.iter().find(|block| block.first_event_id > 100).unwrap();
    let name = hot_name(block.segment);
    let mut mixed = left.clone();
    mixed.patch(&name, block.offset, &right.files[&name][block.offset..block.offset + block.len]);
    assert_eq!(bad(&verify(&mixed)), (at(block.segment, block.offset), &Reason::Chain));
}

/// The generator of CRC-32, 33 bits: added to a payload at any bit position it leaves every CRC with it as it is.
const POLYNOMIAL: u64 = 0x1_0000_0000 | 0x04C1_1DB7;

/// An error that one CRC misses, another CRC of the same polynomial misses too: the chain is another function.
#[test]
fn an_error_that_the_block_checksum_misses_is_found_by_the_chain() {
    let mut builder = LogBuilder::fixed();
    let log = builder.append_many(24).finish();
    let block = builder.placed[3].clone();
    let mut changed = log.clone();
    let file = changed.files.get_mut(&hot_name(0)).unwrap();
    let payload = &mut file[block.offset + 64 + 12..][..5];
    for degree in 0..=32 {
        if POLYNOMIAL >> (32 - degree) & 1 == 1 {
            payload[degree / 8] ^= 1 << (degree % 8);
        }
    }
    assert_eq!(bad(&verify(&changed)), (at(0, block.offset), &Reason::Chain));
}

/// The chain covers headers as well: a header that was changed and given a right checksum does not pass.
#[test]
fn a_forged_header_is_found_by_the_chain() {
    let mut builder = LogBuilder::fixed();
    let log = builder.append_many(24).finish();
    let block = builder.placed[3].clone();
    let changes: [fn(&mut BlockHeader); 3] = [
        |header| header.written_ts_ns += 1,
        |header| header.undurable -= 1,
        |header| header.chained_checksum ^= 1,
    ];
    for change in changes {
        let mut changed = log.clone();
        let file = changed.files.get_mut(&hot_name(0)).unwrap();
        let mut header = BlockHeader::decode(&file[block.offset..]).unwrap();
        change(&mut header);
        file[block.offset..block.offset + 64].copy_from_slice(&header.encode());
        assert_eq!(bad(&verify(&changed)), (at(0, block.offset), &Reason::Chain));
    }
}

/// One flipped byte in the last segment must not cost the segment, let alone the file.
#[test]
fn what_stands_before_the_damage_is_read() {
    let mut builder = LogBuilder::fixed();
    let mut log = builder.append_many(60).finish();
    let last = builder.placed.last().unwrap();
    log.flip(&hot_name(0), last.offset + 80, 3);
    let outcome = verify(&log);
    assert_eq!((outcome.verdict.state, outcome.ids()), (State::Torn, (1..last.first_event_id).collect()));
}

/// A corrupt segment is never skipped: nothing behind the first damage is in the log.
#[test]
fn nothing_behind_damage_is_yielded() {
    let mut builder = LogBuilder::fixed();
    let log = builder.append_many(300).finish();
    for block in &builder.placed {
        let mut changed = log.clone();
        changed.flip(&hot_name(block.segment), block.offset + 65, 0);
        let outcome = verify(&changed);
        let before: u64 = if block.event_count == 0 { block.last_event_id } else { block.first_event_id - 1 };
        assert_eq!(outcome.ids(), (1..=before).collect::<Vec<_>>());
        assert_eq!(bad(&outcome).0, at(block.segment, block.offset));
    }
}

/// Bytes behind the end that form no block are no tail to lose and no damage to refuse.
#[test]
fn remains_of_a_block_that_was_never_published_are_no_damage() {
    let mut builder = LogBuilder::fixed();
    let log = builder.append_many(12).finish();
    let last = builder.placed.last().unwrap();
    for from in [last.offset + last.len, last.offset + last.len + 64, SEGMENT_SIZE - 200] {
        let mut changed = log.clone();
        changed.patch(&hot_name(0), from, &[0x55; 40]);
        changed.patch(&hot_name(0), from + 64, &[0x66; 90]);
        let outcome = verify(&changed);
        assert_eq!((outcome.verdict.state, outcome.ids().len()), (State::Clean, 12));
        assert!(outcome.verdict.segments[0].unpublished_remains);
    }
}
