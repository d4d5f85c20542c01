//! The event of all benchmarks: `RequestEvent`, 64 bytes, nine fields.

use flashstrike_recorder::RecorderOptions;
use flashstrike_segment::Schema;

use std::path::Path;

use crate::Failure;

/// Bytes of an event.
pub(crate) const EVENT_BYTES: usize = 64;

/// Segments ready when the clock starts: a round of five million events rotates into five of them.
const PREPARED_SEGMENTS: u32 = 6;

/// The same fields as the event of the JavaScript benchmarks.
const SCHEMA: &str = r#"{"name":"RequestEvent","size":64,"fields":[
    {"name":"event_id","type":"u64","offset":0},
    {"name":"timestamp","type":"u64","offset":8},
    {"name":"price","type":"i64","offset":16},
    {"name":"quantity","type":"u64","offset":24},
    {"name":"userId","type":"u32","offset":32},
    {"name":"orderId","type":"u32","offset":36},
    {"name":"type","type":"u8","offset":40},
    {"name":"orderType","type":"u8","offset":41},
    {"name":"side","type":"u8","offset":42}]}"#;

/// A recorder's options for logs of that event.
pub(crate) fn options(directory: &Path) -> Result<RecorderOptions, Failure> {
    let mut options = RecorderOptions::new(directory).with_schema(Schema::parse(SCHEMA)?);
    options.prepared_segments = PREPARED_SEGMENTS;
    Ok(options)
}

/// Events made before the clock starts, to be taken in turn: 16 KiB, so that reading them does not push the
/// contestant's own memory out of the first-level cache.
pub(crate) struct Events(Box<[[u8; EVENT_BYTES]; Self::COUNT]>);

impl Events {
    const COUNT: usize = 256;

    /// Events that differ in every field.
    pub(crate) fn new() -> Self {
        let mut all = Box::new([[0; EVENT_BYTES]; Self::COUNT]);
        for (number, event) in (0_u64..).zip(all.iter_mut()) {
            event[8..16].copy_from_slice(&(1_700_000_000_000 + number).to_le_bytes());
            event[16..24].copy_from_slice(&(10_000 + number % 100).to_le_bytes());
            event[24..32].copy_from_slice(&(1 + number % 50).to_le_bytes());
            event[32..36].copy_from_slice(&(number as u32 * 7).to_le_bytes());
            event[36..40].copy_from_slice(&(number as u32).to_le_bytes());
            event[40..43].copy_from_slice(&[1, number as u8 % 3, number as u8 % 2]);
        }
        Self(all)
    }

    /// Event number `number`, over and over from the first.
    #[inline]
    pub(crate) fn get(&self, number: u64) -> &[u8; EVENT_BYTES] {
        &self.0[number as usize % Self::COUNT]
    }
}
