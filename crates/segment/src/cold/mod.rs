//! Cold segments, `.wal.zst`: bytes 0…E−1 of a sealed segment, E the end of its last block with padding, as independent
//! zstd frames of 1 MiB of content each (the last one less) with content size and checksum, followed by a seek table as
//! a skippable frame: the zstd *seekable format* without per-frame checksums. `zstd -d` gives those bytes.
//!
//! ```
//! use flashstrike_segment::cold::{self, SeekTable};
//!
//! let content = vec![7; 3_000_000];
//! let file = cold::compress(&content, 3)?;
//!
//! // The whole of it …
//! let read = cold::read_all(&file, content.len());
//! assert!(read.bytes == content && read.damage.is_none());
//!
//! // … or only the frame that holds byte 2 500 000.
//! let table = SeekTable::read(&file)?;
//! let frame = table.frame_at(2_500_000).unwrap();
//! let part = cold::read_frame(&file[frame.range()], frame.content_len)?;
//! assert_eq!(part, content[frame.content_range()]);
//! # Ok::<(), cold::ColdError>(())
//! ```

mod read;
mod seek_table;
mod write;

pub use read::{ColdContent, FrameReader, read_all, read_frame, read_segment};
pub use seek_table::{Frame, SeekTable};
pub use write::{FrameWriter, compress};

/// Magic of the skippable frame that holds the seek table.
const SEEK_TABLE_FRAME: u32 = 0x184D_2A5E;
/// Any of the 16 skippable frames.
const SKIPPABLE: u32 = 0x184D_2A50;
const SKIPPABLE_MASK: u32 = 0xFFFF_FFF0;
/// The last 4 bytes of a seek table.
const SEEK_TABLE_MAGIC: u32 = 0x8F92_EAB1;
/// Number of frames, descriptor, magic.
const SEEK_TABLE_FOOTER: usize = 9;
/// Magic and length of a skippable frame.
const SKIPPABLE_HEADER: usize = 8;
/// Compressed and content length of a frame.
const SEEK_TABLE_ENTRY: usize = 8;

/// What can be wrong with a cold segment or its making.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColdError {
    /// zstd refused: to compress, for want of memory or because of an impossible level; to decompress, because the
    /// frame is damaged.
    #[error("zstd: {0}")]
    Zstd(&'static str),
    /// A frame without content size or checksum, longer than it may be, or of another length than the table says.
    #[error("cold frame {0}")]
    Frame(&'static str),
    /// The seek table is missing or contradicts the file. It can be [rebuilt](SeekTable::rebuild).
    #[error("seek table {0}")]
    SeekTable(&'static str),
}

impl ColdError {
    fn zstd(code: usize) -> Self {
        Self::Zstd(zstd_safe::get_error_name(code))
    }
}
