//! Asking for verdicts, and putting words into a writer's mouth.

use super::{MemoryLog, Outcome};
use flashstrike_segment::layout::SEGMENT_HEADER_SIZE;
use flashstrike_segment::names::hot_name;
use flashstrike_segment::{
    BlockFields, BlockHeader, LogVerifier, Metadata, NothingFollows, Reason, SegmentBytes, SegmentStart,
    Verdict, seal_block,
};

pub fn verify(log: &MemoryLog) -> Outcome {
    log.verify().expect("a supported version")
}

pub fn up_to(last: u64) -> Vec<u64> {
    (1..=last).collect()
}

pub fn reason(outcome: &Outcome) -> &Reason {
    &outcome.verdict.bad.as_ref().expect("damage").reason
}

pub fn start(log: &MemoryLog, index: u32) -> SegmentStart {
    SegmentStart::read(&log.files[&hot_name(index)]).unwrap()
}

/// Feeds hot segments to a verifier, none of which needs to know what follows.
pub fn finish(mut verifier: LogVerifier, log: &MemoryLog, indices: std::ops::Range<u32>) -> Verdict {
    for index in indices {
        let bytes = &log.files[&hot_name(index)];
        let segment = SegmentBytes { index, bytes, cold: None };
        verifier.segment(segment, &mut NothingFollows, &mut |_| {}).unwrap();
    }
    verifier.finish()
}

pub fn fields_of(header: &BlockHeader) -> BlockFields {
    BlockFields {
        first_event_id: header.first_event_id,
        last_event_id: header.last_event_id,
        written_ts_ns: header.written_ts_ns,
        block_index: header.block_index,
        event_count: header.event_count,
        undurable: header.undurable,
        salt: header.salt,
        kind: header.kind,
    }
}

/// Writes a block anew with all its checksums right, chained to the block before it.
pub fn forge(
    log: &mut MemoryLog,
    segment: u32,
    offset: usize,
    change: impl FnOnce(&mut BlockFields, &mut Vec<u8>),
) {
    let file = &log.files[&hot_name(segment)];
    let header = BlockHeader::decode(&file[offset..]).unwrap();
    let mut payload = file[offset + 64..][..header.payload_len as usize].to_vec();
    let mut previous_chain = 0;
    let mut at = SEGMENT_HEADER_SIZE;
    if offset == at {
        previous_chain = Metadata::decode(&payload).unwrap().previous_chain;
    }
    while at < offset {
        let before = BlockHeader::decode(&file[at..]).unwrap();
        previous_chain = before.chained_checksum;
        at += before.block_len();
    }
    let mut fields = fields_of(&header);
    change(&mut fields, &mut payload);
    log.patch(&hot_name(segment), offset, &seal_block(&fields, &payload, previous_chain).0);
    log.patch(&hot_name(segment), offset + 64, &payload);
}
