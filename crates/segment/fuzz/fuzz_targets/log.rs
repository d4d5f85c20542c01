//! A log of two segments with damage here and there: whatever comes out is a beginning of what was written.
#![no_main]

use flashstrike_segment::layout::round64;
use flashstrike_segment::payload::fixed_events;
use flashstrike_segment::verify::any_block;
use flashstrike_segment::{
    BlockFields, BlockRef, Following, KIND_EVENTS, KIND_METADATA, LogVerifier, Metadata, Seal, SegmentBytes,
    SegmentHeader, SegmentStart, State, WalMeta, seal_block,
};
use libfuzzer_sys::fuzz_target;

const SEGMENT_SIZE: usize = 4096;
const SEGMENTS: u32 = 2;
const EVENTS: u64 = 24;

/// Two segments of twelve events each in blocks of four, the first one sealed; all events are 1, 2, 3, …
fn good_log() -> Vec<Vec<u8>> {
    let (mut chain, mut id, mut clock) = (0, 0, 0);
    (0..SEGMENTS)
        .map(|segment_index| {
            let salt = 7 + segment_index;
            let mut file = vec![0; 64];
            let metadata = Metadata {
                log_id: [1; 16],
                previous_chain: chain,
                segment_index,
                segment_size: SEGMENT_SIZE as u32,
                salt,
                event_size: 16,
                schema: "{}".to_owned(),
            };
            let blocks =
                std::iter::once((KIND_METADATA, id, id, 0, metadata.encode())).chain((0..3).map(|block| {
                    let first = id + 1 + block * 4;
                    let payload =
                        (first..first + 4).flat_map(|id| [id, !id].map(u64::to_le_bytes)).flatten().collect();
                    (KIND_EVENTS, first, first + 3, 4, payload)
                }));
            for (block_index, (kind, first_event_id, last_event_id, event_count, payload)) in
                (0..).zip(blocks)
            {
                clock += 1;
                let undurable = 4.min(last_event_id) as u32;
                let fields = BlockFields {
                    first_event_id,
                    last_event_id,
                    written_ts_ns: clock,
                    block_index,
                    event_count,
                    undurable,
                    salt,
                    kind,
                };
                let (header, next) = seal_block(&fields, &payload, chain);
                chain = next;
                file.extend(header);
                file.extend(payload);
                file.resize(round64(file.len()), 0);
            }
            let sealed = (segment_index == 0).then_some(Seal {
                block_count: 4,
                event_count: 12,
                first_event_id: 1,
                last_event_id: 12,
                closed_ts_ns: clock,
                last_chain_low: chain as u32,
            });
            let header = SegmentHeader { segment_index, created_ts_ns: 1, salt, event_size: 16, sealed };
            file[..64].copy_from_slice(&header.encode());
            file.resize(SEGMENT_SIZE, 0);
            id += 12;
            file
        })
        .collect()
}

struct Rest<'a>(&'a [Vec<u8>]);

impl Following for Rest<'_> {
    fn next_start(&mut self) -> Option<SegmentStart> {
        SegmentStart::read(self.0.first()?).ok()
    }

    fn any_block(&mut self) -> bool {
        self.0.iter().any(|bytes| SegmentStart::read(bytes).is_ok_and(|start| any_block(&start, bytes)))
    }
}

fuzz_target!(|input: (bool, Vec<(u16, u8, u8)>)| {
    let (durable, damage) = input;
    let mut files = good_log();
    for (at, len, byte) in damage {
        let (file, at) = (usize::from(at >> 12) % files.len(), usize::from(at) % SEGMENT_SIZE);
        let end = (at + usize::from(len)).min(SEGMENT_SIZE);
        files[file][at..end].fill(byte);
    }
    let meta = WalMeta {
        clean: false,
        log_id: [1; 16],
        last_event_id: EVENTS,
        durable_event_id: EVENTS,
        first_segment: 0,
        last_segment: 1,
        end_offset: 0,
    };
    let mut verifier = LogVerifier::new(None, durable.then_some(&meta));
    let mut next = 1;
    for (index, bytes) in (0..).zip(&files) {
        let mut rest = Rest(&files[index as usize + 1..]);
        let result =
            verifier.segment(SegmentBytes { index, bytes, cold: None }, &mut rest, &mut |block: BlockRef<
                '_,
            >| {
                for (id, event) in fixed_events(block.payload, 16) {
                    assert_eq!(id, next);
                    assert_eq!(event[8..], (!id).to_le_bytes());
                    next += 1;
                }
            });
        if result.is_err() {
            return;
        }
    }
    let verdict = verifier.finish();
    assert_eq!(verdict.last_event_id, next - 1);
    if durable {
        assert_eq!(verdict.state == State::Corrupt, next <= EVENTS, "{verdict:?}");
    }
});
