//! What did not verify, by kind of check.

use crate::IntegrityFailure;
use crate::kinds::Counter;

/// Four counters that share a cache line: they move rarely and belong together.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct IntegrityFailures {
    /// Checksums of segment headers.
    pub header: Counter,
    /// Checksums of blocks.
    pub block: Counter,
    /// Checksums that chain blocks.
    pub chained: Counter,
    /// Values that cannot be.
    pub validation: Counter,
}

impl IntegrityFailures {
    /// Counts one.
    #[inline]
    pub fn count(&self, kind: IntegrityFailure) {
        let counter = match kind {
            IntegrityFailure::Header => &self.header,
            IntegrityFailure::Block => &self.block,
            IntegrityFailure::Chained => &self.chained,
            IntegrityFailure::Validation => &self.validation,
        };
        counter.add(1);
    }
}

#[cfg(not(loom))]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<IntegrityFailures>() == 64 && align_of::<IntegrityFailures>() == 64);
    assert!(offset_of!(IntegrityFailures, header) == 0 && offset_of!(IntegrityFailures, block) == 8);
    assert!(offset_of!(IntegrityFailures, chained) == 16 && offset_of!(IntegrityFailures, validation) == 24);
};
