//! Classic buckets: a fixed list of upper bounds, each one that of a bucket of the log, so that nothing is lost but
//! resolution.

use std::iter::StepBy;
use std::ops::RangeInclusive;

use super::HistogramSnapshot;

/// The upper bounds, inclusive, of the classic buckets of every histogram with this unit, without the one that has no
/// end: of times two an octave from 2⁻²⁴ s (59.6 ns) to 8 s, of everything else the powers of two from 1 to 2³².
///
/// ```
/// use flashstrike_telemetry::histogram::classic_bounds;
///
/// assert_eq!(classic_bounds("s").count(), 55);
/// assert_eq!(classic_bounds("By").last(), Some(4_294_967_296.0));
/// ```
pub fn classic_bounds(unit: &str) -> impl Iterator<Item = f64> {
    half_octaves(unit).map(bound)
}

impl HistogramSnapshot {
    /// Each of the [`classic_bounds`] of a unit, with how many values do not exceed it.
    pub fn classic(&self, unit: &str) -> impl Iterator<Item = (f64, u64)> {
        let (mut at, mut count) = (0, 0_u64);
        half_octaves(unit).map(move |half_octaves| {
            let end = self.end_of(half_octaves).max(at);
            count = self.counts()[at..end].iter().fold(count, |sum, &more| sum.saturating_add(more));
            at = end;
            (bound(half_octaves), count)
        })
    }

    /// How many buckets are not beyond a bound. At scale 0 only every other bound is one of a bucket; what is up to the
    /// one before it counts there.
    fn end_of(&self, half_octaves: i64) -> usize {
        let buckets = self.buckets();
        let end = match buckets.scale {
            0 => half_octaves.div_euclid(2),
            scale => half_octaves << (scale - 1),
        };
        let end = (end - i64::from(buckets.min_index)).clamp(0, i64::from(buckets.count));
        usize::try_from(end).unwrap_or(0)
    }
}

/// The bounds as powers of two, in halves.
fn half_octaves(unit: &str) -> StepBy<RangeInclusive<i64>> {
    let (bounds, step) = if unit == "s" { (-48..=6, 1) } else { (0..=64, 2) };
    bounds.step_by(step)
}

/// 2^(`half_octaves` / 2), of constants and an exact power of two: the text of a bound is the same on every machine.
fn bound(half_octaves: i64) -> f64 {
    let root = if half_octaves % 2 == 0 { 1.0 } else { std::f64::consts::SQRT_2 };
    let exponent = (1023 + half_octaves.div_euclid(2)).cast_unsigned();
    f64::from_bits(exponent << 52) * root
}

#[cfg(test)]
mod tests {
    use crate::HistogramSnapshot;
    use crate::histogram::{Buckets, upper_bound};

    #[test]
    fn at_every_scale_a_bound_counts_the_buckets_up_to_it() {
        for scale in 0..=8 {
            let buckets =
                Buckets { scale, min_index: -30 << scale, count: 40 << scale, recorded_per_unit: 1 };
            let counts: Vec<u64> = (0..u64::from(buckets.count)).map(|slot| slot % 7).collect();
            let words: Vec<u64> = [0, 1, u64::MAX].into_iter().chain(counts.iter().copied()).collect();
            let histogram = HistogramSnapshot::from_words(buckets, &words);
            for (bound, count) in histogram.classic("s") {
                let up_to = (buckets.min_index..)
                    .zip(&counts)
                    .take_while(|&(index, _)| upper_bound(scale, index) <= bound * (1.0 + 1e-9));
                assert_eq!(count, up_to.map(|(_, count)| count).sum::<u64>(), "{bound} at scale {scale}");
            }
        }
    }
}
