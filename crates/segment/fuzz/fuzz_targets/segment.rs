//! One segment of any bytes: the verifiers agree about it, and only blocks that are there are yielded. Checksums are
//! mended on request, or nothing behind them would ever be reached.
#![no_main]

use flashstrike_segment::layout::{BLOCK_HEADER_SIZE, SEGMENT_HEADER_SIZE, round64};
use flashstrike_segment::verify::{any_block, is_whole};
use flashstrike_segment::{
    BlockFields, BlockRef, ChainVerifier, ColdState, LogVerifier, NothingFollows, Seal, SegmentBytes,
    SegmentHeader, SegmentStart, State, seal_block,
};
use libfuzzer_sys::fuzz_target;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// Gives the segment header, and every block that has a magic, the checksums that its fields ask for, and chains the
/// blocks.
fn mend(bytes: &mut [u8]) {
    let Some(raw) = bytes.get(..SEGMENT_HEADER_SIZE) else { return };
    let seal = Seal {
        block_count: u32_at(raw, 8),
        event_count: u32_at(raw, 12),
        first_event_id: u64_at(raw, 16),
        last_event_id: u64_at(raw, 24),
        closed_ts_ns: u64_at(raw, 40),
        last_chain_low: u32_at(raw, 56),
    };
    let header = SegmentHeader {
        segment_index: u32_at(raw, 4),
        created_ts_ns: u64_at(raw, 32),
        salt: u32_at(raw, 48).max(1),
        event_size: u16_at(raw, 52) & !7,
        sealed: (raw[54] & 1 == 1).then_some(seal),
    };
    bytes[..SEGMENT_HEADER_SIZE].copy_from_slice(&header.encode());
    let (mut at, mut chain) = (SEGMENT_HEADER_SIZE, 0);
    while let Some(raw) = bytes.get(at..at + BLOCK_HEADER_SIZE).filter(|raw| raw[56..58] == [0x4C, 0x42]) {
        let start = at + BLOCK_HEADER_SIZE;
        let len = (u32_at(raw, 40) as usize).min(bytes.len() - start);
        let payload = bytes[start..start + len].to_vec();
        let fields = BlockFields {
            first_event_id: u64_at(raw, 0),
            last_event_id: u64_at(raw, 8),
            written_ts_ns: u64_at(raw, 16),
            block_index: u32_at(raw, 32),
            event_count: u32_at(raw, 36),
            undurable: u32_at(raw, 44),
            salt: u32_at(raw, 48),
            kind: u16_at(raw, 58),
        };
        let (sealed, next) = seal_block(&fields, &payload, chain);
        bytes[at..start].copy_from_slice(&sealed);
        chain = next;
        at = start + round64(len);
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (flags, bytes) = input;
    let mut bytes = bytes.to_vec();
    if flags & 4 != 0 {
        mend(&mut bytes);
    }
    let Ok(start) = SegmentStart::read(&bytes) else { return };
    let index = start.metadata.as_ref().map_or(0, |(_, metadata)| metadata.segment_index);
    let cold = (flags & 1 != 0).then(|| ColdState { damage: (flags & 2 != 0).then(|| "damaged".to_owned()) });
    let mut verifier = LogVerifier::begin_at(None, None, index);
    let (mut good, mut alone) = (0, 0);
    let report = verifier.segment_diagnostic(
        SegmentBytes { index, bytes: &bytes, cold },
        &mut NothingFollows,
        &mut |block: BlockRef<'_>| good += u64::from(block.header.event_count),
        &mut |block: BlockRef<'_>| alone += u64::from(block.header.event_count),
    );
    let Ok(report) = report else { return };
    let verdict = verifier.finish();
    assert_eq!((report.events, report.events_on_their_own), (good, good + alone));
    assert_eq!(verdict.bad.is_none(), verdict.state == State::Clean);
    if alone > 0 {
        assert!(any_block(&start, &bytes) && verdict.bad.is_some());
    }
    if is_whole(index, &bytes) {
        let mut stream = ChainVerifier::new(index, &start, None, None).expect("a metadata block");
        while stream.is_complete() == Some(false) {
            let at = stream.offset() as usize;
            let Some(rest) = bytes.get(at..) else { return };
            // The file may be cut where only zeros are missing.
            let Ok(_) = stream.block(rest) else { return };
        }
        assert_eq!(stream.finish().ok(), verdict.link);
    }
});
