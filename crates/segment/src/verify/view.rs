//! A segment's bytes as if the file had the length it should have.

use std::borrow::Cow;

use crate::bytes::all_zero;
use crate::layout::{BLOCK_HEADER_SIZE, PUBLICATION_OFFSET};

/// Bytes of a segment, cut or zero-filled to `len` without copying what is not asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// At most `len` bytes; zeros follow.
    bytes: &'a [u8],
    len: usize,
}

impl<'a> View<'a> {
    pub(crate) fn new(bytes: &'a [u8], len: usize) -> Self {
        Self { bytes: &bytes[..bytes.len().min(len)], len }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that are really there.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes from `at` on that are really there, at most `len`.
    pub(crate) fn present(&self, at: usize, len: usize) -> &'a [u8] {
        let rest = self.bytes.get(at..).unwrap_or(&[]);
        &rest[..rest.len().min(len)]
    }

    /// The 64 bytes at `at`, if they lie in the segment.
    pub(crate) fn header(&self, at: usize) -> Option<Cow<'a, [u8]>> {
        (at + BLOCK_HEADER_SIZE <= self.len).then(|| self.range(at, BLOCK_HEADER_SIZE))
    }

    /// `len` bytes at `at`. The caller has made sure that they lie in the segment.
    pub(crate) fn range(&self, at: usize, len: usize) -> Cow<'a, [u8]> {
        let present = self.present(at, len);
        if present.len() == len {
            return Cow::Borrowed(present);
        }
        let mut filled = vec![0; len];
        filled[..present.len()].copy_from_slice(present);
        Cow::Owned(filled)
    }

    /// Whether a block has been published at `at`: its place lies in the segment and bytes 56…63 are not all zero.
    pub(crate) fn is_published(&self, at: usize) -> bool {
        let word = self.present(at + PUBLICATION_OFFSET, BLOCK_HEADER_SIZE - PUBLICATION_OFFSET);
        at + BLOCK_HEADER_SIZE <= self.len && !all_zero(word)
    }

    pub(crate) fn is_zero_from(&self, at: usize) -> bool {
        all_zero(self.bytes.get(at..).unwrap_or(&[]))
    }
}
