//! Reading cold segments. Nothing is believed before it is checked: a few bytes can claim to be gigabytes.

use zstd_safe::DCtx;

use super::{ColdError, SKIPPABLE, SKIPPABLE_HEADER, SKIPPABLE_MASK};
use crate::bytes::u32_at;
use crate::layout::{COLD_FRAME_CONTENT, MAX_SEGMENT_SIZE, MAX_SEGMENT_START};
use crate::verify::SegmentStart;

/// No zstd block has more content than this, and none is shorter than [`MIN_ZSTD_BLOCK`] bytes.
const MAX_ZSTD_BLOCK_CONTENT: usize = 128 << 10;
const MIN_ZSTD_BLOCK: usize = 3;

/// What a cold segment's file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColdContent {
    /// The content of all frames before the first damaged one.
    pub bytes: Vec<u8>,
    /// What is wrong with the file from there on, for people.
    pub damage: Option<String>,
}

/// Reads a whole file. The seek table is not needed for that, and not looked at. At most `max_len` bytes are
/// decompressed, and no more than the segment's metadata block says that the segment is long; more is damage.
#[must_use]
pub fn read_all(file: &[u8], max_len: usize) -> ColdContent {
    read(file, max_len.min(MAX_SEGMENT_SIZE), max_len.min(MAX_SEGMENT_SIZE))
}

/// The same for a file of which nobody knows how long its segment is: one frame's content and no more where no metadata
/// block says it.
#[must_use]
pub fn read_segment(file: &[u8]) -> ColdContent {
    read(file, MAX_SEGMENT_SIZE, COLD_FRAME_CONTENT)
}

/// At most `limit` bytes until the metadata block has said how many, then `max_len` at most.
fn read(file: &[u8], max_len: usize, mut limit: usize) -> ColdContent {
    let mut content = ColdContent::default();
    if file.is_empty() {
        content.damage = Some("cold file is empty".to_owned());
    }
    let mut reader = FrameReader::default();
    for frame in Frames::of(file) {
        let start = content.bytes.len();
        let outcome = frame.and_then(|frame| frame.append_to(&mut content.bytes, limit, &mut reader));
        if let Err(error) = outcome {
            content.damage = Some(format!("{error} (content offset {start})"));
            break;
        }
        if start < MAX_SEGMENT_START {
            limit = segment_size(&content.bytes).map_or(limit, |size| max_len.min(size));
        }
    }
    content
}

/// The content of one frame, whose bytes and content length a [`SeekTable`](super::SeekTable) names.
pub fn read_frame(frame: &[u8], content_len: u32) -> Result<Vec<u8>, ColdError> {
    let mut content = Vec::new();
    let mut frames = Frames::of(frame);
    let only = frames.next().ok_or(ColdError::Frame("is empty"))??;
    if only.bytes.len() != frame.len() || only.content_len != content_len as usize {
        return Err(ColdError::Frame("is not what the seek table says"));
    }
    only.append_to(&mut content, MAX_SEGMENT_SIZE, &mut FrameReader::default())?;
    Ok(content)
}

/// Reads frame after frame into memory that is there already, for whoever decompresses many.
#[derive(Default)]
pub struct FrameReader {
    /// Made when the first frame is read.
    context: Option<DCtx<'static>>,
}

impl FrameReader {
    /// Fills `into` with the content of a frame, whose bytes and content length a [`SeekTable`](super::SeekTable)
    /// names. What `into` holds after an error is not to be used.
    pub fn read(&mut self, frame: &[u8], into: &mut [u8]) -> Result<(), ColdError> {
        let context = match &mut self.context {
            Some(context) => context,
            none => none.insert(DCtx::try_create().ok_or(ColdError::Zstd("out of memory"))?),
        };
        match context.decompress(into, frame) {
            Ok(len) if len == into.len() => Ok(()),
            Ok(_) => Err(ColdError::Frame("has another length than it says")),
            Err(code) => Err(ColdError::zstd(code)),
        }
    }
}

impl std::fmt::Debug for FrameReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FrameReader")
    }
}

fn segment_size(content: &[u8]) -> Option<usize> {
    SegmentStart::read(content).ok()?.segment_size().map(|size| size as usize)
}

/// A frame that has not been decompressed yet.
pub(super) struct CompressedFrame<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) content_len: usize,
}

impl CompressedFrame<'_> {
    fn append_to(
        &self,
        content: &mut Vec<u8>,
        max_len: usize,
        reader: &mut FrameReader,
    ) -> Result<(), ColdError> {
        let start = content.len();
        if self.content_len > max_len.saturating_sub(start) {
            return Err(ColdError::Frame("expands beyond the segment"));
        }
        content.resize(start + self.content_len, 0);
        reader.read(self.bytes, &mut content[start..]).inspect_err(|_| content.truncate(start))
    }
}

/// The frames of a file in order, skippable ones left out. Ends behind the first one that cannot be told.
pub(super) struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    pub(super) fn of(file: &'a [u8]) -> Self {
        Self { rest: file }
    }

    /// The next frame; `rest` is behind it.
    fn split(&mut self) -> Result<CompressedFrame<'a>, ColdError> {
        let file = std::mem::take(&mut self.rest);
        let len = zstd_safe::find_frame_compressed_size(file).map_err(ColdError::zstd)?;
        let (bytes, rest) = file.split_at_checked(len).ok_or(ColdError::Frame("is cut short"))?;
        let content_len = zstd_safe::get_frame_content_size(bytes)
            .ok()
            .flatten()
            .and_then(|len| usize::try_from(len).ok())
            .ok_or(ColdError::Frame("does not say how long its content is"))?;
        if content_len > (len / MIN_ZSTD_BLOCK).saturating_mul(MAX_ZSTD_BLOCK_CONTENT) {
            return Err(ColdError::Frame("claims more content than its bytes can hold"));
        }
        self.rest = rest;
        Ok(CompressedFrame { bytes, content_len })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<CompressedFrame<'a>, ColdError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.rest.len() >= SKIPPABLE_HEADER && u32_at(self.rest, 0) & SKIPPABLE_MASK == SKIPPABLE {
            let end = SKIPPABLE_HEADER + u32_at(self.rest, 4) as usize;
            self.rest = self.rest.get(end..).unwrap_or(&[]);
        }
        if self.rest.is_empty() { None } else { Some(self.split()) }
    }
}
