//! Quantiles, mean, least and greatest against an oracle that keeps every value.
#![cfg(not(any(loom, feature = "unrecorded")))]

use flashstrike_telemetry::histogram::{SCALE, middle};
use flashstrike_telemetry::kinds::{Distribution, Duration, Recorded};
use flashstrike_telemetry::{HistogramSnapshot, Value};
use proptest::prelude::*;

/// The quantiles of a dump as fractions, so that the oracle needs no floating point to find a rank.
const QUANTILES: [(f64, u64, u64); 6] =
    [(0.0, 0, 1), (0.5, 1, 2), (0.9, 9, 10), (0.99, 99, 100), (0.999, 999, 1000), (1.0, 1, 1)];

fn latencies(values: &[u64]) -> HistogramSnapshot {
    let metric = Duration::default();
    for &ns in values {
        metric.record(ns);
    }
    metric.snapshot().histogram().expect("a duration has a histogram").clone()
}

/// The value of rank max(1, ⌈q·n⌉), from all values in order.
fn oracle(sorted: &[u64], numerator: u64, denominator: u64) -> u64 {
    let rank = (numerator * sorted.len() as u64).div_ceil(denominator).max(1);
    sorted[usize::try_from(rank - 1).expect("a short list")]
}

/// A latency of any order of magnitude, the ends of the range and what lies beyond it included.
fn any_latency() -> impl Strategy<Value = u64> {
    prop_oneof![
        20 => (0_u32..43, any::<u64>()).prop_map(|(bits, value)| value & ((1 << bits) - 1)),
        1 => Just(0),
        1 => Just(u64::from(u32::MAX) * 1_000_000),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn agree_with_an_oracle_that_keeps_every_value(values in prop::collection::vec(any_latency(), 1..600)) {
        let histogram = latencies(&values);
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
        prop_assert_eq!(histogram.count(), values.len() as u64);
        prop_assert_eq!(histogram.sum(), values.iter().sum::<u64>());
        prop_assert_eq!((histogram.min(), histogram.max()), (Some(min), Some(max)));
        let mean = values.iter().map(|&ns| u128::from(ns)).sum::<u128>() as f64 / values.len() as f64;
        prop_assert!((histogram.mean().expect("not empty") - mean).abs() <= mean * 1e-12);

        let mut last = 0.0;
        for (q, numerator, denominator) in QUANTILES {
            let exact = oracle(&sorted, numerator, denominator);
            let index = latencies(&[exact]).occupied().0;
            let expected = (middle(SCALE, index) * 1e9).clamp(min as f64, max as f64);
            let quantile = histogram.quantile(q).expect("not empty");
            prop_assert!((quantile - expected).abs() <= expected * 1e-12, "q {} of {:?}", q, sorted);
            if (1..=3_600_000_000_000).contains(&exact) {
                prop_assert!((quantile - exact as f64).abs() <= exact as f64 * 0.045);
            }
            prop_assert!(quantile >= last, "quantiles go down at {}", q);
            last = quantile;
        }
    }
}

/// A threshold of ⌊q·n⌋ is 0 for a single sample, and bucket 0 passes it: the median of one millisecond was 1 ns.
#[test]
fn one_sample_is_every_quantile_of_itself() {
    let histogram = latencies(&[1_000_000]);
    for (q, ..) in QUANTILES {
        assert_eq!(histogram.quantile(q), Some(1e6), "q {q}");
    }
}

#[test]
fn nothing_recorded_has_no_quantile_no_mean_and_no_extremes() {
    let histogram = latencies(&[]);
    assert_eq!((histogram.quantile(0.5), histogram.mean()), (None, None));
    assert_eq!((histogram.min(), histogram.max(), histogram.sum(), histogram.count()), (None, None, 0, 0));
    assert_eq!(histogram.occupied(), (0, &[][..]));
}

#[test]
fn occupied_is_the_part_that_an_exporter_sends() {
    let metric = Distribution::default();
    for value in [2, 2, 4] {
        metric.record(value);
    }
    let Value::Distribution(histogram) = metric.snapshot() else { panic!("not a distribution") };
    // 2 closes bucket 7, 4 closes bucket 15.
    assert_eq!(histogram.occupied(), (7, &[2, 0, 0, 0, 0, 0, 0, 0, 1][..]));
}
