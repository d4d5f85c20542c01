//! Writing cold segments.

use zstd_safe::{CCtx, CParameter};

use super::{ColdError, SEEK_TABLE_FRAME, SEEK_TABLE_MAGIC};
use crate::layout::COLD_FRAME_CONTENT;

/// Compresses the bytes of a sealed segment up to the end of its last block. `level` is zstd's: 1 (fast) to 19 (small),
/// 3 is usual.
pub fn compress(content: &[u8], level: i32) -> Result<Vec<u8>, ColdError> {
    let mut writer = FrameWriter::new(level)?;
    let mut file = Vec::new();
    for part in content.chunks(COLD_FRAME_CONTENT) {
        writer.frame(part, &mut file)?;
    }
    writer.finish(&mut file);
    Ok(file)
}

/// Compresses a segment piece by piece.
///
/// ```
/// use flashstrike_segment::{cold, layout::COLD_FRAME_CONTENT};
///
/// let content = vec![42; COLD_FRAME_CONTENT + 100];
/// let mut file = Vec::new();
/// let mut writer = cold::FrameWriter::new(3)?;
/// for part in content.chunks(COLD_FRAME_CONTENT) {
///     writer.frame(part, &mut file)?; // or write `file` out and clear it
/// }
/// writer.finish(&mut file);
/// assert_eq!(file, cold::compress(&content, 3)?);
/// # Ok::<(), cold::ColdError>(())
/// ```
pub struct FrameWriter {
    context: CCtx<'static>,
    /// Compressed and content length of every frame.
    frames: Vec<(u32, u32)>,
    is_last_written: bool,
}

impl FrameWriter {
    /// A writer with zstd's compression `level`.
    pub fn new(level: i32) -> Result<Self, ColdError> {
        let mut context = CCtx::try_create().ok_or(ColdError::Zstd("out of memory"))?;
        for parameter in [
            CParameter::CompressionLevel(level),
            CParameter::ContentSizeFlag(true),
            CParameter::ChecksumFlag(true),
        ] {
            context.set_parameter(parameter).map_err(ColdError::zstd)?;
        }
        Ok(Self { context, frames: Vec::new(), is_last_written: false })
    }

    /// Appends a frame with the next [`COLD_FRAME_CONTENT`] bytes to `file`; only the last one may be shorter.
    pub fn frame(&mut self, content: &[u8], file: &mut Vec<u8>) -> Result<(), ColdError> {
        if content.is_empty() || content.len() > COLD_FRAME_CONTENT || self.is_last_written {
            return Err(ColdError::Frame("content has to be 1 MiB, only the last one may be less"));
        }
        self.is_last_written = content.len() < COLD_FRAME_CONTENT;
        let start = file.len();
        file.resize(start + zstd_safe::compress_bound(content.len()), 0);
        let len = self.context.compress2(&mut file[start..], content).map_err(ColdError::zstd)?;
        file.truncate(start + len);
        self.frames.push((len as u32, content.len() as u32));
        Ok(())
    }

    /// Appends the seek table to `file`.
    pub fn finish(self, file: &mut Vec<u8>) {
        let mut table = Vec::new();
        for (len, content_len) in &self.frames {
            table.extend_from_slice(&len.to_le_bytes());
            table.extend_from_slice(&content_len.to_le_bytes());
        }
        table.extend_from_slice(&(self.frames.len() as u32).to_le_bytes());
        table.push(0); // descriptor: no checksum per frame, the frames have their own
        table.extend_from_slice(&SEEK_TABLE_MAGIC.to_le_bytes());
        file.extend_from_slice(&SEEK_TABLE_FRAME.to_le_bytes());
        file.extend_from_slice(&(table.len() as u32).to_le_bytes());
        file.extend_from_slice(&table);
    }
}

impl std::fmt::Debug for FrameWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameWriter").field("frames", &self.frames.len()).finish_non_exhaustive()
    }
}
