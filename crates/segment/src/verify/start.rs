//! What the first bytes of a segment say by themselves.

use super::block::{Setting, on_its_own};
use super::view::View;
use crate::block_header::{BlockHeader, KIND_METADATA};
use crate::layout::{MAX_SEGMENT_START, SEGMENT_HEADER_SIZE, round64};
use crate::segment_header::HeaderError;
use crate::{Metadata, Seal, SegmentHeader, Unsupported};

/// Header and metadata block of one segment, each if it verifies on its own. Whether they belong here, the log decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SegmentStart {
    /// The header, if it verifies.
    pub header: Option<SegmentHeader>,
    /// Whether a block has been published at the metadata block's place, intact or not.
    pub published: bool,
    /// The metadata block, if it verifies on its own and says what a metadata block says.
    pub metadata: Option<(BlockHeader, Metadata)>,
    /// The segment's salt: the header's, else the metadata block's.
    pub salt: Option<u32>,
    /// The log's event size: the header's, else the metadata block's.
    pub event_size: Option<u16>,
    /// The header's counts, if it is sealed.
    pub sealed: Option<Seal>,
}

impl SegmentStart {
    /// Reads the beginning of a segment: at least the first [`MAX_SEGMENT_START`] bytes, or the whole file if it is
    /// shorter. The file is taken as if zeros followed.
    pub fn read(bytes: &[u8]) -> Result<Self, Unsupported> {
        let header = match SegmentHeader::decode(bytes) {
            Ok(header) => Some(header),
            Err(HeaderError::Unsupported(unsupported)) => return Err(unsupported),
            Err(_) => None,
        };
        let view = View::new(bytes, bytes.len().max(MAX_SEGMENT_START));
        let setting = Setting { salt: header.as_ref().map(|header| header.salt), event_size: Some(0) };
        let metadata = on_its_own(&view, SEGMENT_HEADER_SIZE, setting).ok().and_then(|(block, payload)| {
            let is_first_metadata = block.kind == KIND_METADATA && block.block_index == 0;
            let metadata = is_first_metadata.then(|| Metadata::decode(&payload).ok()).flatten()?;
            (SEGMENT_HEADER_SIZE + block.block_len() <= metadata.segment_size as usize)
                .then_some((block, metadata))
        });
        let said = metadata.as_ref().map(|(_, metadata)| metadata);
        Ok(Self {
            published: view.is_published(SEGMENT_HEADER_SIZE),
            salt: header.as_ref().map(|header| header.salt).or(said.map(|metadata| metadata.salt)),
            event_size: header
                .as_ref()
                .map(|header| header.event_size)
                .or(said.map(|metadata| metadata.event_size)),
            sealed: header.as_ref().and_then(|header| header.sealed.clone()),
            header,
            metadata,
        })
    }

    /// Length of the segment, if the metadata block tells.
    #[must_use]
    pub fn segment_size(&self) -> Option<u32> {
        self.metadata.as_ref().map(|(_, metadata)| metadata.segment_size)
    }

    /// The log's id, if the metadata block tells.
    #[must_use]
    pub fn log_id(&self) -> Option<[u8; 16]> {
        self.metadata.as_ref().map(|(_, metadata)| metadata.log_id)
    }

    /// The segment with the length it should have: as the metadata block says, else as the log does, else as it is.
    pub(crate) fn view<'a>(&self, bytes: &'a [u8], log_segment_size: Option<u32>) -> View<'a> {
        let len = self.segment_size().or(log_segment_size.filter(|&size| size as usize >= bytes.len()));
        View::new(bytes, len.map_or(round64(bytes.len()), |len| len as usize))
    }

    /// What blocks of this segment have to agree with.
    pub(crate) fn setting(&self, log_event_size: Option<u16>) -> Setting {
        Setting { salt: self.salt, event_size: self.event_size.or(log_event_size) }
    }
}
