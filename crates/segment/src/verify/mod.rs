//! What a log is worth after anything: which events are there, where it is damaged, and whether durable ones are lost.
//!
//! ```text
//! for each segment, in order of their numbers:
//!     a sealed header proves its last event durable                               W
//!     damaged before?        look for blocks: those that verify on their own prove  W
//!     no metadata block?     prepared; but damage if it or any later segment has blocks
//!     from the metadata block on, until the sealed count, or the next segment's metadata block continues this block,
//!     or no block is published:
//!         the block verifies on its own and in place?  it is part of the log        g, W
//!         else                                         damage; look for blocks behind it
//!     not sealed, not continued, and a block header behind the end?  damage: a gap
//! then wal.staging, whose events continue the log if nothing before them is missing
//! W > g: corrupt. Else damage: torn. Else clean.
//! ```

mod apart;
mod block;
mod chain;
mod chain_verifier;
mod expectation;
mod log;
mod reason;
mod scan;
mod segment;
mod staging;
mod start;
mod verdict;
mod view;

pub use apart::{ApartSegment, ApartVerifier};
pub use chain::Link;
pub use chain_verifier::{ChainPlace, ChainVerifier};
pub use log::{BlockRef, ColdState, Following, LogIdentity, LogVerifier, NothingFollows, SegmentBytes};
pub use reason::Reason;
pub use scan::any_block;
pub use segment::is_whole;
pub use staging::{StagedEvents, StagingFault, StagingOutcome};
pub use start::SegmentStart;
pub use verdict::{Damage, Note, Position, SegmentReport, State, Verdict};
