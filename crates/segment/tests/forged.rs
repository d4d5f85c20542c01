//! Blocks and headers whose checksums are right and whose contents are not, as a writer with a bug, or a newer one,
//! would leave them.

mod common;

use common::build::LogBuilder;
use common::judge::{fields_of, forge, reason, start, up_to, verify};
use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::names::hot_name;
use flashstrike_segment::{
    BlockFields, BlockHeader, KIND_METADATA, KIND_SKIPPABLE, MetadataError, Note, Reason, Seal,
    SegmentHeader, State, Unsupported, seal_block,
};

#[test]
fn a_skipped_block_is_not_exempt_from_the_chain_and_the_ids() {
    let mut builder = LogBuilder::fixed();
    builder.append_many(8).flush();
    builder.put(KIND_SKIPPABLE | 7, 8, 3, 0, b"ids go back");
    let outcome = verify(&builder.finish());
    assert_eq!(
        (outcome.verdict.g, reason(&outcome)),
        (8, &Reason::EventIds { previous: 8, first: 8, last: 3 })
    );

    let mut builder = LogBuilder::fixed();
    builder.append_many(8).flush();
    builder.put(KIND_SKIPPABLE | 7, 8, 8, 0, b"skipped");
    let skipped = builder.placed.last().unwrap().offset;
    let mut log = builder.append_many(4).finish();
    log.flip(&hot_name(0), skipped + 70, 0);
    assert_eq!(reason(&verify(&log)), &Reason::BlockChecksum);
}

#[test]
fn time_that_goes_back_is_damage() {
    let mut builder = LogBuilder::fixed();
    let log = builder.append_many(8).finish();
    let last = builder.placed.last().unwrap().clone();
    let before = builder.placed[builder.placed.len() - 2].clone();
    let file = &log.files[&hot_name(0)];
    let previous = BlockHeader::decode(&file[before.offset..]).unwrap();
    let header = BlockHeader::decode(&file[last.offset..]).unwrap();
    let fields = BlockFields { written_ts_ns: previous.written_ts_ns - 1, ..fields_of(&header) };
    let payload = &file[last.offset + 64..][..header.payload_len as usize];
    let mut changed = log.clone();
    changed.patch(&hot_name(0), last.offset, &seal_block(&fields, payload, previous.chained_checksum).0);
    assert!(matches!(reason(&verify(&changed)), Reason::TimeGoesBack { .. }));
    let same_time = BlockFields { written_ts_ns: previous.written_ts_ns, ..fields };
    changed.patch(&hot_name(0), last.offset, &seal_block(&same_time, payload, previous.chained_checksum).0);
    assert_eq!(verify(&changed).verdict.state, State::Clean);
}

#[test]
fn a_sealed_header_that_contradicts_its_blocks_is_corruption() {
    let log = LogBuilder::fixed().append_many(80).finish();
    let header = start(&log, 0).header.unwrap();
    let seal = header.sealed.clone().unwrap();
    for (what, wrong) in [
        ("event count", Seal { event_count: seal.event_count - 1, ..seal.clone() }),
        ("first event id", Seal { first_event_id: 2, ..seal.clone() }),
        ("last event id", Seal { last_event_id: seal.last_event_id + 1, ..seal.clone() }),
        ("chain", Seal { last_chain_low: !seal.last_chain_low, ..seal.clone() }),
        ("event count", Seal { block_count: seal.block_count - 1, ..seal.clone() }),
    ] {
        let mut changed = log.clone();
        let header = SegmentHeader { sealed: Some(wrong), ..header.clone() };
        changed.patch(&hot_name(0), 0, &header.encode());
        let outcome = verify(&changed);
        assert_eq!(outcome.verdict.state, State::Corrupt, "{what}");
        assert!(
            matches!(reason(&outcome), Reason::SealedHeader { what: found, .. } if *found == what),
            "{what}"
        );
    }
    let more = Seal { block_count: seal.block_count + 1, ..seal };
    let mut changed = log.clone();
    changed.patch(&hot_name(0), 0, &SegmentHeader { sealed: Some(more), ..header }.encode());
    assert_eq!(reason(&verify(&changed)), &Reason::Unpublished);
}

#[test]
fn a_header_that_names_another_segment_is_written_anew_not_believed() {
    let mut log = LogBuilder::fixed().append_many(8).finish();
    let header = SegmentHeader { segment_index: 5, ..start(&log, 0).header.unwrap() };
    log.patch(&hot_name(0), 0, &header.encode());
    let outcome = verify(&log);
    assert_eq!((outcome.verdict.state, outcome.ids()), (State::Clean, up_to(8)));
    assert!(outcome.verdict.segments[0].header_damaged);
    assert!(outcome.verdict.notes.contains(&Note::HeaderDamaged { segment: 0 }));
}

/// What a writer with a bug would leave: checksums and chain are right, and only what they protect is wrong.
#[test]
fn a_block_that_contradicts_itself_or_its_place_is_damage_although_its_checksums_are_right() {
    type Change = fn(&mut BlockFields, &mut Vec<u8>);
    type Expected = fn(&Reason) -> bool;
    let rows: [(&str, Change, Expected); 9] = [
        (
            "index",
            |block, _| block.block_index += 1,
            |r| matches!(r, Reason::BlockIndex { expected: 3, found: 4 }),
        ),
        ("undurable", |block, _| block.undurable = 13, |r| matches!(r, Reason::Undurable)),
        ("count", |block, _| block.event_count = 3, |r| matches!(r, Reason::Payload(_))),
        ("no events", |block, _| block.event_count = 0, |r| matches!(r, Reason::Payload(_))),
        ("first id", |block, _| block.first_event_id -= 1, |r| matches!(r, Reason::Payload(_))),
        ("last id", |block, _| block.last_event_id += 1, |r| matches!(r, Reason::Payload(_))),
        ("ids in between", |_, payload| payload[64] = 10, |r| matches!(r, Reason::Payload(_))),
        (
            "ids too high",
            |block, payload| {
                payload[96 + 6] = 0x20;
                block.last_event_id += 1 << 53;
            },
            |r| matches!(r, Reason::Payload(_)),
        ),
        (
            "ids of before",
            |block, payload| {
                (0..4).for_each(|event| payload[event * 32] -= 4);
                (block.first_event_id, block.last_event_id, block.undurable) = (5, 8, 8);
            },
            |r| matches!(r, Reason::EventIds { previous: 8, first: 5, last: 8 }),
        ),
    ];
    for (what, change, is_expected) in rows {
        let mut builder = LogBuilder::fixed();
        let mut log = builder.append_many(12).finish();
        let offset = builder.placed[3].offset;
        forge(&mut log, 0, offset, change);
        let outcome = verify(&log);
        assert!(is_expected(reason(&outcome)), "{what}: {:?}", outcome.verdict.bad);
        assert_eq!((outcome.bad(), outcome.verdict.g), (Some((Some(0), offset as u64)), 8), "{what}");
    }
}

#[test]
fn variable_length_events_have_ids_without_gaps() {
    let mut builder = LogBuilder::variable();
    builder.append_many(3).flush();
    let mut log = builder.append_many(3).finish();
    let offset = builder.placed[2].offset;
    forge(&mut log, 0, offset, |block, _| {
        block.first_event_id += 1;
        block.last_event_id += 1;
    });
    assert_eq!(reason(&verify(&log)), &Reason::EventIds { previous: 3, first: 5, last: 7 });
}

#[test]
fn a_metadata_block_that_says_something_else_is_damage_although_its_checksums_are_right() {
    type Change = fn(&mut BlockFields, &mut Vec<u8>);
    let rows: [(&str, Change); 6] = [
        ("segment index", |_, payload| payload[24] += 1),
        ("salt", |_, payload| payload[32] ^= 2),
        ("event size", |_, payload| payload[36] += 8),
        ("event id", |block, _| block.last_event_id += 1),
        ("event id", |block, _| block.event_count = 1),
        ("beginning", |block, _| (block.first_event_id, block.last_event_id) = (7, 7)),
    ];
    for (what, change) in rows {
        let mut log = LogBuilder::fixed().append_many(12).finish();
        forge(&mut log, 0, SEGMENT_HEADER_SIZE, change);
        let outcome = verify(&log);
        assert_eq!((outcome.bad(), reason(&outcome)), (Some((Some(0), 64)), &Reason::ForeignMetadata(what)));
    }
    let mut log = LogBuilder::fixed().append_many(12).finish();
    forge(&mut log, 0, SEGMENT_HEADER_SIZE, |_, payload| payload[38] = 1);
    assert!(matches!(reason(&verify(&log)), Reason::Metadata(MetadataError::Field(_))));
}

#[test]
fn a_segment_that_continues_after_another_event_does_not_follow() {
    for back in [1, u64::MAX] {
        let mut builder = LogBuilder::fixed();
        let mut log = builder.append_many(80).finish();
        let last = builder.placed.iter().rfind(|block| block.segment == 0).unwrap();
        forge(&mut log, 1, SEGMENT_HEADER_SIZE, |block, _| {
            let id = block.last_event_id.wrapping_sub(back);
            (block.first_event_id, block.last_event_id) = (id, id);
        });
        let outcome = verify(&log);
        assert_eq!(reason(&outcome), &Reason::ContinuesAnotherBlock);
        assert_eq!(outcome.bad(), Some((Some(0), (last.offset + last.len) as u64)));
    }
}

#[test]
fn a_metadata_block_in_the_middle_is_damage() {
    let mut builder = LogBuilder::fixed();
    builder.append_many(8).flush();
    builder.put(KIND_METADATA, 8, 8, 0, b"not here");
    assert_eq!(reason(&verify(&builder.finish())), &Reason::MetadataMisplaced);
}

#[test]
fn a_kind_of_block_that_may_be_skipped_is_skipped() {
    let mut builder = LogBuilder::fixed();
    builder.append_many(8).flush();
    builder.put(KIND_SKIPPABLE | 7, 8, 8, 0, b"from a newer version");
    let log = builder.append_many(8).finish();
    let outcome = verify(&log);
    assert_eq!(outcome.verdict.state, State::Clean);
    assert_eq!(outcome.ids(), up_to(16));
}

#[test]
fn an_unknown_kind_of_block_is_unsupported_not_damage() {
    let mut builder = LogBuilder::fixed();
    builder.append_many(8).flush();
    builder.put(2, 8, 8, 0, b"from a newer version");
    let offset = builder.placed.last().unwrap().offset as u64;
    let log = builder.finish();
    assert_eq!(log.verify().unwrap_err(), Unsupported::BlockKind { segment: 0, offset, kind: 2 });
}
