//! What a newer version may have written and this one must not guess at.

/// Something of a newer format version, with checksums that are right: neither damage nor readable here.
///
/// What to do: read the log with the version that wrote it, or a later one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// A segment header of another version or size.
    #[error(
        "segment header has version {version} and size {header_size}; this build reads version 1 with 64 \
         bytes; open the log with the version that wrote it or a later one"
    )]
    SegmentVersion {
        /// `version` of the header.
        version: u8,
        /// `header_size` of the header.
        header_size: u8,
    },
    /// A segment header with a flag that is not known.
    #[error(
        "segment header has unknown flags {flags:#06x}; open the log with the version that wrote it or a later one"
    )]
    SegmentFlags {
        /// All `flags` of the header.
        flags: u16,
    },
    /// A block of a kind that is not known and does not say that it may be skipped.
    #[error(
        "block at {segment:08}.wal:{offset} has unknown kind {kind:#06x}; open the log with the version that \
         wrote it or a later one"
    )]
    BlockKind {
        /// Index of the segment.
        segment: u32,
        /// Offset of the block's header in the (uncompressed) segment.
        offset: u64,
        /// `kind` of the block.
        kind: u16,
    },
    /// `wal.meta` of another version.
    #[error(
        "wal.meta has version {version}; this build reads version 1; open the log with the version that wrote \
         it or a later one"
    )]
    MetaVersion {
        /// `version` of the file.
        version: u16,
    },
    /// `wal.staging` of another version.
    #[error(
        "wal.staging has version {version}; this build reads version 1; open the log with the version that wrote \
         it or a later one"
    )]
    StagingVersion {
        /// `version` of the file.
        version: u16,
    },
    /// A cursor of another version.
    #[error(
        "cursor has version {version}; this build reads version 1; open the log with the version that wrote \
         it or a later one"
    )]
    CursorVersion {
        /// `version` of the slot.
        version: u32,
    },
}
