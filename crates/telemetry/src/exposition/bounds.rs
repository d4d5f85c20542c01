//! Classic buckets: a fixed list of upper bounds, each one that of a bucket of the log, so that nothing is lost but
//! resolution.

use std::sync::LazyLock;

use super::number;
use crate::histogram::HistogramSnapshot;

/// An upper bound, inclusive: 2^(`half_octaves` / 2).
pub(super) struct Bound {
    half_octaves: i64,
    pub(super) value: f64,
    /// The value of the label `le`.
    pub(super) label: String,
}

impl Bound {
    fn new(half_octaves: i64) -> Self {
        // Of constants and an exact power of two: the text of a bound is the same on every machine.
        let root = if half_octaves % 2 == 0 { 1.0 } else { std::f64::consts::SQRT_2 };
        let exponent = (1023 + half_octaves.div_euclid(2)).cast_unsigned();
        let value = f64::from_bits(exponent << 52) * root;
        Self { half_octaves, value, label: number::bound(value) }
    }

    /// The OpenTelemetry index of the first bucket beyond the bound. At scale 0 only every other bound is one of a
    /// bucket; what is up to the one before it counts there.
    fn end(&self, scale: u8) -> i64 {
        if scale == 0 { self.half_octaves.div_euclid(2) } else { self.half_octaves << (scale - 1) }
    }
}

/// Two an octave from 59.6 ns to 8 s.
static TIMES: LazyLock<Vec<Bound>> = LazyLock::new(|| (-48..=6).map(Bound::new).collect());
/// The powers of two from 1 to 2³².
static PLAIN: LazyLock<Vec<Bound>> = LazyLock::new(|| (0..=64).step_by(2).map(Bound::new).collect());

/// The bounds of every histogram of this unit; the one without an end is not among them.
pub(super) fn of_unit(unit: &str) -> &'static [Bound] {
    if unit == "s" { &TIMES } else { &PLAIN }
}

/// How many values each bound is not exceeded by.
pub(super) fn cumulative<'b>(
    histogram: &HistogramSnapshot,
    bounds: &'b [Bound],
) -> impl Iterator<Item = (&'b Bound, u64)> {
    let buckets = histogram.buckets();
    let (mut at, mut sum) = (0, 0_u64);
    bounds.iter().map(move |bound| {
        let end =
            (bound.end(buckets.scale) - i64::from(buckets.min_index)).clamp(0, i64::from(buckets.count));
        let end = usize::try_from(end).unwrap_or(0);
        for count in &histogram.counts()[at..end.max(at)] {
            sum = sum.saturating_add(*count);
        }
        at = end.max(at);
        (bound, sum)
    })
}

#[cfg(test)]
mod tests {
    use super::of_unit;

    #[test]
    fn bounds_are_those_of_the_documentation() {
        let times = of_unit("s");
        assert_eq!(times.len(), 55);
        assert_eq!((times[0].label.as_str(), times[54].label.as_str()), ("5.960464477539063e-08", "8.0"));
        assert_eq!(times[47].label, "0.7071067811865476");
        let plain = of_unit("By");
        assert_eq!(plain.len(), 33);
        assert_eq!((plain[0].label.as_str(), plain[32].label.as_str()), ("1.0", "4.294967296e+09"));
        for bound in times.iter().chain(plain) {
            assert_eq!(bound.label.parse(), Ok(bound.value));
        }
    }
}
