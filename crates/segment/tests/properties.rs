//! Properties, checked on random inputs against naive versions of the same thing.

mod common;

use common::build::{LogBuilder, Placed};
use flashstrike_segment::cold::{self, SeekTable};
use flashstrike_segment::layout::{COLD_FRAME_CONTENT, SEGMENT_HEADER_SIZE, round8, round64};
use flashstrike_segment::names::{SegmentFile, hot_name};
use flashstrike_segment::verify::{any_block, is_whole};
use flashstrike_segment::{
    BlockFields, BlockHeader, ChainVerifier, CursorSlot, Field, FieldType, LogVerifier, Metadata,
    NothingFollows, Schema, SegmentBytes, SegmentStart, State, choose_slot, payload, seal_block,
};
use proptest::prelude::*;

#[allow(unreachable_pub, reason = "private to this test")]
mod naive {
    /// CRC-32 (IEEE), bit by bit.
    pub fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, &byte| {
            (0..8)
                .fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
        })
    }

    /// The events of a variable-length payload, if it is exactly right.
    pub fn variable(payload: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut events = Vec::new();
        let mut rest = payload.to_vec();
        while !rest.is_empty() {
            if rest.len() < 4 {
                return None;
            }
            let len = rest[0] as usize
                | (rest[1] as usize) << 8
                | (rest[2] as usize) << 16
                | (rest[3] as usize) << 24;
            let mut entry = 4 + len;
            while !entry.is_multiple_of(8) {
                entry += 1;
            }
            if rest.len() < entry || rest[4 + len..entry].iter().any(|&byte| byte != 0) {
                return None;
            }
            events.push(rest[4..4 + len].to_vec());
            rest = rest[entry..].to_vec();
        }
        Some(events)
    }

    /// The ids of a fixed-size payload, if it is exactly right.
    pub fn fixed(payload: &[u8], event_size: u16) -> Option<Vec<u64>> {
        if event_size < 8 || !payload.len().is_multiple_of(event_size.into()) {
            return None;
        }
        let ids: Vec<u64> = payload
            .chunks(event_size.into())
            .map(|event| (0..8).fold(0, |id, byte| id | u64::from(event[byte]) << (8 * byte)))
            .collect();
        let is_right =
            ids.iter().all(|&id| id > 0 && id < 1 << 53) && ids.windows(2).all(|pair| pair[0] < pair[1]);
        is_right.then_some(ids)
    }
}

fn block_fields() -> impl Strategy<Value = BlockFields> {
    let ids = (any::<u64>(), any::<u64>(), any::<u64>());
    (ids, any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<u16>()).prop_map(
        |(
            (first_event_id, last_event_id, written_ts_ns),
            block_index,
            event_count,
            undurable,
            salt,
            kind,
        )| BlockFields {
            first_event_id,
            last_event_id,
            written_ts_ns,
            block_index,
            event_count,
            undurable,
            salt,
            kind,
        },
    )
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let ids = (any::<[u8; 16]>(), any::<u64>(), any::<u32>(), 1..=u32::MAX);
    (ids, 1_u32..=1 << 19, 0_u16..=8191, "[a-zäß]{0,300}").prop_map(
        |((log_id, previous_chain, segment_index, salt), pages, eighths, name)| Metadata {
            log_id,
            previous_chain,
            segment_index,
            segment_size: pages * 4096,
            salt,
            event_size: eighths * 8,
            schema: format!("{{\"name\":\"{name}\"}}"),
        },
    )
}

fn field_type() -> impl Strategy<Value = FieldType> {
    use FieldType::{Bytes, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    prop_oneof![
        prop::sample::select(vec![U8, U16, U32, U64, I8, I16, I32, I64, F32, F64]),
        (1_u16..40).prop_map(Bytes),
    ]
}

/// A schema with each field at the next place that suits it, as event definitions are laid out.
fn schema() -> impl Strategy<Value = Schema> {
    prop::collection::vec(field_type(), 0..20).prop_map(|types| {
        let mut fields = vec![Field { name: "event_id".to_owned(), field_type: FieldType::U64, offset: 0 }];
        let mut end: u32 = 8;
        for (n, field_type) in types.into_iter().enumerate() {
            let offset = end.next_multiple_of(field_type.alignment());
            fields.push(Field { name: format!("field_{n}"), field_type, offset: offset as u16 });
            end = offset + field_type.size();
        }
        Schema { name: "Event".to_owned(), size: round8(end as usize) as u16, fields }
    })
}

fn events() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20)
}

fn encode(events: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        payload::encode_entry(&mut bytes, event);
    }
    bytes
}

proptest! {
    #[test]
    fn rounding_is_the_next_multiple(n in 0_usize..1 << 40) {
        prop_assert_eq!(round8(n), n.div_ceil(8) * 8);
        prop_assert_eq!(round64(n), n.div_ceil(64) * 64);
    }

    #[test]
    fn sealing_is_the_formula_of_the_format(
        fields in block_fields(), payload in prop::collection::vec(any::<u8>(), 0..3000), previous in any::<u64>(),
    ) {
        let (raw, chain) = seal_block(&fields, &payload, previous);
        let mut unchained = raw;
        unchained[24..32].fill(0);
        unchained[60..64].fill(0);
        let seed = xxhash_rust::xxh3::xxh3_64_with_seed(&payload, previous);
        prop_assert_eq!(chain, xxhash_rust::xxh3::xxh3_64_with_seed(&unchained, seed));
        prop_assert_eq!(&raw[24..32], &chain.to_le_bytes());
        prop_assert_eq!(&raw[52..56], &naive::crc32(&payload).to_le_bytes());
        prop_assert_eq!(&raw[60..64], &naive::crc32(&raw[..60]).to_le_bytes());
        let header = BlockHeader::decode(&raw).unwrap();
        prop_assert_eq!(header.encode(), raw);
        prop_assert_eq!(header.kind, fields.kind);
        prop_assert_eq!(header.block_len(), 64 + payload.len().div_ceil(64) * 64);
    }

    #[test]
    fn metadata_is_decoded_as_it_was_encoded(metadata in metadata(), cut in any::<prop::sample::Index>()) {
        let raw = metadata.encode();
        prop_assert!(Metadata::decode(&raw[..cut.index(raw.len())]).is_err());
        prop_assert_eq!(Metadata::decode(&raw), Ok(metadata));
    }

    #[test]
    fn a_schema_is_parsed_as_it_was_written(schema in schema()) {
        prop_assert_eq!(schema.check(), Ok(()));
        prop_assert_eq!(Schema::parse(&schema.to_json()), Ok(schema));
    }

    #[test]
    fn a_schema_whose_fields_overlap_is_refused(schema in schema(), field in any::<prop::sample::Index>()) {
        prop_assume!(schema.fields.len() > 1);
        let mut schema = schema;
        let n = 1 + field.index(schema.fields.len() - 1);
        schema.fields[n].offset = schema.fields[n - 1].offset;
        prop_assert!(schema.check().is_err());
    }

    #[test]
    fn variable_length_events_are_read_as_they_were_written(events in events(), first in 1_u64..1 << 50) {
        let bytes = encode(&events);
        let expected: Vec<(u64, &[u8])> = (first..).zip(events.iter().map(Vec::as_slice)).collect();
        prop_assert_eq!(payload::variable_events(&bytes, first).collect::<Vec<_>>(), expected);
        let (count, last) = (events.len() as u32, first + events.len() as u64 - 1);
        prop_assert_eq!(payload::validate(&bytes, 0, count, first, last), Ok(()));
        prop_assert_eq!(bytes.len(), events.iter().map(|event| payload::entry_len(event.len())).sum::<usize>());
    }

    #[test]
    fn variable_length_validation_is_the_naive_one(
        events in events(), damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())), cut in 0_usize..3,
        extra in -1_i8..=1, first in 0_u64..3,
    ) {
        let mut bytes = encode(&events);
        if let Some((at, byte)) = damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len() - cut * 4);
        let count = events.len().saturating_add_signed(extra.into()) as u64;
        let last = (first + count).saturating_sub(1);
        let is_right = naive::variable(&bytes).is_some_and(|found| found.len() as u64 == count);
        let result = payload::validate(&bytes, 0, count as u32, first, last);
        prop_assert_eq!(result.is_ok(), is_right && first > 0 && count > 0, "{:?}", result);
    }

    #[test]
    fn fixed_size_validation_is_the_naive_one(
        ids in prop::collection::vec(prop_oneof![1_u64..20, Just(0), (1_u64 << 53) - 2..=1 << 53], 1..6), sort in any::<bool>(),
        eighths in 1_u16..5, extra in 0_usize..2, count in 0_u32..6,
    ) {
        let mut ids = ids;
        if sort {
            ids.sort_unstable();
            ids.dedup();
        }
        let event_size = eighths * 8;
        let mut bytes: Vec<u8> =
            ids.iter().flat_map(|id| id.to_le_bytes().into_iter().cycle().take(event_size.into())).collect();
        bytes.extend(vec![0; extra * 8]);
        let (first, last) = (ids[0], ids[ids.len() - 1]);
        let is_right = naive::fixed(&bytes, event_size).is_some_and(|found| {
            found.len() == count as usize && found.first() == Some(&first) && found.last() == Some(&last)
        });
        prop_assert_eq!(payload::validate(&bytes, event_size, count, first, last).is_ok(), is_right);
        if is_right {
            let read: Vec<_> = payload::fixed_events(&bytes, event_size).map(|(id, _)| id).collect();
            prop_assert_eq!(read, ids);
        }
    }

    #[test]
    fn a_cursor_stands_at_its_last_whole_commit(ids in prop::collection::vec(any::<u64>(), 1..8), torn in prop::option::of(0_usize..64)) {
        let mut slot = CursorSlot::first([3; 16], 0, 1);
        let mut file = slot.encode_file();
        let mut before = slot.clone();
        for (n, id) in ids.iter().enumerate() {
            before = slot.clone();
            slot = slot.next(*id, n as u64);
            prop_assert_ne!(slot.offset(), before.offset());
            file[slot.offset() as usize..][..512].copy_from_slice(&slot.encode());
        }
        if let Some(at) = torn {
            file[slot.offset() as usize + at] ^= 1;
        }
        prop_assert_eq!(choose_slot(&file), Ok(if torn.is_some() { before } else { slot }));
    }
}

#[test]
fn a_cursor_without_a_valid_slot_gives_no_position() {
    let slot = CursorSlot::first([3; 16], 5, 1);
    let mut file = slot.encode_file();
    file[16] ^= 1;
    for file in [&file[..], &[0; 1024], &[0; 3], &[]] {
        assert!(choose_slot(file).is_err());
    }
    assert_eq!(choose_slot(&slot.encode()), Ok(slot.clone()), "one slot is enough");
    let mut newer = slot.next(6, 2).encode();
    newer[4] = 2;
    let checksum = naive::crc32(&newer[..60]);
    newer[60..64].copy_from_slice(&checksum.to_le_bytes());
    let mut file = slot.encode_file();
    file[512..].copy_from_slice(&newer);
    assert!(matches!(choose_slot(&file), Err(flashstrike_segment::CursorError::Unsupported(_))));
}

fn content(len: usize, seed: u64) -> Vec<u8> {
    (0..len as u64).map(|n| (n.wrapping_mul(seed | 1) >> 11) as u8 & 0x1F).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_cold_segment_is_read_as_it_was_written(
        len in prop_oneof![0_usize..5000, COLD_FRAME_CONTENT - 2..COLD_FRAME_CONTENT + 3, 2_000_000_usize..3_400_000],
        seed in any::<u64>(), at in any::<prop::sample::Index>(), level in 1_i32..4,
    ) {
        let content = content(len, seed);
        let file = cold::compress(&content, level).unwrap();
        let read = cold::read_all(&file, len);
        prop_assert!(read.bytes == content && read.damage.is_none());

        let table = SeekTable::read(&file).unwrap();
        prop_assert_eq!(&table, &SeekTable::rebuild(&file).unwrap());
        prop_assert_eq!(table.content_len(), len as u64);
        prop_assert_eq!(table.frame_at(len as u64), None);
        prop_assert_eq!(table.frames().len(), len.div_ceil(COLD_FRAME_CONTENT));
        if len > 0 {
            let at = at.index(len);
            let frame = table.frame_at(at as u64).unwrap();
            let naive = table.frames().iter().find(|frame| frame.content_range().contains(&at)).unwrap();
            prop_assert_eq!(frame, naive);
            let part = cold::read_frame(&file[frame.range()], frame.content_len).unwrap();
            prop_assert!(part == content[frame.content_range()]);
            let tail = SeekTable::tail_len(&file[file.len() - 9..]).unwrap();
            prop_assert_eq!(SeekTable::parse(&file[file.len() - tail..], file.len() as u64), Ok(table));
            prop_assert!(SeekTable::parse(&file[file.len() - tail..], file.len() as u64 + 1).is_err());
            prop_assert!(SeekTable::parse(&file[file.len() - tail + 1..], file.len() as u64).is_err());
            prop_assert!(cold::read_all(&file, len - 1).damage.is_some());
        }
    }

    #[test]
    fn a_damaged_cold_segment_gives_the_frames_before_the_damage(
        seed in any::<u64>(), at in any::<prop::sample::Index>(), cut in any::<bool>(),
    ) {
        let content = content(2_500_000, seed);
        let mut file = cold::compress(&content, 1).unwrap();
        let table = SeekTable::read(&file).unwrap();
        let at = at.index(file.len());
        if cut {
            file.truncate(at);
        } else {
            file[at] ^= 0x10;
        }
        let read = cold::read_all(&file, content.len());
        let whole = table.frames().iter().take_while(|frame| frame.range().end <= at).last();
        let good = whole.map_or(0, |frame| frame.content_range().end);
        prop_assert!(read.bytes.len() >= good);
        prop_assert!(content.starts_with(&read.bytes));
        prop_assert!(read.damage.is_some() || read.bytes == content);
    }
}

/// What a writer did.
#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    Flush,
    Rotate,
    Sync,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u64..30).prop_map(Step::Append),
        2 => Just(Step::Flush),
        1 => Just(Step::Rotate),
        1 => Just(Step::Sync),
    ];
    prop::collection::vec(step, 1..25)
}

fn written(steps: &[Step], fixed: bool, seals: bool) -> LogBuilder {
    let mut builder = if fixed { LogBuilder::fixed() } else { LogBuilder::variable() };
    builder.seals = seals;
    for step in steps {
        match step {
            Step::Append(count) => drop(builder.append_many(*count).last_event_id),
            Step::Flush => drop(builder.flush().last_event_id),
            Step::Rotate if builder.has_events() => builder.rotate(),
            Step::Rotate => {}
            Step::Sync => builder.durable = builder.flush().last_event_id,
        }
    }
    builder.finish();
    builder
}

/// Whether a power cut may lose the block: nobody was told that it is durable, and segment 0 is synced when created.
fn may_vanish(block: &Placed, durable: u64) -> bool {
    let is_durable =
        if block.event_count == 0 { block.last_event_id < durable } else { block.last_event_id <= durable };
    let is_beginning = block.segment == 0 && block.event_count == 0;
    !(is_durable || is_beginning)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A power cut may lose any 64-byte line that had not been synced, and no other: what is read is a beginning of what
    /// was written, everything durable is in it, and the log is never called corrupt.
    #[test]
    fn a_power_cut_loses_nothing_durable(
        steps in steps(), fixed in any::<bool>(), seals in any::<bool>(), lost in prop::collection::vec(any::<bool>(), 64), dense in 1_usize..9,
    ) {
        let builder = written(&steps, fixed, seals);
        let before = builder.log.verify().unwrap();
        prop_assert_eq!(before.verdict.state, State::Clean, "{:?}", before.verdict.bad);
        prop_assert_eq!(before.verdict.last_event_id, builder.last_event_id);
        let mut log = builder.log.clone();
        let mut line = 0;
        for block in builder.placed.iter().filter(|block| may_vanish(block, builder.durable)) {
            for at in (block.offset..block.offset + block.len).step_by(64) {
                line += 1;
                if lost[line % 64] && line % dense == 0 {
                    log.patch(&hot_name(block.segment), at, &[0; 64]);
                }
            }
        }
        let after = log.verify().unwrap();
        prop_assert_ne!(after.verdict.state, State::Corrupt, "{:?}", after.verdict.bad);
        prop_assert!(before.events.starts_with(&after.events));
        prop_assert!(after.events.last().map_or(0, |(id, _)| *id) >= builder.durable);
        if after.events.len() < before.events.len() && after.verdict.state == State::Clean {
            // Only a lost end leaves no trace.
            let last = after.verdict.end;
            prop_assert!(builder.placed.iter().all(|block| block.last_event_id <= after.verdict.g
                || block.segment > last.segment.unwrap() || block.offset as u64 >= last.offset));
        }
    }

    /// When everything is durable, any damage to the segments is either without consequence or called corruption.
    #[test]
    fn damage_to_durable_events_is_never_passed_over(
        steps in steps(), fixed in any::<bool>(), seals in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 1..5),
    ) {
        let mut builder = written(&steps, fixed, seals);
        builder.durable = builder.last_event_id;
        let mut log = builder.with_meta(|_| ()).log.clone();
        let truth = log.verify().unwrap();
        for (file, at, what, byte) in &damage {
            let names: Vec<String> =
                log.files.keys().filter(|name| SegmentFile::parse(name).is_some()).cloned().collect();
            let Some(name) = names.get(file.index(names.len().max(1))) else { break };
            let bytes = log.files.get_mut(name).unwrap();
            let at = at.index(bytes.len().max(1));
            match what {
                0 if at < bytes.len() => bytes[at] ^= byte | 1,
                1 => bytes[at..].iter_mut().take(300).for_each(|line| *line = 0),
                2 => bytes.truncate(at),
                _ if *byte < 30 => drop(log.files.remove(name)),
                _ => {}
            }
        }
        let Ok(outcome) = log.verify() else { return Ok(()) };
        prop_assert!(truth.events.starts_with(&outcome.events));
        match outcome.verdict.state {
            State::Clean => prop_assert_eq!(outcome.events.len(), truth.events.len()),
            State::Torn => prop_assert_eq!(outcome.verdict.last_event_id, builder.last_event_id),
            State::Corrupt => prop_assert!(outcome.verdict.bad.is_some()),
        }
    }

    /// The streaming verifier and the whole one say the same of a segment.
    #[test]
    fn the_streaming_verifier_agrees(steps in steps(), fixed in any::<bool>(), flip in prop::option::of((any::<prop::sample::Index>(), 0_u8..8))) {
        let builder = written(&steps, fixed, true);
        let mut log = builder.log.clone();
        let name = hot_name(0);
        if let Some((at, bit)) = flip {
            let end = builder.placed.iter().rfind(|block| block.segment == 0).map(|block| block.offset + block.len).unwrap();
            log.flip(&name, SEGMENT_HEADER_SIZE + at.index(end - SEGMENT_HEADER_SIZE), bit);
        }
        let bytes = &log.files[&name];
        let mut verifier = LogVerifier::new(None, None);
        verifier.segment(SegmentBytes { index: 0, bytes, cold: None }, &mut NothingFollows, &mut |_| {}).unwrap();
        let verdict = verifier.finish();
        let start = SegmentStart::read(bytes).unwrap();
        prop_assert_eq!(is_whole(0, bytes), start.sealed.is_some() && verdict.bad.is_none());
        let stream = || {
            let mut verifier = ChainVerifier::new(0, &start, None, None)?;
            while verifier.is_complete() != Some(true) {
                let at = verifier.offset() as usize;
                if start.sealed.is_none() && !BlockHeader::is_published(&bytes[at..]) {
                    break;
                }
                verifier.block(&bytes[at..])?;
            }
            verifier.finish()
        };
        match (stream(), &verdict.bad) {
            (Ok(link), None) => prop_assert_eq!(Some(link), verdict.link),
            (Err(_), Some(_)) => {}
            // Only the whole verifier looks behind a gap.
            (Ok(_), Some(bad)) => prop_assert_eq!(&bad.reason, &flashstrike_segment::Reason::BlocksBehindGap),
            (Err(error), None) => prop_assert!(false, "{}", error),
        }
    }

    /// Looking for blocks finds what a search of every place finds.
    #[test]
    fn any_block_is_the_naive_search(steps in steps(), zero in 0_usize..4096, keep_header in any::<bool>()) {
        let mut log = written(&steps, true, false).log.clone();
        let bytes = log.files.get_mut(&hot_name(0)).unwrap();
        bytes[if keep_header { 64 } else { 0 }..zero.max(192)].fill(0);
        let start = SegmentStart::read(bytes).unwrap();
        let naive = bytes.chunks(64).enumerate().any(|(n, line)| {
            BlockHeader::decode(line).is_ok_and(|header| {
                let payload = &bytes[n * 64 + 64..][..header.payload_len as usize];
                start.salt.map_or(naive::crc32(payload) == header.block_checksum, |salt| salt == header.salt)
            })
        });
        prop_assert_eq!(any_block(&start, bytes), naive);
    }
}
