//! Nanoseconds for finalizing and for verifying a block, by payload size: `cargo bench -p flashstrike-segment`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::time::Instant;

use flashstrike_segment::layout::{SEGMENT_HEADER_SIZE, round64};
use flashstrike_segment::{
    BlockFields, ChainVerifier, KIND_EVENTS, KIND_METADATA, Metadata, SegmentHeader, SegmentStart, seal_block,
};

const EVENT_SIZE: usize = 64;

/// The least of 40 averages over 5 000 runs each: what the machine can do when nobody disturbs it.
fn least_ns(mut run: impl FnMut()) -> f64 {
    let average = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        for _ in 0..5_000 {
            run();
        }
        start.elapsed().as_nanos() as f64 / 5_000.0
    };
    (0..40).map(|_| average(&mut run)).fold(f64::INFINITY, f64::min)
}

fn fields(kind: u16, first_event_id: u64, event_count: u32, block_index: u32) -> BlockFields {
    let last_event_id = first_event_id + u64::from(event_count.saturating_sub(1));
    BlockFields {
        first_event_id,
        last_event_id,
        written_ts_ns: 2,
        block_index,
        event_count,
        undurable: 0,
        salt: 7,
        kind,
    }
}

fn main() {
    for payload_len in [1 << 10, 8 << 10, 64 << 10] {
        let count = payload_len / EVENT_SIZE;
        let payload: Vec<u8> =
            (1..=count as u64).flat_map(|id| id.to_le_bytes().into_iter().cycle().take(EVENT_SIZE)).collect();
        let sealed = fields(KIND_EVENTS, 1, count as u32, 1);
        let mut chain = 1;
        let seal_ns = least_ns(|| chain = black_box(seal_block(&sealed, black_box(&payload), chain)).1);

        let metadata = Metadata {
            log_id: [1; 16],
            previous_chain: 0,
            segment_index: 0,
            segment_size: 1 << 20,
            salt: 7,
            event_size: EVENT_SIZE as u16,
            schema: "{}".to_owned(),
        };
        let header = SegmentHeader {
            segment_index: 0,
            created_ts_ns: 1,
            salt: 7,
            event_size: EVENT_SIZE as u16,
            sealed: None,
        };
        let mut segment = header.encode().to_vec();
        let mut chain = 0;
        for (fields, payload) in [(&fields(KIND_METADATA, 0, 0, 0), metadata.encode()), (&sealed, payload)] {
            let (header, next) = seal_block(fields, &payload, chain);
            segment.extend(header);
            segment.extend(payload);
            segment.resize(round64(segment.len()), 0);
            chain = next;
        }
        let start = SegmentStart::read(&segment).expect("a supported version");
        let mut verifier = ChainVerifier::new(0, &start, None, None).expect("a metadata block");
        verifier.block(&segment[SEGMENT_HEADER_SIZE..]).expect("an intact metadata block");
        let block = &segment[verifier.offset() as usize..];
        let clone_ns = least_ns(|| drop(black_box(verifier.clone())));
        let verify_ns =
            least_ns(|| _ = black_box(verifier.clone().block(black_box(block)).expect("an intact block")));
        println!("{payload_len:>6} bytes: seal {seal_ns:>7.0} ns, verify {:>7.0} ns", verify_ns - clone_ns);
    }
}
