//! What the segments read so far say of the log, to which the next ones have to belong.

use super::LogIdentity;
use crate::Metadata;

/// What is known of the log that a segment has to belong to; grows as segments are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogExpectation {
    pub(crate) log_id: Option<[u8; 16]>,
    pub(crate) event_size: Option<u16>,
    pub(crate) segment_size: Option<u32>,
    pub(crate) schema: Option<String>,
}

impl LogExpectation {
    pub(crate) fn of(log: &LogIdentity) -> Self {
        Self {
            log_id: Some(log.log_id),
            event_size: Some(log.event_size),
            segment_size: Some(log.segment_size),
            schema: Some(log.schema.clone()),
        }
    }

    /// What of the metadata is not the log's.
    pub(super) fn differs(&self, metadata: &Metadata) -> Option<&'static str> {
        if self.log_id.is_some_and(|log_id| log_id != metadata.log_id) {
            Some("log id")
        } else if self.event_size.is_some_and(|event_size| event_size != metadata.event_size) {
            Some("event size")
        } else if self.schema.as_ref().is_some_and(|schema| !same_json(schema, &metadata.schema)) {
            Some("schema")
        } else {
            None
        }
    }

    pub(crate) fn learn(&mut self, metadata: &Metadata) {
        self.log_id = Some(metadata.log_id);
        self.event_size = Some(metadata.event_size);
        self.segment_size = Some(metadata.segment_size);
        self.schema.get_or_insert_with(|| metadata.schema.clone());
    }

    pub(crate) fn identity(self) -> Option<LogIdentity> {
        Some(LogIdentity {
            log_id: self.log_id?,
            event_size: self.event_size?,
            segment_size: self.segment_size?,
            schema: self.schema?,
        })
    }
}

/// Schemas are compared parsed.
pub(crate) fn same_json(left: &str, right: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    left == right || (parse(left).is_some() && parse(left) == parse(right))
}
