//! What mode `diagnostic` gives of blocks whose end is not in the file, and of those of another log.

mod support;

use std::fs::{self, File};
use std::path::Path;

use flashstrike_recovery::directory::hot_path;
use flashstrike_recovery::{Mode, Piece, Recovery, RecoveryOptions, ReplayOptions};
use flashstrike_segment::KIND_EVENTS;
use support::temporary_directory;
use support::writer::{LogWriter, end_of_blocks, expected_event};

const SEGMENT: u32 = 8192;
const ZEROS: usize = 1000;

/// Segments of one event each: where `is_zero`, one of zeros, else one that fills its segment with other bytes. Those of
/// zeros are cut off behind the header of their block.
fn write(directory: &Path, segments: &[bool]) {
    let mut writer = LogWriter::new(directory, 0, SEGMENT);
    for (index, &is_zero) in segments.iter().enumerate() {
        let event = if is_zero { vec![0; ZEROS] } else { vec![0xEE; 7000] };
        let mut payload = (event.len() as u32).to_le_bytes().to_vec();
        payload.extend(event);
        payload.resize(payload.len().next_multiple_of(8), 0);
        writer.activate();
        let id = index as u64 + 1;
        writer.publish(&payload, KIND_EVENTS, 1, id, id);
        if is_zero {
            let path = hot_path(directory, index as u32);
            let block = end_of_blocks(&fs::read(&path).unwrap()) - 64 - payload.len().next_multiple_of(64);
            File::options().write(true).open(&path).unwrap().set_len(block as u64 + 64 + 4).unwrap();
        }
    }
}

#[test]
fn a_block_that_ends_in_zeros_behind_the_end_of_its_file_is_given_as_it_is() {
    // Behind a segment with more bytes, and as the first one, in both directions.
    for segments in [&[false, true, false][..], &[true, false], &[true]] {
        let directory = temporary_directory();
        write(directory.path(), segments);
        let options = RecoveryOptions { mode: Mode::Diagnostic, ..RecoveryOptions::new(directory.path()) };
        let log = Recovery::open(options).expect("readable");
        for reverse in [false, true] {
            let mut diagnosis = log.diagnose(ReplayOptions { reverse, ..ReplayOptions::default() }).unwrap();
            let mut found = Vec::new();
            while let Some(piece) = diagnosis.next_piece().expect("readable") {
                let Piece::Run(run) = piece else { panic!("{segments:?}: {piece:?}") };
                for event in run.blocks().flat_map(|block| block.events(0)) {
                    let is_zero = segments[event.id as usize - 1];
                    let expected = if is_zero { vec![0; ZEROS] } else { vec![0xEE; 7000] };
                    assert!(event.bytes == expected, "{segments:?}, reverse {reverse}: event {}", event.id);
                    found.push(event.id);
                }
            }
            found.sort_unstable();
            assert_eq!(found.len(), segments.len(), "{segments:?}, reverse {reverse}: {found:?}");
        }
    }
}

/// Each of them verifies on its own, and yet holds none of this log's events.
#[test]
fn blocks_of_a_log_of_other_events_are_a_gap() {
    const SEGMENTS: u32 = 5;
    let write = |log: &Path, log_id, event_size| {
        let mut writer = LogWriter::new(log, event_size, 4096);
        writer.log_id = log_id;
        while writer.next_segment < SEGMENTS {
            writer.append(4);
        }
        writer
    };
    for (size, other_size) in [(64, 32), (32, 64), (64, 0), (0, 64)] {
        let other = temporary_directory();
        write(other.path(), *b"another log here", other_size);
        for stranger in [0, 2, SEGMENTS - 2] {
            let what = format!("events of {size}, segment {stranger} with events of {other_size}");
            let directory = temporary_directory();
            let writer = write(directory.path(), *b"log of the tests", size);
            let lost = writer.first_of(stranger)..writer.first_of(stranger + 1);
            fs::copy(hot_path(other.path(), stranger), hot_path(directory.path(), stranger)).unwrap();
            let ids = 1..=writer.link.last_event_id;
            let expected: Vec<_> =
                ids.filter(|id| !lost.contains(id)).map(|id| (id, expected_event(id, size))).collect();

            let options =
                RecoveryOptions { mode: Mode::Diagnostic, ..RecoveryOptions::new(directory.path()) };
            let log = Recovery::open(options).expect("readable");
            assert_eq!(log.identity().map(|log| log.event_size), Some(size), "{what}");
            for reverse in [false, true] {
                let mut diagnosis = log.diagnose(ReplayOptions { reverse, ..Default::default() }).unwrap();
                let (mut found, mut gaps) = (Vec::new(), Vec::new());
                while let Some(piece) = diagnosis.next_piece().expect("readable") {
                    match piece {
                        Piece::Run(run) => found.extend(
                            run.blocks()
                                .flat_map(|block| block.events(size).collect::<Vec<_>>())
                                .map(|event| (event.id, event.bytes.to_vec())),
                        ),
                        Piece::Gap(gap) => gaps.push(gap.segment),
                    }
                }
                found.sort_unstable();
                assert!(found == expected, "{what}, reverse {reverse}: {} events", found.len());
                assert!(gaps.contains(&stranger), "{what}, reverse {reverse}: {gaps:?}");
            }
        }
    }
}
