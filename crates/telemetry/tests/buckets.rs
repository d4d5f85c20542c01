//! The bucket of a value against the definition of OpenTelemetry, computed exactly with big integers: bucket *i* at
//! scale 3 holds 2^(i/8) < v ≤ 2^((i+1)/8).
#![cfg(not(any(loom, feature = "unrecorded")))]

use flashstrike_telemetry::histogram::{
    LATENCY_BUCKETS, PLAIN_BUCKETS, SCALE, bucket_index, middle, upper_bound,
};
use flashstrike_telemetry::kinds::{Distribution, Duration, Recorded};
use flashstrike_telemetry::{HistogramSnapshot, Value};
use num_bigint::BigUint;
use proptest::prelude::*;

/// Whether `numerator × 2^exponent / denominator ≤ 2^(k/8)`: both sides to the eighth power, no rounding anywhere.
fn is_at_most_power(numerator: u64, exponent: i32, denominator: u64, k: i32) -> bool {
    let left = BigUint::from(numerator).pow(8);
    let right = BigUint::from(denominator).pow(8);
    let shift = k - 8 * exponent;
    let amount = u64::from(shift.unsigned_abs());
    if shift >= 0 { left <= right << amount } else { left << amount <= right }
}

fn is_double_at_most_power(value: f64, k: i32) -> bool {
    let bits = value.to_bits();
    let biased = i32::try_from(bits >> 52).expect("a positive double");
    assert!((1..2047).contains(&biased), "{value} is not a normal double");
    is_at_most_power((bits & ((1 << 52) - 1)) | (1 << 52), biased - 1075, 1, k)
}

fn check_double(value: f64) {
    let index = bucket_index(value);
    assert!(is_double_at_most_power(value, index + 1), "{value:e} lies above bucket {index}");
    assert!(!is_double_at_most_power(value, index), "{value:e} lies below bucket {index}");
}

/// Every bound of every octave that doubles have, and the doubles next to it on both sides.
#[test]
fn doubles_around_every_bound_of_every_octave_have_the_exact_bucket() {
    for k in -1021 * 8..1023 * 8 {
        let bound = (f64::from(k) / 8.0).exp2();
        for ulps in -2..=2_i64 {
            check_double(f64::from_bits(bound.to_bits().wrapping_add_signed(ulps)));
        }
    }
}

#[test]
fn powers_of_two_belong_to_the_bucket_that_they_close() {
    for octave in -1000..1000 {
        assert_eq!(bucket_index(f64::from(octave).exp2()), octave * 8 - 1);
    }
}

proptest! {
    #[test]
    fn any_normal_double_has_the_exact_bucket(bits in (1_u64 << 52)..(2047_u64 << 52)) {
        check_double(f64::from_bits(bits));
    }
}

/// The bucket in which a histogram counted its only value.
fn only_bucket(histogram: &HistogramSnapshot) -> i32 {
    let (index, counts) = histogram.occupied();
    assert_eq!(counts, [1]);
    index
}

fn recorded_ns(ns: u64) -> HistogramSnapshot {
    let metric = Duration::default();
    metric.record(ns);
    match metric.snapshot() {
        Value::Duration(latency) => latency,
        other => panic!("a duration gave {other:?}"),
    }
}

fn recorded_value(value: u64) -> HistogramSnapshot {
    let metric = Distribution::default();
    metric.record(value);
    match metric.snapshot() {
        Value::Distribution(values) => values,
        other => panic!("a distribution gave {other:?}"),
    }
}

/// The greatest whole number of units (`per_unit` of them make one) that is ≤ 2^(k/8).
fn greatest_at_most(k: i32, per_unit: u64) -> u64 {
    let eighth = BigUint::from(per_unit).pow(8);
    let amount = u64::from(k.unsigned_abs());
    let root = if k >= 0 { eighth << amount } else { eighth >> amount }.nth_root(8);
    root.try_into().expect("fits into a word")
}

/// Latencies are recorded in nanoseconds and counted in buckets of seconds; the multiplication in between must not
/// push any of them over a bound.
#[test]
fn nanoseconds_around_every_bound_are_counted_in_the_exact_bucket_of_seconds() {
    let first = LATENCY_BUCKETS.min_index;
    let last = first + i32::from(LATENCY_BUCKETS.count) - 1;
    for k in first..=last + 1 {
        let at_most = greatest_at_most(k, 1_000_000_000);
        for ns in at_most.saturating_sub(2).max(1)..=at_most + 2 {
            let histogram = recorded_ns(ns);
            let index = only_bucket(&histogram);
            let is_inside = is_at_most_power(ns, 0, 1_000_000_000, index + 1)
                && !is_at_most_power(ns, 0, 1_000_000_000, index);
            let is_above = index == last && !is_at_most_power(ns, 0, 1_000_000_000, last + 1);
            assert!(is_inside || is_above, "{ns} ns in bucket {index}");
            assert_eq!((histogram.min(), histogram.max(), histogram.sum()), (Some(ns), Some(ns), ns));
        }
    }
}

#[test]
fn plain_values_around_every_bound_are_counted_in_the_exact_bucket() {
    let first = PLAIN_BUCKETS.min_index;
    let last = first + i32::from(PLAIN_BUCKETS.count) - 1;
    for k in first..=last + 1 {
        let at_most = greatest_at_most(k, 1);
        for value in at_most.saturating_sub(2).max(1)..=at_most + 2 {
            let histogram = recorded_value(value);
            let index = only_bucket(&histogram);
            let is_inside = is_at_most_power(value, 0, 1, index + 1) && !is_at_most_power(value, 0, 1, index);
            let is_above = index == last && !is_at_most_power(value, 0, 1, last + 1);
            assert!(is_inside || is_above, "{value} in bucket {index}");
            assert_eq!((histogram.min(), histogram.max()), (Some(value), Some(value)));
        }
    }
}

#[test]
fn the_range_is_one_nanosecond_to_one_hour_and_one_to_two_to_the_32() {
    assert_eq!(only_bucket(&recorded_ns(1)), -240);
    assert_eq!(only_bucket(&recorded_ns(3600 * 1_000_000_000)), 94);
    assert_eq!(only_bucket(&recorded_value(1)), -1);
    assert_eq!(only_bucket(&recorded_value(1 << 32)), 255);
}

#[test]
fn what_lies_outside_is_counted_at_the_ends_and_stays_true() {
    for (histogram, value, index) in [
        (recorded_ns(0), 0, -240),
        (recorded_ns(u64::MAX), u64::MAX, 94),
        (recorded_value(0), 0, -1),
        (recorded_value(u64::MAX), u64::MAX, 255),
    ] {
        assert_eq!(only_bucket(&histogram), index);
        assert_eq!((histogram.min(), histogram.max()), (Some(value), Some(value)));
        assert_eq!(histogram.quantile(0.5), Some(value as f64));
    }
}

#[test]
fn bounds_and_middles_are_what_their_index_says() {
    for index in -300..300 {
        let exact = |k: f64| (k / 8.0).exp2();
        assert!((upper_bound(SCALE, index) / exact(f64::from(index) + 1.0) - 1.0).abs() < 1e-14);
        assert!((middle(SCALE, index) / exact(f64::from(index) + 0.5) - 1.0).abs() < 1e-14);
        // A value equal to the bound, rounded either way, is within one ulp of the bucket it closes.
        let bound = upper_bound(SCALE, index);
        assert!([bound.next_down(), bound, bound.next_up()].map(bucket_index).contains(&index));
        assert_eq!(bucket_index(middle(SCALE, index)), index);
        // Half of a bucket's width, as a ratio: what a quantile may be off.
        let width = upper_bound(SCALE, index) / upper_bound(SCALE, index - 1);
        assert!(width.sqrt() - 1.0 < 0.045);
    }
}
