//! Copying words that another process is storing, each of them whole.
//!
//! # Why not through a mapping
//!
//! A mapping read with atomic loads could not tear a word. But whoever may write the file may also cut it short, and the
//! next load beyond its end raises `SIGBUS`, which no check before it can rule out and which a library cannot catch
//! without taking the signal from the program. A reader of a page would then die of what somebody did to a file. `pread`
//! gives an error instead; but what it copies with is not an atomic load, and promises nothing about words.
//!
//! # Why the words are whole all the same
//!
//! 1. The writer stores each word at once, aligned. A copy of it can be wrong only if the kernel takes the word in
//!    several pieces and the store falls between two of them. What Linux copies with on the supported processors moves
//!    eight bytes or more at once (`mov` and string moves on x86-64, `ldp` on `AArch64`), and begins, since source and
//!    destination have the same place within their pages, at a multiple of that. Nobody has seen a torn word: the test
//!    beside this crate looks for one in tens of millions.
//! 2. That is how it is made, and not promised. So everything is copied three times, and a word counts only if what the
//!    second copy has lies between what the first and the third have. What only grows, or only shrinks, passes that
//!    whenever no copy of it is torn; and a torn word is off by at least one carry between its pieces, upwards beyond
//!    what the next copy shows, or downwards below the one before. To get through, all three copies would have to be
//!    torn in the same few nanoseconds each, in directions that fit. Words that do not pass are compared again with one
//!    more copy, up to [`MOST_COPIES`]. What then still swings is a gauge that is set faster than it can be copied;
//!    the latest copy of it is taken.

use std::io;

use super::ALIGNMENT;
use super::parse::WORD;

/// The most copies that are made until every word is steady.
const MOST_COPIES: usize = 16;

/// A buffer whose bytes lie at the same places of their pages as the words in the file.
struct Copy {
    bytes: Vec<u8>,
    begin: usize,
    length: usize,
}

impl Copy {
    fn new(length: usize) -> Self {
        let bytes = vec![0; length + ALIGNMENT];
        // It is not moved within: the buffer never grows.
        let begin = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { bytes, begin, length }
    }

    fn fill(&mut self, read: &mut impl FnMut(&mut [u8]) -> io::Result<()>) -> io::Result<()> {
        read(&mut self.bytes[self.begin..self.begin + self.length])
    }

    fn word(&self, at: usize) -> u64 {
        let begin = self.begin + at * WORD;
        self.bytes[begin..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
    }
}

/// Copies `words` words that `read` gives the bytes of, again each time it is called. The first of them has to lie at a
/// multiple of 4 096 in the file.
pub(super) fn copy(words: usize, mut read: impl FnMut(&mut [u8]) -> io::Result<()>) -> io::Result<Vec<u64>> {
    let [mut first, mut second, mut third] = [(); 3].map(|()| Copy::new(words * WORD));
    for copy in [&mut first, &mut second, &mut third] {
        copy.fill(&mut read)?;
    }
    let mut settled = vec![0; words];
    let mut open = settle(&mut settled, 0..words, [&first, &second, &third]);
    for _ in 3..MOST_COPIES {
        if open.is_empty() {
            return Ok(settled);
        }
        (first, second, third) = (second, third, first);
        third.fill(&mut read)?;
        open = settle(&mut settled, open, [&first, &second, &third]);
    }
    for at in open {
        settled[at] = third.word(at);
    }
    Ok(settled)
}

/// Takes every word that is steady, and gives those that are not.
fn settle(
    settled: &mut [u64],
    words: impl IntoIterator<Item = usize>,
    [first, second, third]: [&Copy; 3],
) -> Vec<usize> {
    let take = |&at: &usize| {
        let [before, word, after] = [first, second, third].map(|copy| copy.word(at));
        settled[at] = word;
        !(before.min(after)..=before.max(after)).contains(&word)
    };
    words.into_iter().filter(take).collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use proptest::prelude::*;

    use super::{MOST_COPIES, copy};

    /// What copy number `round` of a counter looks like that `tears` at a byte: the pieces of two values.
    fn torn(before: u64, after: u64, at: usize) -> u64 {
        let mask = u64::MAX << (at * 8);
        before & mask | after & !mask
    }

    proptest! {
        /// A counter that grows during each copy, one of which is torn, at any byte and in either direction.
        #[test]
        fn one_torn_copy_is_never_taken(
            start in prop_oneof![any::<u64>(), (0_u64..1 << 40).prop_map(|high| (high << 16) | 0xfff0)],
            steps in prop::collection::vec(0_u64..300, MOST_COPIES + 1),
            which in 0_usize..4,
            at in 1_usize..8,
            low_first in any::<bool>(),
        ) {
            let start = start % (u64::MAX / 2);
            let mut round = 0;
            let mut value = start;
            let taken = copy(1, |bytes| {
                let (before, after) = (value, value + steps[round]);
                let word = match (round == which, low_first) {
                    (false, _) => after,
                    (true, false) => torn(before, after, at),
                    (true, true) => torn(after, before, at),
                };
                bytes.copy_from_slice(&word.to_le_bytes());
                value = after;
                round += 1;
                Ok(())
            });
            let taken = taken.unwrap()[0];
            prop_assert!(start <= taken && taken <= value, "{:#x} of {:#x} … {:#x}", taken, start, value);
        }
    }

    #[test]
    fn a_gauge_that_swings_all_the_time_ends_in_its_latest_copy() {
        let mut round = 0_u64;
        let taken = copy(2, |bytes| {
            round += 1;
            bytes[..8].copy_from_slice(&(round % 2 * 100 + round).to_le_bytes());
            bytes[8..].copy_from_slice(&7_u64.to_le_bytes());
            Ok(())
        });
        assert_eq!(round, MOST_COPIES as u64);
        assert_eq!(taken.unwrap(), [round % 2 * 100 + round, 7]);
    }

    #[test]
    fn a_file_that_was_cut_is_an_error() {
        let cut = copy(2, |_| Err(io::ErrorKind::UnexpectedEof.into()));
        assert_eq!(cut.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
