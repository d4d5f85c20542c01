//! Where the frames of a cold segment lie.

use std::ops::Range;

use super::read::Frames;
use super::{
    ColdError, SEEK_TABLE_ENTRY, SEEK_TABLE_FOOTER, SEEK_TABLE_FRAME, SEEK_TABLE_MAGIC, SKIPPABLE_HEADER,
};
use crate::bytes::u32_at;

/// The frames of a cold segment, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeekTable {
    frames: Vec<Frame>,
}

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its bytes in the file.
    pub len: u32,
    /// Where its content begins in the segment.
    pub content_offset: u64,
    /// Bytes of its content.
    pub content_len: u32,
}

impl Frame {
    /// Its bytes in the file.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.offset as usize..self.offset as usize + self.len as usize
    }

    /// Its content's bytes in the segment.
    #[must_use]
    pub fn content_range(&self) -> Range<usize> {
        self.content_offset as usize..self.content_offset as usize + self.content_len as usize
    }
}

impl SeekTable {
    /// As many bytes at the end of a file hold its seek table. `last` are at least its last 9 bytes.
    pub fn tail_len(last: &[u8]) -> Result<usize, ColdError> {
        let footer: &[u8; SEEK_TABLE_FOOTER] = last.last_chunk().ok_or(ColdError::SeekTable("is missing"))?;
        if u32_at(footer, 5) != SEEK_TABLE_MAGIC {
            return Err(ColdError::SeekTable("is missing"));
        }
        if footer[4] != 0 {
            return Err(ColdError::SeekTable("has entries of another kind"));
        }
        Ok(u32_at(footer, 0) as usize * SEEK_TABLE_ENTRY + SEEK_TABLE_FOOTER + SKIPPABLE_HEADER)
    }

    /// As many bytes at the end of the file of these frames hold the seek table.
    #[must_use]
    pub fn tail_len_of_file(&self) -> usize {
        self.frames.len() * SEEK_TABLE_ENTRY + SEEK_TABLE_FOOTER + SKIPPABLE_HEADER
    }

    /// The seek table in the last [`SeekTable::tail_len`] bytes (or more) of a file of `file_len` bytes. The frames it
    /// names fill the rest of the file exactly.
    pub fn parse(tail: &[u8], file_len: u64) -> Result<Self, ColdError> {
        let len = Self::tail_len(tail)?;
        let start = tail.len().checked_sub(len).ok_or(ColdError::SeekTable("is cut short"))?;
        let tail = &tail[start..];
        let table_len = len - SKIPPABLE_HEADER;
        if u32_at(tail, 0) != SEEK_TABLE_FRAME || u32_at(tail, 4) as usize != table_len {
            return Err(ColdError::SeekTable("does not begin where it should"));
        }
        let mut table = Self::default();
        let entries = &tail[SKIPPABLE_HEADER..len - SEEK_TABLE_FOOTER];
        for entry in entries.chunks_exact(SEEK_TABLE_ENTRY) {
            table.push(u32_at(entry, 0), u32_at(entry, 4));
        }
        let (end, _) = table.ends();
        if end + len as u64 == file_len {
            Ok(table)
        } else {
            Err(ColdError::SeekTable("does not match the file"))
        }
    }

    /// The seek table of a whole file, rebuilt if it is damaged.
    pub fn read(file: &[u8]) -> Result<Self, ColdError> {
        Self::parse(file, file.len() as u64).or_else(|_| Self::rebuild(file))
    }

    /// The seek table that the frames of a whole file tell, without decompressing them: for a file whose own table is
    /// damaged. Fails at the first frame whose length cannot be told.
    pub fn rebuild(file: &[u8]) -> Result<Self, ColdError> {
        let mut table = Self::default();
        for frame in Frames::of(file) {
            let frame = frame?;
            table.push(frame.bytes.len() as u32, frame.content_len as u32);
        }
        Ok(table)
    }

    /// The frames in order.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frame that holds this byte of the segment.
    #[must_use]
    pub fn frame_at(&self, content_offset: u64) -> Option<&Frame> {
        let behind = self.frames.partition_point(|frame| frame.content_offset <= content_offset);
        let frame = &self.frames[behind.checked_sub(1)?];
        (content_offset - frame.content_offset < frame.content_len.into()).then_some(frame)
    }

    /// Bytes of the whole content.
    #[must_use]
    pub fn content_len(&self) -> u64 {
        self.ends().1
    }

    fn push(&mut self, len: u32, content_len: u32) {
        let (offset, content_offset) = self.ends();
        self.frames.push(Frame { offset, len, content_offset, content_len });
    }

    fn ends(&self) -> (u64, u64) {
        self.frames.last().map_or((0, 0), |frame| {
            (frame.offset + u64::from(frame.len), frame.content_offset + u64::from(frame.content_len))
        })
    }
}
