//! What a library that adds up was told already.

use crate::HistogramSnapshot;
use crate::histogram::middle;

/// What was told of a counter, or of the buckets of a histogram.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Since when the source was counting.
    started_unix_ns: u64,
    counts: Vec<u64>,
}

impl Told {
    /// What a counter has gained since the last call: all of it if it counts anew.
    pub(super) fn gained(&mut self, started_unix_ns: u64, count: u64) -> u64 {
        let told = &mut self.of(started_unix_ns, &[count])[0];
        count - std::mem::replace(told, count)
    }

    /// Calls `record` with every value that came since the last call, the middle of its bucket, and how often it came.
    pub(super) fn values(
        &mut self,
        started_unix_ns: u64,
        histogram: &HistogramSnapshot,
        mut record: impl FnMut(f64, u64),
    ) {
        let counts = histogram.counts();
        let own = histogram.buckets();
        let per_unit = f64::from(own.recorded_per_unit);
        // What was recorded lies between these, which the middle of its bucket may not.
        let least = histogram.min().map_or(0.0, |min| min as f64 / per_unit);
        let greatest = histogram.max().map_or(0.0, |max| max as f64 / per_unit);
        let told = self.of(started_unix_ns, counts);
        for (slot, (was, &is)) in told.iter_mut().zip(counts).enumerate() {
            let more = is - std::mem::replace(was, is);
            if more > 0 {
                let index = own.min_index + i32::from(slot as u16);
                record(middle(own.scale, index).clamp(least, greatest), more);
            }
        }
    }

    /// What was told of what has counted to this since then: nothing of one that counts anew.
    fn of(&mut self, started_unix_ns: u64, counts: &[u64]) -> &mut [u64] {
        let goes_on = self.started_unix_ns == started_unix_ns
            && self.counts.len() == counts.len()
            && self.counts.iter().zip(counts).all(|(was, is)| was <= is);
        if !goes_on {
            *self = Self { started_unix_ns, counts: vec![0; counts.len()] };
        }
        &mut self.counts
    }
}
