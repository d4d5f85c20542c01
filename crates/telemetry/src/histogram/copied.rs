//! A histogram as it was at one moment.

use super::scale::{middle, upper_bound, whole};

/// Which buckets a histogram has, and in what it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// 2^scale buckets an octave; 0 … 8.
    pub scale: u8,
    /// OpenTelemetry index of the first bucket.
    pub min_index: i32,
    /// Number of buckets.
    pub count: u16,
    /// How many of what is recorded make one of the metric's unit: 1 000 000 000 for a latency, which is recorded in
    /// nanoseconds and has the unit second, 1 for plain values.
    pub recorded_per_unit: u32,
}

impl Buckets {
    /// Whether every bound of these buckets is a positive finite number.
    pub(crate) fn are_sound(self) -> bool {
        let octaves = |index: i64| index.div_euclid(1 << self.scale.min(8));
        self.scale <= 8
            && self.count > 0
            && self.recorded_per_unit > 0
            && octaves(i64::from(self.min_index)) > -1022
            && octaves(i64::from(self.min_index) + i64::from(self.count)) < 960
    }
}

/// A copy of a histogram. In itself consistent: the count is the sum of the buckets, and least ≤ every quantile ≤
/// greatest, whatever the recording thread did while it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramSnapshot {
    buckets: Buckets,
    counts: Vec<u64>,
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
}

impl HistogramSnapshot {
    /// Makes a snapshot of words as they lie in memory: sum, min, max, buckets.
    ///
    /// A record in flight may have reached a bucket and not yet min and max, or the other way round; and bytes from
    /// elsewhere may say anything. So min and max are brought into agreement with the buckets here.
    pub(crate) fn from_words(buckets: Buckets, words: &[u64]) -> Self {
        let (head, counts) = words.split_at(3);
        let mut snapshot =
            Self { buckets, counts: counts.to_vec(), count: 0, sum: head[0], min: head[1], max: head[2] };
        snapshot.reconcile();
        snapshot
    }

    /// The words that [`from_words`](Self::from_words) takes.
    pub(crate) fn words(&self) -> impl Iterator<Item = u64> {
        let min = if self.count == 0 { u64::MAX } else { self.min };
        [self.sum, min, self.max].into_iter().chain(self.counts.iter().copied())
    }

    fn reconcile(&mut self) {
        self.count = self.counts.iter().fold(0, |sum: u64, &count| sum.saturating_add(count));
        let first = self.counts.iter().position(|&count| count > 0);
        let last = self.counts.iter().rposition(|&count| count > 0);
        let (Some(first), Some(last)) = (first, last) else {
            (self.sum, self.min, self.max) = (0, 0, 0);
            return;
        };
        // Every value in a bucket is at most its upper bound and above the one of the bucket before. Only the last
        // bucket has no upper end and the first no lower one, because they also hold what lies beyond them.
        let highest_min = if first + 1 == self.counts.len() {
            u64::MAX
        } else {
            whole(self.to_recorded(self.upper_bound(first)))
        };
        let lowest_max = match last {
            0 => 0,
            _ => whole(self.to_recorded(self.upper_bound(last - 1))),
        };
        self.max = self.max.max(lowest_max);
        self.min = self.min.min(highest_min).min(self.max);
    }

    /// Adds what another thread has recorded of the same metric. Both must have the same buckets.
    pub(crate) fn add(&mut self, other: &Self) {
        debug_assert_eq!(self.buckets, other.buckets);
        if other.count == 0 {
            return;
        }
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.sum = self.sum.wrapping_add(other.sum);
        self.count = self.count.saturating_add(other.count);
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    /// Which buckets these are.
    pub fn buckets(&self) -> Buckets {
        self.buckets
    }

    /// Number of recorded values: the sum of [`counts`](Self::counts).
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Every bucket's count, the first for index [`Buckets::min_index`].
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The buckets from the first to the last that is not empty, and the OpenTelemetry index of the first of them:
    /// the `offset` and `bucketCounts` of an exponential histogram at the scale of [`buckets`](Self::buckets).
    pub fn occupied(&self) -> (i32, &[u64]) {
        let Some(first) = self.counts.iter().position(|&count| count > 0) else { return (0, &[]) };
        let end = self.counts.iter().rposition(|&count| count > 0).map_or(first, |last| last + 1);
        (self.index_of(first), &self.counts[first..end])
    }

    /// Sum of the recorded values, as recorded (nanoseconds for a latency). May be ahead of the count by one record.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The least recorded value, as recorded; `None` if there is none.
    pub fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }

    /// The greatest recorded value, as recorded; `None` if there is none.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// The arithmetic mean, as recorded; `None` if nothing is recorded.
    pub fn mean(&self) -> Option<f64> {
        let mean = self.sum as f64 / self.count as f64;
        (self.count > 0).then(|| mean.clamp(self.min as f64, self.max as f64))
    }

    /// The value that a share of `q` (0 … 1) of the records do not exceed, as recorded (nanoseconds for a latency):
    /// the geometric middle of the bucket that holds the record of rank max(1, ⌈q·n⌉), but never outside of
    /// [`min`](Self::min) … [`max`](Self::max). `None` if nothing is recorded.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let rank = rank(q, self.count);
        let mut seen = 0_u64;
        let slot = self.counts.iter().position(|&count| {
            seen = seen.saturating_add(count);
            seen >= rank
        })?;
        let value = self.to_recorded(middle(self.buckets.scale, self.index_of(slot)));
        (self.count > 0).then(|| value.clamp(self.min as f64, self.max as f64))
    }

    fn upper_bound(&self, slot: usize) -> f64 {
        upper_bound(self.buckets.scale, self.index_of(slot))
    }

    /// The OpenTelemetry index of a bucket. There are no more than `u16::MAX` of them.
    fn index_of(&self, slot: usize) -> i32 {
        self.buckets.min_index + i32::from(slot as u16)
    }

    fn to_recorded(&self, value: f64) -> f64 {
        value * f64::from(self.buckets.recorded_per_unit)
    }
}

/// Which of `count` records in ascending order is the quantile `q`. At least the first: a threshold of 0 would be
/// passed before the first record is seen, and one sample of 1 ms would have a median of 1 ns.
fn rank(q: f64, count: u64) -> u64 {
    whole((q * count as f64).ceil()).clamp(1, count.max(1))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::{Buckets, HistogramSnapshot, rank};

    const FOUR: Buckets = Buckets { scale: 3, min_index: -240, count: 4, recorded_per_unit: 1_000_000_000 };

    proptest! {
        /// It is found in floating point; for the quantiles of a dump that is exact up to some 10^13 records.
        #[test]
        fn ranks_are_exact(count in 1_u64..1 << 43) {
            for (q, numerator, denominator) in [(0.5, 1, 2), (0.9, 9, 10), (0.99, 99, 100), (0.999, 999, 1000)] {
                prop_assert_eq!(rank(q, count), (numerator * count).div_ceil(denominator), "q {}", q);
            }
        }

        /// Whatever the words are, torn by a writer or made up by somebody, the copy agrees with itself.
        #[test]
        fn any_words_give_a_histogram_that_agrees_with_itself(
            head in any::<[u64; 3]>(),
            counts in prop::collection::vec(prop_oneof![Just(0), 1_u64..9, any::<u64>()], 4),
        ) {
            let words: Vec<_> = head.into_iter().chain(counts.iter().copied()).collect();
            let histogram = HistogramSnapshot::from_words(FOUR, &words);
            let total = counts.iter().fold(0, |sum: u64, &count| sum.saturating_add(count));
            prop_assert_eq!(histogram.count(), total);
            let Some((min, max)) = histogram.min().zip(histogram.max()) else {
                prop_assert_eq!((total, histogram.sum()), (0, 0));
                return Ok(());
            };
            prop_assert!(min <= max);
            let mut last = min as f64;
            for q in [0.0, 0.5, 0.9, 1.0] {
                let value = histogram.quantile(q).expect("not empty");
                prop_assert!(last <= value && value <= max as f64);
                last = value;
            }
            let mean = histogram.mean().expect("not empty");
            prop_assert!(min as f64 <= mean && mean <= max as f64);
            let again = HistogramSnapshot::from_words(FOUR, &histogram.words().collect::<Vec<_>>());
            prop_assert_eq!(again, histogram);
        }
    }

    /// The bucket of a record in flight is counted, its least and greatest are not stored yet.
    #[test]
    fn a_record_in_flight_does_not_make_the_extremes_contradict_the_buckets() {
        let one_ns = HistogramSnapshot::from_words(FOUR, &[0, u64::MAX, 0, 0, 1, 0, 0]);
        assert_eq!((one_ns.min(), one_ns.max()), (Some(1), Some(1)));
    }
}
