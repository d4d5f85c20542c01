//! The on-disk format of FlashStrike's write-ahead log: bytes in, values out.
//!
//! This crate knows every byte of a log and nothing else. It opens no file, starts no thread, has no `unsafe`, and never
//! panics on what it reads, whatever that is. Recorder and recovery are built on it, and so is any tool that has only
//! the files.
//!
//! # A log
//!
//! A log is a directory of segments, each a file of fixed length:
//!
//! ```text
//! 00000000.wal.zst  sealed, compressed     ┌────────────────────────────────────────────────┐
//! 00000001.wal      sealed                 │ segment header, 64 bytes                       │
//! 00000002.wal      active  ─────────────▶ │ block 0: metadata — whose log, which schema    │
//! 00000003.wal      prepared               │ block 1: events                                │
//! wal.meta          begins, ends, durable  │ block 2: events                                │
//! wal.staging       the block being filled │ …                                              │
//!                                          │ zeros                                          │
//!                                          └────────────────────────────────────────────────┘
//! ```
//!
//! A block is a [header](BlockHeader) of 64 bytes, a [payload], and zeros up to a multiple of 64. It is the unit of
//! everything: of publication (one aligned 8-byte store of the header's last bytes, see [`seal_block`]), of atomicity
//! (it is in the log as a whole or not at all), and of verification. No byte of a published block is ever changed. There
//! is no end mark: the log ends where the next header's last 8 bytes are zero, so a writer that dies leaves nobody
//! waiting for one.
//!
//! # Writing
//!
//! ```
//! use flashstrike_segment::layout::{SEGMENT_HEADER_SIZE, round64};
//! use flashstrike_segment::{BlockFields, KIND_EVENTS, KIND_METADATA, Metadata, SegmentHeader, payload, seal_block};
//!
//! let (salt, segment_size) = (0x5EED, 4096);
//! let header = SegmentHeader { segment_index: 0, created_ts_ns: 1, salt, event_size: 0, sealed: None };
//! let mut segment = header.encode().to_vec();
//!
//! // Block 0 says whose segment this is, so that the log survives the loss of any header.
//! let metadata = Metadata {
//!     log_id: [7; 16],
//!     previous_chain: 0,
//!     segment_index: 0,
//!     segment_size,
//!     salt,
//!     event_size: 0, // events of any length
//!     schema: "{}".to_owned(),
//! };
//! let mut fields = BlockFields {
//!     first_event_id: 0,
//!     last_event_id: 0,
//!     written_ts_ns: 2,
//!     block_index: 0,
//!     event_count: 0,
//!     undurable: 0,
//!     salt,
//!     kind: KIND_METADATA,
//! };
//! let mut put = |fields: &BlockFields, payload: &[u8], chain: u64| {
//!     let (header, chain) = seal_block(fields, payload, chain);
//!     segment.extend_from_slice(&header);
//!     segment.extend_from_slice(payload);
//!     segment.resize(round64(segment.len()), 0);
//!     chain
//! };
//! let chain = put(&fields, &metadata.encode(), 0);
//!
//! // Block 1 holds two events; neither is known durable yet.
//! let mut events = Vec::new();
//! payload::encode_entry(&mut events, b"buy 100 at 17");
//! payload::encode_entry(&mut events, b"sell 3 at 18");
//! fields = BlockFields {
//!     first_event_id: 1,
//!     last_event_id: 2,
//!     event_count: 2,
//!     block_index: 1,
//!     undurable: 2,
//!     kind: KIND_EVENTS,
//!     ..fields
//! };
//! put(&fields, &events, chain);
//! segment.resize(segment_size as usize, 0);
//! # assert!(segment.len() > SEGMENT_HEADER_SIZE);
//! ```
//!
//! # Verifying a log
//!
//! A block is looked at twice. It *verifies on its own* if nothing in it contradicts anything else in it: magic, header
//! checksum, salt, lengths, payload checksum, padding, ids. It *verifies in place* if it also follows from the block
//! before it: index, ids, time, and above all the chain, a hash over every byte of the log so far. The first says that a
//! writer wrote this block; only the second says that it is part of this log, here.
//!
//! [`LogVerifier`] takes the segments of a log one after the other and comes to a [`Verdict`]:
//!
//! ```
//! use flashstrike_segment::{BlockRef, LogVerifier, NothingFollows, SegmentBytes, State, payload};
//!
//! # use flashstrike_segment::{BlockFields, KIND_EVENTS, KIND_METADATA, Metadata, SegmentHeader, layout::round64, seal_block};
//! # let header = SegmentHeader { segment_index: 0, created_ts_ns: 1, salt: 9, event_size: 0, sealed: None };
//! # let mut segment = header.encode().to_vec();
//! # let metadata = Metadata { log_id: [7; 16], previous_chain: 0, segment_index: 0, segment_size: 4096, salt: 9,
//! #     event_size: 0, schema: "{}".to_owned() };
//! # let mut chain = 0;
//! # let mut put = |kind, index, first, last, count, payload: &[u8]| {
//! #     let fields = BlockFields { first_event_id: first, last_event_id: last, written_ts_ns: 2, block_index: index,
//! #         event_count: count, undurable: last as u32, salt: 9, kind };
//! #     let (header, next) = seal_block(&fields, payload, chain);
//! #     chain = next;
//! #     segment.extend_from_slice(&header);
//! #     segment.extend_from_slice(payload);
//! #     segment.resize(round64(segment.len()), 0);
//! # };
//! # put(KIND_METADATA, 0, 0, 0, 0, &metadata.encode());
//! # let mut events = Vec::new();
//! # payload::encode_entry(&mut events, b"buy 100 at 17");
//! # payload::encode_entry(&mut events, b"sell 3 at 18");
//! # put(KIND_EVENTS, 1, 1, 2, 2, &events);
//! # put(KIND_EVENTS, 2, 3, 4, 2, &events);
//! # segment.resize(4096, 0);
//! fn read(segment: &[u8]) -> (Vec<u64>, flashstrike_segment::Verdict) {
//!     let mut ids = Vec::new();
//!     let mut verifier = LogVerifier::new(None, None);
//!     let bytes = SegmentBytes { index: 0, bytes: segment, cold: None };
//!     verifier
//!         .segment(bytes, &mut NothingFollows, &mut |block: BlockRef<'_>| {
//!             ids.extend(payload::variable_events(block.payload, block.header.first_event_id).map(|(id, _)| id));
//!         })
//!         .expect("a version that is supported");
//!     (ids, verifier.finish())
//! }
//!
//! let (ids, verdict) = read(&segment);
//! assert_eq!((ids, verdict.state), (vec![1, 2, 3, 4], State::Clean));
//! assert_eq!(verdict.end.offset, 448); // where the next block goes, chained to `verdict.link`
//!
//! segment[400] ^= 1; // one bit of the last block
//! let (ids, verdict) = read(&segment);
//! assert_eq!((ids, verdict.state), (vec![1, 2], State::Torn));
//! assert_eq!(verdict.bad.unwrap().to_string(), "00000000.wal:320: the payload does not match the block checksum");
//! ```
//!
//! # Torn or corrupt
//!
//! After a power cut the end of a log is damaged, and that is as it should be: the operating system writes pages in any
//! order, and nobody was promised events that had not been synced. To refuse such a log would be a nuisance; to cut one
//! whose durable events are damaged would be a loss passed over in silence. The damage looks the same in both cases.
//!
//! What tells them apart is that every block says how much was durable when it was written (`undurable`), and so do
//! sealed headers and `wal.meta`. Let *g* be the last event id up to which everything verifies in place, and *W* the
//! highest id that any of these witnesses, also those behind the damage, proves durable. If W > g, something that was
//! durable is lost: [`State::Corrupt`]. If not, the damage begins behind everything durable: [`State::Torn`]. That is why
//! verification goes on behind damage and looks for blocks there, and why a lost page cannot hide behind an older one.
//!
//! # Checksums
//!
//! CRC-32 protects each header and each payload; the chain is XXH3-64, another function, because two CRCs with one
//! polynomial miss the same errors. They detect accidents: torn, reordered, missing, foreign and stale writes, and bits
//! that flipped. They hold no key and prove nothing against someone who can write the file.
//!
//! # Where to look
//!
//! | to | see |
//! |---|---|
//! | finalize a block on the append path | [`seal_block`] |
//! | judge a log, or one from its first unsealed segment on | [`LogVerifier`] |
//! | replay a sealed segment as it is read | [`ChainVerifier`] |
//! | know a segment from its first bytes | [`SegmentStart`] |
//! | compress a sealed segment, read or seek in a compressed one | [`cold`] |
//! | read `wal.meta`, `wal.staging`, cursors | [`WalMeta`], [`staging`], [`cursor`] |
//! | know files by their names | [`names`] |
#![forbid(unsafe_code)]

mod block;
mod block_header;
mod bytes;
mod checksum;
mod metadata;
mod schema;
mod segment_header;
mod unsupported;
mod wal_meta;

pub mod cold;
pub mod cursor;
pub mod layout;
pub mod names;
pub mod payload;
pub mod staging;
pub mod verify;

pub use block::{BlockFields, seal_block};
pub use block_header::{BlockError, BlockHeader, KIND_EVENTS, KIND_METADATA, KIND_SKIPPABLE};
pub use cursor::{CursorError, CursorSlot, choose_slot};
pub use metadata::{Metadata, MetadataError};
pub use schema::{Field, FieldType, Schema, SchemaError};
pub use segment_header::{HeaderError, Seal, SegmentHeader};
pub use staging::{StagingError, StagingHeader};
pub use unsupported::Unsupported;
pub use verify::{
    ApartSegment, ApartVerifier, BlockRef, ChainPlace, ChainVerifier, ColdState, Damage, Following, Link,
    LogIdentity, LogVerifier, Note, NothingFollows, Position, Reason, SegmentBytes, SegmentReport,
    SegmentStart, StagingOutcome, State, Verdict,
};
pub use wal_meta::{MetaError, WalMeta};
