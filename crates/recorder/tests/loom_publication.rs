//! All that a reader may see of blocks while they are published: never a word that publishes without the block behind it,
//! and never the beginning of a segment without all of the one before.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p flashstrike-recorder --test loom_publication --release`.
#![cfg(loom)]

#[path = "../../recovery/src/follow/publication.rs"]
mod reading;
#[path = "../src/segment_writer/publication.rs"]
mod writing;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use writing::SharedMemory;

/// Of each block one word of the header, the word that publishes, and one of the payload: all orders of more would take
/// the checker for ever. The plain stores of a writer and the loads of a reader through the kernel are relaxed ones.
const MODELLED: [usize; 6] = [0, 56, 64, BEHIND, BEHIND + 56, BEHIND + 64];
/// Where the second block begins; it stands for the first one of the next segment too.
const BEHIND: usize = 128;

struct Memory([AtomicU64; MODELLED.len()]);

impl Memory {
    fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    fn store_if_modelled(&self, offset: usize, word: u64, order: Ordering) {
        if let Some(at) = MODELLED.iter().position(|&modelled| modelled == offset) {
            self.0[at].store(word, order);
        }
    }

    fn load(&self, offset: usize) -> u64 {
        self.0[MODELLED.iter().position(|&modelled| modelled == offset).unwrap()].load(Ordering::Relaxed)
    }
}

impl SharedMemory for Memory {
    fn write(&self, offset: usize, bytes: &[u8]) {
        for (at, word) in (offset..).step_by(8).zip(bytes.chunks_exact(8)) {
            let word = u64::from_le_bytes(word.try_into().unwrap());
            self.store_if_modelled(at, word, Ordering::Relaxed);
        }
    }

    fn store(&self, offset: usize, word: u64, order: Ordering) {
        self.store_if_modelled(offset, word, order);
    }
}

fn publish(memory: &Memory, at: usize, value: u8) {
    writing::publish(memory, at, &[value; 64], &[value; 8]);
}

fn is_published(memory: &Memory, at: usize) -> bool {
    reading::is_published(|| Ok::<_, ()>(memory.load(at + 56))).unwrap()
}

#[track_caller]
fn expect_whole(memory: &Memory, at: usize, value: u8) {
    let expected = u64::from_le_bytes([value; 8]);
    assert_eq!([memory.load(at), memory.load(at + 64)], [expected; 2], "the block at {at}");
}

/// Runs both in every way there is.
fn model(read: fn(&Memory)) {
    loom::model(move || {
        let memory = Arc::new(Memory::new());
        let writer = {
            let memory = Arc::clone(&memory);
            loom::thread::spawn(move || {
                publish(&memory, 0, 1);
                publish(&memory, BEHIND, 2);
            })
        };
        let reader = loom::thread::spawn(move || read(&memory));
        writer.join().unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn a_published_block_is_there_as_a_whole() {
    model(|memory| {
        if is_published(memory, 0) {
            expect_whole(memory, 0, 1);
        }
    });
}

/// The first look comes too early, the next segment is published: the second look finds what the first one missed.
#[test]
fn behind_the_beginning_of_the_next_segment_the_end_of_this_one_is_seen() {
    model(|memory| {
        let seen_early = is_published(memory, 0);
        if !seen_early && is_published(memory, BEHIND) {
            assert!(is_published(memory, 0), "the last block of the segment before is passed over");
            expect_whole(memory, 0, 1);
            expect_whole(memory, BEHIND, 2);
        }
    });
}
