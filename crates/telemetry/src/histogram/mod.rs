//! Histograms with base-2 exponential buckets, filled by one thread and copied by any.

mod classic;
mod copied;
mod scale;

pub use classic::classic_bounds;
pub use copied::{Buckets, HistogramSnapshot};
pub(crate) use scale::whole;
pub use scale::{SCALE, bucket_index, middle, upper_bound};

use crate::sync::{AtomicU64, advance, read, write};

/// Latencies: 1 ns … 1 h in 335 buckets. They are buckets of *seconds*, because log2(1e9) is no multiple of 1/8, so
/// buckets of nanoseconds would be those of no exporter.
pub const LATENCY_BUCKETS: Buckets = Buckets {
    scale: SCALE,
    min_index: -240,
    // Every load is a branch of the loom model; the code is the same with few of them.
    count: if cfg!(loom) { 4 } else { 335 },
    recorded_per_unit: 1_000_000_000,
};

/// Plain values, such as events a block or bytes a sync: 1 … 2³² in 257 buckets.
pub const PLAIN_BUCKETS: Buckets = Buckets { scale: SCALE, min_index: -1, count: 257, recorded_per_unit: 1 };

/// A histogram of latencies.
pub type LatencyHistogram = Histogram<{ LATENCY_BUCKETS.min_index }, { LATENCY_BUCKETS.count as usize }>;

/// A histogram of plain values.
pub type PlainHistogram = Histogram<{ PLAIN_BUCKETS.min_index }, { PLAIN_BUCKETS.count as usize }>;

/// `BUCKETS` counters, the first of them for index `MIN_INDEX`, and sum, least and greatest of what was recorded.
///
/// A value below the first bucket is counted in it and one above the last in that; sum, least and greatest stay true.
/// There is no count: it is the sum of the buckets somebody has copied, and so always agrees with them.
#[repr(C)]
#[derive(Debug)]
pub struct Histogram<const MIN_INDEX: i32, const BUCKETS: usize> {
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

impl<const MIN_INDEX: i32, const BUCKETS: usize> Histogram<MIN_INDEX, BUCKETS> {
    #[expect(clippy::cast_possible_wrap, reason = "a histogram has some hundred buckets")]
    const LAST: i32 = BUCKETS as i32 - 1;

    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sum: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Counts `recorded` (summed as it is) in the bucket of `value` (the same in the metric's unit).
    ///
    /// To be called by one thread at a time; a second one would lose counts, nothing worse.
    #[inline]
    fn record(&self, recorded: u64, value: f64) {
        let slot = (bucket_index(value) - MIN_INDEX).clamp(0, Self::LAST).cast_unsigned() as usize;
        advance(&self.sum, recorded);
        write(&self.min, read(&self.min).min(recorded));
        write(&self.max, read(&self.max).max(recorded));
        advance(&self.buckets[slot], 1);
    }

    /// Appends the words of the histogram in the order in which it lies in memory.
    ///
    /// The buckets are read first: on a processor that keeps stores in order, sum, min and max then cover every value
    /// that was counted.
    pub(crate) fn copy_words(&self, words: &mut Vec<u64>) {
        let head = words.len();
        words.extend([0; 3]);
        words.extend(self.buckets.iter().map(read));
        for (word, cell) in words[head..].iter_mut().zip([&self.sum, &self.min, &self.max]) {
            *word = read(cell);
        }
    }
}

impl<const MIN_INDEX: i32, const BUCKETS: usize> Default for Histogram<MIN_INDEX, BUCKETS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BUCKETS: usize> Histogram<{ LATENCY_BUCKETS.min_index }, BUCKETS> {
    /// Counts a latency in nanoseconds.
    #[inline]
    pub fn record_ns(&self, elapsed_ns: u64) {
        self.record(elapsed_ns, to_double(elapsed_ns) * 1e-9);
    }
}

impl<const BUCKETS: usize> Histogram<{ PLAIN_BUCKETS.min_index }, BUCKETS> {
    /// Counts a plain value.
    #[inline]
    pub fn record_value(&self, value: u64) {
        self.record(value, to_double(value));
    }
}

/// As a double, for choosing a bucket. What a signed word holds is converted in one instruction, which the processor
/// does not wait for as long as for the several that an unsigned one takes; both ranges end far below that.
#[inline]
fn to_double(recorded: u64) -> f64 {
    recorded.min(i64::MAX.cast_unsigned()).cast_signed() as f64
}
