//! The golden logs, made by an independent implementation of the format.

mod common;

use common::{Outcome, golden_vectors, json};
use flashstrike_segment::layout::{BLOCK_HEADER_SIZE, SEGMENT_HEADER_SIZE, round64};
use flashstrike_segment::{
    BlockFields, BlockHeader, CursorSlot, KIND_METADATA, Metadata, Seal, SegmentHeader, choose_slot,
    seal_block,
};
use serde_json::Value;

#[test]
fn every_golden_log_reads_as_expected() {
    let Some(dir) = golden_vectors() else { return };
    let expected = json(&dir.join("expected.json"));
    for (name, expected) in expected.as_object().unwrap() {
        let log = common::MemoryLog::read(&dir.join(name));
        let outcome = log.verify().unwrap_or_else(|unsupported| panic!("{name}: {unsupported}"));
        check(name, &outcome, expected);
    }
}

fn check(name: &str, outcome: &Outcome, expected: &Value) {
    let verdict = &outcome.verdict;
    eprintln!("{name}: {} {:?}", verdict.state, verdict.bad.as_ref().map(ToString::to_string));
    assert_eq!(verdict.state.to_string(), expected["state"], "{name}");
    let bad = &expected["bad"];
    let bad = (!bad.is_null())
        .then(|| (bad["segment"].as_u64().map(|segment| segment as u32), bad["offset"].as_u64().unwrap()));
    assert_eq!(outcome.bad(), bad, "{name}");
    let ids = outcome.ids();
    assert_eq!(ids.first().copied().unwrap_or(0), expected["first_id"], "{name}");
    assert_eq!(ids.last().copied().unwrap_or(0), expected["last_id"], "{name}");
    assert_eq!(ids.len(), expected["events"], "{name}");
    assert_eq!(verdict.events, expected["events"], "{name}");
    assert_eq!(verdict.first_event_id, expected["first_id"], "{name}");
    if !ids.is_empty() {
        assert_eq!(verdict.last_event_id, expected["last_id"], "{name}");
    }
    assert_eq!(verdict.staged, expected["staged"], "{name}");
    assert_eq!(verdict.events_on_their_own, expected["events_in_blocks_that_verify_on_their_own"], "{name}");
    assert_eq!(Value::from(verdict.durable_proof), expected["durable_proof"], "{name}");
    assert_eq!(outcome.sha256(), expected["payload_sha256"], "{name}");
    for (mode, answer) in ["tail", "strict", "point-in-time"].into_iter().zip(outcome.modes()) {
        assert_eq!(answer, expected["modes"][mode], "{name} {mode}");
    }
    let notes = expected["notes"].as_array().unwrap().len();
    assert_eq!(
        verdict.notes.len() + usize::from(outcome.meta_ignored),
        notes + extra_notes(name),
        "{name}: {verdict:#?}"
    );
}

/// Notes that we make and the reference does not: a file of the wrong length is reported.
fn extra_notes(name: &str) -> usize {
    usize::from(matches!(name, "file-cut"))
}

#[test]
fn encoders_reproduce_every_structure_byte_for_byte() {
    let Some(dir) = golden_vectors() else { return };
    let logs = json(&dir.join("structures.json"));
    let mut segments = 0;
    for (name, files) in logs.as_object().unwrap() {
        for file in files.as_array().unwrap() {
            let file_name = file["file"].as_str().unwrap();
            let expected = std::fs::read(dir.join(name).join(file_name)).unwrap();
            assert_eq!(encode_segment(file), expected, "{name}/{file_name}");
            segments += 1;
        }
    }
    assert!(segments >= 5, "{segments} segments");
}

fn encode_segment(file: &Value) -> Vec<u8> {
    let header = &file["header"];
    let sealed = (number(&header["flags"]) == 1).then(|| Seal {
        block_count: number(&header["block_count"]) as u32,
        event_count: number(&header["event_count"]) as u32,
        first_event_id: number(&header["first_event_id"]),
        last_event_id: number(&header["last_event_id"]),
        closed_ts_ns: number(&header["closed_ts_ns"]),
        last_chain_low: number(&header["last_chain_low"]) as u32,
    });
    let header = SegmentHeader {
        segment_index: number(&header["segment_index"]) as u32,
        created_ts_ns: number(&header["created_ts_ns"]),
        salt: number(&header["salt"]) as u32,
        event_size: number(&header["event_size"]) as u16,
        sealed,
    };
    let mut bytes = header.encode().to_vec();
    assert_eq!(SegmentHeader::decode(&bytes).as_ref(), Ok(&header));
    let mut chain = None;
    for block in file["blocks"].as_array().unwrap() {
        assert_eq!(bytes.len() as u64, number(&block["offset"]));
        encode_block(block, &mut chain, &mut bytes);
    }
    assert!(bytes.len() + SEGMENT_HEADER_SIZE <= number(&file["file_size"]) as usize);
    bytes.resize(number(&file["file_size"]) as usize, 0);
    bytes
}

fn encode_block(block: &Value, chain: &mut Option<u64>, bytes: &mut Vec<u8>) {
    let payload = hex(block["payload"].as_str().unwrap());
    let fields = BlockFields {
        first_event_id: number(&block["first_event_id"]),
        last_event_id: number(&block["last_event_id"]),
        written_ts_ns: number(&block["written_ts_ns"]),
        block_index: number(&block["block_index"]) as u32,
        event_count: number(&block["event_count"]) as u32,
        undurable: number(&block["undurable"]) as u32,
        salt: number(&block["salt"]) as u32,
        kind: number(&block["kind"]) as u16,
    };
    if fields.kind == KIND_METADATA {
        let metadata = Metadata::decode(&payload).unwrap();
        assert_eq!(metadata.encode(), payload);
        *chain = Some(metadata.previous_chain);
    }
    let (header, next) = seal_block(&fields, &payload, chain.unwrap());
    assert_eq!(next, number(&block["chained_checksum"]));
    let decoded = BlockHeader::decode(&header).unwrap();
    assert_eq!(decoded.encode(), header);
    assert_eq!(u64::from(decoded.block_checksum), number(&block["block_checksum"]));
    assert_eq!(decoded.block_len(), BLOCK_HEADER_SIZE + round64(payload.len()));
    *chain = Some(next);
    bytes.extend_from_slice(&header);
    bytes.extend_from_slice(&payload);
    bytes.resize(round64(bytes.len()), 0);
}

#[test]
fn golden_cursors_stand_where_they_should() {
    let Some(dir) = golden_vectors() else { return };
    let read = |name: &str| std::fs::read(dir.join("cursors/cursors").join(name)).unwrap();
    let risk = choose_slot(&read("risk-engine.cursor")).unwrap();
    assert_eq!(risk.event_id, 5);
    let file = read("audit.cursor");
    let audit = choose_slot(&file).unwrap();
    assert_eq!(audit.event_id, 2);
    assert_eq!(CursorSlot::first(audit.log_id, 2, audit.updated_ts_ns).encode_file(), file[..]);
}

/// 64-bit values are decimal strings.
fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
