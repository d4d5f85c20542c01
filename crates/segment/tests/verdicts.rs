//! What verification makes of logs that the golden vectors do not cover.

mod common;

use common::MemoryLog;
use common::build::{LogBuilder, SCHEMA, SEGMENT_SIZE};
use common::judge::{fields_of, finish, reason, start, up_to, verify};
use flashstrike_segment::layout::{UNDURABLE_UNKNOWN, round64};
use flashstrike_segment::names::hot_name;
use flashstrike_segment::{
    BlockFields, BlockHeader, BlockRef, KIND_EVENTS, KIND_METADATA, LogIdentity, LogVerifier, Metadata,
    NothingFollows, Position, Reason, Seal, SegmentBytes, SegmentHeader, State, seal_block,
};

#[test]
fn verification_resumes_behind_a_sealed_segment() {
    let log = LogBuilder::fixed().append_many(170).finish();
    let whole = verify(&log).verdict;
    let sealed = start(&log, 1).header.unwrap();
    let verdict = finish(LogVerifier::resume(None, None, &sealed), &log, 2..3);
    assert_eq!(verdict.state, State::Clean);
    assert_eq!((verdict.g, verdict.link, verdict.end), (170, whole.link, whole.end));
    assert_eq!(verdict.durable_proof, Some(144));
    assert_eq!(verdict.identity, whole.identity);
    assert_eq!(verdict.first_event_id, 145);
    assert_eq!(verdict.verify_from, None);
}

#[test]
fn a_segment_that_does_not_continue_the_sealed_one_is_damage_there() {
    let log = LogBuilder::fixed().append_many(170).finish();
    let sealed = start(&log, 1).header.unwrap();
    let seal = sealed.sealed.clone().unwrap();
    for wrong in [
        Seal { last_chain_low: seal.last_chain_low ^ 1, ..seal.clone() },
        Seal { last_event_id: seal.last_event_id - 1, ..seal },
    ] {
        let sealed = SegmentHeader { sealed: Some(wrong), ..sealed.clone() };
        let verdict = finish(LogVerifier::resume(None, None, &sealed), &log, 2..3);
        assert_ne!(verdict.state, State::Clean);
        let bad = verdict.bad.unwrap();
        assert_eq!(bad.reason, Reason::ContinuesAnotherBlock);
        assert_eq!((bad.position.segment, verdict.verify_from), (Some(1), Some(1)));
    }
}

#[test]
fn verification_may_begin_at_the_last_sealed_segment() {
    let mut builder = LogBuilder::fixed();
    let mut log = builder.append_many(80).finish();
    let whole = verify(&log).verdict;
    log.files.remove(&hot_name(0));
    let verdict = finish(LogVerifier::begin_at(None, None, 1), &log, 1..2);
    assert_eq!((verdict.state, verdict.notes.len()), (State::Clean, 0));
    assert_eq!((verdict.link, verdict.next_block_index), (whole.link, whole.next_block_index));
}

#[test]
fn a_log_with_another_identity_is_refused() {
    let log = LogBuilder::fixed().append_many(10).finish();
    let own = verify(&log).verdict.identity.unwrap();
    assert_eq!(own.segment_size as usize, SEGMENT_SIZE);
    assert!(finish(LogVerifier::new(Some(&own), None), &log, 0..1).bad.is_none());
    let spaced = LogIdentity { schema: SCHEMA.replace(':', ": "), ..own.clone() };
    assert!(own.same_log(&spaced) && finish(LogVerifier::new(Some(&spaced), None), &log, 0..1).bad.is_none());
    for other in [
        LogIdentity { log_id: [1; 16], ..own.clone() },
        LogIdentity { event_size: 64, ..own.clone() },
        LogIdentity { schema: "{}".to_owned(), ..own.clone() },
    ] {
        assert!(!own.same_log(&other));
        let verdict = finish(LogVerifier::new(Some(&other), None), &log, 0..1);
        let bad = verdict.bad.unwrap();
        assert_eq!(bad.position, Position { segment: Some(0), offset: 64 });
        assert!(matches!(bad.reason, Reason::ForeignMetadata(_)));
    }
}

#[test]
fn blocks_that_verify_only_on_their_own_are_shown_apart() {
    let mut log = LogBuilder::fixed().append_many(60).finish();
    let placed = LogBuilder::fixed().append_many(60).placed.clone();
    let hole = placed.iter().find(|block| block.first_event_id == 9).unwrap();
    log.patch(&hot_name(0), hole.offset, &vec![0; hole.len]);
    let (mut in_place, mut alone) = (Vec::new(), Vec::new());
    let mut verifier = LogVerifier::new(None, None);
    let bytes = &log.files[&hot_name(0)];
    let report = verifier
        .segment_diagnostic(
            SegmentBytes { index: 0, bytes, cold: None },
            &mut NothingFollows,
            &mut |block: BlockRef<'_>| in_place.push(block.header.last_event_id),
            &mut |block: BlockRef<'_>| alone.push((block.offset, block.header.first_event_id)),
        )
        .unwrap();
    assert_eq!(in_place, [4, 8]);
    let behind: Vec<_> =
        placed.iter().filter(|b| b.first_event_id > 9).map(|b| (b.offset as u64, b.first_event_id)).collect();
    assert_eq!(alone, behind);
    assert_eq!((report.events, report.events_on_their_own), (8, 56));
}

#[test]
fn a_file_whose_last_zeros_are_cut_off_is_read_as_if_they_were_there() {
    // The last event ends in zeros, so the cut goes through its block.
    let mut builder = LogBuilder::variable();
    builder.append(b"head");
    builder.append(&[&[1][..], &[0; 90]].concat());
    let log = builder.finish();
    let last = builder.placed.last().unwrap();
    let data = log.files[&hot_name(0)].iter().rposition(|&byte| byte != 0).unwrap() + 1;
    assert!(data < last.offset + last.len - 64);
    for len in [data, data + 1, round64(data), last.offset + last.len, SEGMENT_SIZE - 1] {
        let mut cut = log.clone();
        cut.files.get_mut(&hot_name(0)).unwrap().truncate(len);
        let outcome = verify(&cut);
        assert_eq!(
            (outcome.verdict.state, &outcome.events),
            (State::Clean, &verify(&log).events),
            "{len} bytes"
        );
        assert!(outcome.verdict.segments[0].wrong_length);
    }
    let mut cut = log.clone();
    cut.files.get_mut(&hot_name(0)).unwrap().truncate(data - 1);
    assert_eq!(reason(&verify(&cut)), &Reason::BlockChecksum);
}

#[test]
fn a_file_that_is_too_long_is_read_as_if_it_were_cut() {
    let mut log = LogBuilder::fixed().append_many(8).finish();
    let file = log.files.get_mut(&hot_name(0)).unwrap();
    file.extend_from_within(..);
    let outcome = verify(&log);
    assert_eq!((outcome.verdict.state, outcome.ids()), (State::Clean, up_to(8)));
    assert!(outcome.verdict.segments[0].wrong_length && !outcome.verdict.segments[0].unpublished_remains);
}

#[test]
fn a_length_that_only_a_header_claims_reads_no_memory() {
    // A segment of 2 GiB, of which 4 KiB are there, with a block that claims all the rest.
    let metadata = Metadata {
        log_id: [1; 16],
        previous_chain: 0,
        segment_index: 0,
        segment_size: 1 << 31,
        salt: 7,
        event_size: 0,
        schema: "{}".to_owned(),
    };
    let header = SegmentHeader { segment_index: 0, created_ts_ns: 1, salt: 7, event_size: 0, sealed: None };
    let mut file = header.encode().to_vec();
    let fields = BlockFields {
        first_event_id: 0,
        last_event_id: 0,
        written_ts_ns: 1,
        block_index: 0,
        event_count: 0,
        undurable: 0,
        salt: 7,
        kind: KIND_METADATA,
    };
    let (block, chain) = seal_block(&fields, &metadata.encode(), 0);
    file.extend(block);
    file.extend(metadata.encode());
    file.resize(round64(file.len()), 0);
    let event = BlockFields {
        first_event_id: 1,
        last_event_id: 1,
        event_count: 1,
        block_index: 1,
        kind: KIND_EVENTS,
        ..fields
    };
    let sealed = BlockHeader::decode(&seal_block(&event, &[0; 8], chain).0).unwrap();
    file.extend(BlockHeader { payload_len: i32::MAX as u32 - 8000, ..sealed }.encode());
    let log = MemoryLog { files: [(hot_name(0), file)].into() };
    assert_eq!(reason(&verify(&log)), &Reason::BlockChecksum);
}

#[test]
fn a_lost_header_and_metadata_block_leave_variable_length_events_readable() {
    let mut builder = LogBuilder::variable();
    for _ in 0..12 {
        builder.append(b"same length "); // every block divides evenly into its events
    }
    builder.flush();
    builder.durable = 12;
    builder.append(b"x");
    let mut log = builder.finish();
    let first = builder.placed[1].offset;
    log.patch(&hot_name(0), 0, &vec![0; first]);
    let verdict = verify(&log).verdict;
    assert_eq!((verdict.state, verdict.durable_proof), (State::Corrupt, Some(12)));
    assert_eq!(verdict.events_on_their_own, 13);
}

#[test]
fn a_header_without_its_payload_says_nothing_when_the_salt_is_lost() {
    let mut builder = LogBuilder::fixed();
    let mut log = builder.append_many(4).finish();
    let only = builder.placed.last().unwrap().clone();
    let (known, lost) = (log.clone(), &mut log);
    lost.patch(&hot_name(0), 0, &vec![0; only.offset]);
    assert_eq!(verify(lost).bad(), Some((Some(0), 64)));
    lost.patch(&hot_name(0), only.offset + 64, &[0; 64]);
    assert_eq!(verify(lost).bad(), None);
    // With the salt known, the same header is a published block that is damaged.
    let mut known = known;
    known.patch(&hot_name(0), only.offset + 64, &[0; 64]);
    assert_eq!(verify(&known).bad(), Some((Some(0), only.offset as u64)));
}

#[test]
fn a_block_counts_as_evidence_only_behind_the_last_good_one() {
    // Torn at block 3; a stale block with a lower index, or with lower ids, stands behind and calls itself durable.
    for (index, first, expected) in [(2, 50, State::Torn), (9, 7, State::Torn), (9, 50, State::Corrupt)] {
        let mut builder = LogBuilder::fixed();
        let mut log = builder.append_many(12).finish();
        let torn = builder.placed[3].clone();
        let file = log.files[&hot_name(0)].clone();
        let header = BlockHeader::decode(&file[torn.offset..]).unwrap();
        let payload: Vec<u8> = (first..first + 4).flat_map(|id| builder.entry(id, b"")).collect();
        let stale = BlockFields {
            block_index: index,
            first_event_id: first,
            last_event_id: first + 3,
            undurable: 0,
            ..fields_of(&header)
        };
        log.patch(&hot_name(0), torn.offset, &[0; 64]);
        log.patch(&hot_name(0), torn.offset + 192, &seal_block(&stale, &payload, 1).0);
        log.patch(&hot_name(0), torn.offset + 192 + 64, &payload);
        let verdict = verify(&log).verdict;
        assert_eq!((verdict.g, verdict.state), (8, expected), "index {index}, ids from {first}");
    }
}

#[test]
fn all_ones_prove_nothing_durable() {
    let header = BlockHeader {
        first_event_id: 1,
        last_event_id: 1 << 40,
        written_ts_ns: 0,
        chained_checksum: 0,
        block_index: 1,
        event_count: 1,
        payload_len: 8,
        undurable: UNDURABLE_UNKNOWN,
        salt: 1,
        block_checksum: 0,
        kind: KIND_EVENTS,
    };
    assert_eq!(header.proves_durable(), None);
    assert_eq!(BlockHeader { undurable: 5, ..header }.proves_durable(), Some((1 << 40) - 5));
}

#[test]
fn a_segment_with_blocks_behind_a_prepared_one_is_found_when_it_comes() {
    let mut log = LogBuilder::fixed().append_many(80).finish();
    log.files.insert(hot_name(0), vec![0; SEGMENT_SIZE]);
    let verdict = finish(LogVerifier::new(None, None), &log, 0..2);
    assert_eq!(verdict.bad.unwrap().position, Position { segment: Some(0), offset: 64 });
    assert_eq!((verdict.events, verdict.events_on_their_own), (0, 8));
}

#[test]
fn a_sealed_header_proves_its_last_event_durable() {
    let mut builder = LogBuilder::fixed();
    let mut log = builder.append_many(73).finish();
    log.files.remove(&hot_name(1));
    let last = builder.placed.iter().rfind(|block| block.segment == 0).unwrap();
    log.flip(&hot_name(0), last.offset + 70, 0);
    let verdict = verify(&log).verdict;
    assert_eq!((verdict.state, verdict.g, verdict.durable_proof), (State::Corrupt, 68, Some(72)));
}

/// An event may hold the bytes of a block, even behind damage: it is an event, and proves nothing.
#[test]
fn what_looks_like_a_block_inside_an_event_is_not_evidence() {
    let mut builder = LogBuilder::variable();
    builder.append(b"lost");
    builder.flush();
    let fields = BlockFields {
        first_event_id: 900,
        last_event_id: 900,
        written_ts_ns: u64::MAX,
        block_index: 9,
        event_count: 1,
        undurable: 0,
        salt: start(&builder.clone().finish(), 0).salt.unwrap(),
        kind: KIND_EVENTS,
    };
    let fake = seal_block(&fields, &[0; 8], 0).0;
    builder.append(&[&[0; 60][..], &fake, &[0; 64]].concat());
    builder.flush();
    let mut log = builder.finish();
    log.flip(&hot_name(0), builder.placed[1].offset + 64, 3);
    let verdict = verify(&log).verdict;
    assert_eq!(
        (verdict.state, verdict.durable_proof, verdict.events_on_their_own),
        (State::Torn, Some(0), 1)
    );
    // Without the block around it, it is one.
    log.flip(&hot_name(0), builder.placed[2].offset + 64, 3);
    assert_eq!(verify(&log).verdict.durable_proof, Some(900));
}

#[test]
fn what_stands_behind_the_end_of_a_continued_segment_is_no_damage() {
    let mut builder = LogBuilder::fixed().unsealed();
    let mut log = builder.append_many(90).finish();
    let last = builder.placed.iter().rfind(|block| block.segment == 0).unwrap();
    log.patch(&hot_name(0), last.offset + last.len, &[0x5A; 100]);
    let outcome = verify(&log);
    assert_eq!((outcome.verdict.state, outcome.ids()), (State::Clean, up_to(90)));
    assert!(outcome.verdict.segments[0].unpublished_remains);
}

#[test]
fn the_first_of_two_segments_without_metadata_blocks_is_where_the_gap_is() {
    let mut builder = LogBuilder::fixed().unsealed();
    let mut log = builder.append_many(90).finish();
    let second = builder.placed.iter().find(|block| block.segment == 1).unwrap();
    log.patch(&hot_name(1), second.offset, &vec![0; second.len]);
    log.patch(&hot_name(0), 64, &[0; SEGMENT_SIZE - 64]);
    assert_eq!(verify(&log).bad(), Some((Some(0), 64)));
}
