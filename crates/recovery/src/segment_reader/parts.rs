//! The memory that a segment is read into.

use std::io;
use std::sync::Arc;

use crate::pool::{Loan, Pool};

/// Where a segment's bytes come from, front to back.
pub(super) trait Pieces {
    /// Bytes there are in all.
    fn length(&self) -> usize;
    /// Reads what comes behind the first `have` bytes to the beginning of `into`.
    fn more(&mut self, into: &mut [u8], have: usize) -> io::Result<More>;
}

/// What came of reading on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    /// So many bytes.
    Bytes(usize),
    /// The next piece has so many bytes, which is more than there was room for.
    NeedsRoom(usize),
    /// What comes next is not there or cannot be read.
    Nothing,
}

/// The bytes of a segment read so far, in parts that each begin with a block: so every block lies in one piece, and a
/// part can be given back before the others.
#[derive(Debug)]
pub(super) struct Parts {
    pool: Arc<Pool>,
    filled: Vec<Loan>,
    current: Loan,
    /// Where the current part begins in the segment.
    begin: usize,
    /// Bytes of the segment read in all.
    have: usize,
}

impl Parts {
    /// No bytes yet, and memory for at least the first `least`.
    pub(super) fn new(pool: &Arc<Pool>, least: usize) -> io::Result<Self> {
        let current = pool.borrow_for(least)?;
        Ok(Self { pool: Arc::clone(pool), filled: Vec::new(), current, begin: 0, have: 0 })
    }

    /// Bytes of the segment read in all.
    pub(super) fn have(&self) -> usize {
        self.have
    }

    /// Number of the current part, and where the byte at `offset` of the segment lies in it.
    pub(super) fn place(&self, offset: usize) -> (usize, usize) {
        (self.filled.len(), offset - self.begin)
    }

    /// What was read from `from` on, an offset in the segment that lies in the current part.
    pub(super) fn bytes(&self, from: usize) -> &[u8] {
        &self.current.bytes()[from - self.begin..self.have - self.begin]
    }

    /// Reads on; false if there is no more. What is wanted from now on are the bytes from `from` to `to`, in one piece.
    pub(super) fn more(&mut self, source: &mut dyn Pieces, from: usize, to: usize) -> io::Result<bool> {
        let mut least = 0;
        loop {
            if to.max(self.have + least) - self.begin > self.current.bytes().len() {
                self.begin_part(from, to.max(self.have + least))?;
            }
            let at = self.have - self.begin;
            match source.more(&mut self.current.bytes_mut()[at..], self.have)? {
                More::Bytes(0) | More::Nothing => return Ok(false),
                More::NeedsRoom(bytes) if bytes <= least => return Ok(false),
                More::NeedsRoom(bytes) => least = bytes,
                More::Bytes(bytes) => {
                    self.have += bytes;
                    return Ok(true);
                }
            }
        }
    }

    /// Begins a part with the byte at `from`, with room up to the one at `to`.
    fn begin_part(&mut self, from: usize, to: usize) -> io::Result<()> {
        let mut part = self.pool.borrow_for(to - from)?;
        let carried = self.bytes(from);
        part.bytes_mut()[..carried.len()].copy_from_slice(carried);
        let full = std::mem::replace(&mut self.current, part);
        // One that holds nothing but what was carried on stays in the list, or the parts would be counted wrong.
        self.filled.push(full);
        self.begin = from;
        Ok(())
    }

    /// All parts.
    pub(super) fn finish(mut self) -> Vec<Loan> {
        self.filled.push(self.current);
        self.filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of `piece` bytes, all at once or, if `cuttable`, as many as there is room for.
    struct Source {
        bytes: Vec<u8>,
        piece: usize,
        cuttable: bool,
    }

    impl Pieces for Source {
        fn length(&self) -> usize {
            self.bytes.len()
        }

        fn more(&mut self, into: &mut [u8], have: usize) -> io::Result<More> {
            let next = self.piece.min(self.bytes.len() - have);
            let length = if self.cuttable { next.min(into.len()) } else { next };
            if length > into.len() || (length == 0 && next > 0) {
                return Ok(More::NeedsRoom(next.max(1)));
            }
            into[..length].copy_from_slice(&self.bytes[have..have + length]);
            Ok(More::Bytes(length))
        }
    }

    #[test]
    fn every_block_lies_in_one_piece_whatever_comes_at_a_time() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for capacity in [4096, 10_000, 400_000] {
            for piece in [1000, 4096, 7000] {
                for cuttable in [true, false] {
                    for block in [64, 4096, 5_056, 30_016] {
                        let mut source = Source { bytes: bytes.clone(), piece, cuttable };
                        let pool = Pool::new(capacity);
                        let mut parts = Parts::new(&pool, 64).unwrap();
                        let mut places = Vec::new();
                        let mut at = 0;
                        while at + block <= bytes.len() {
                            while parts.have() < at + block {
                                assert!(parts.more(&mut source, at, at + block).unwrap());
                            }
                            assert!(parts.bytes(at)[..block] == bytes[at..at + block]);
                            places.push((at, parts.place(at)));
                            at += block;
                        }
                        let parts = parts.finish();
                        for (at, (part, start)) in places {
                            assert!(parts[part].bytes()[start..start + block] == bytes[at..at + block]);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_end_of_what_there_is_is_told() {
        let mut source = Source { bytes: vec![7; 5000], piece: 4096, cuttable: true };
        let mut parts = Parts::new(&Pool::new(4096), 64).unwrap();
        while parts.have() < 5000 {
            assert!(parts.more(&mut source, 0, 6000).unwrap());
        }
        assert!(!parts.more(&mut source, 0, 6000).unwrap());
        assert_eq!(parts.bytes(0), [7; 5000]);
    }
}
