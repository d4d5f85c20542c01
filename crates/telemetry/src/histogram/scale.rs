//! Which bucket a value belongs to.
//!
//! Buckets are those of an OpenTelemetry exponential histogram: at scale *s*, bucket *i* holds
//! `2^(i / 2^s) < v ≤ 2^((i + 1) / 2^s)`, upper bound inclusive. At the scale 3 used here an octave has 8 of them and
//! the middle of a bucket is off by at most 4.4 %.
//!
//! The index needs no logarithm. Write the value as `2^e × (1 + m / 2^52)`: the octave is `e`, and the bucket within
//! it depends on the mantissa `m` alone.
//!
//! ```text
//! q = bits(v) − 1                 one ulp less makes upper bounds inclusive, powers of two included
//! m = q & (2^52 − 1); e = (q >> 52) − 1023
//! j = START[top 4 bits of m]      the bucket in which that sixteenth of the octave begins
//! j += (m ≥ UP[j])                a sixteenth is narrower than the narrowest bucket, so it touches two at most
//! i = 8 e + j
//! ```
//!
//! `UP[j]` is the mantissa of the largest double ≤ `2^((j+1)/8)`. These powers are irrational, so no double lies on
//! a bound except the powers of two, and the index is exact for every double; the tests hold it against big integers.

/// The histograms' scale: 2³ = 8 buckets an octave.
pub const SCALE: u8 = 3;

const BUCKETS_PER_OCTAVE: usize = 1 << SCALE;
const MANTISSA_BITS: u32 = 52;
const MANTISSA_MASK: u64 = (1 << MANTISSA_BITS) - 1;
const EXPONENT_BIAS: i64 = 1023;
const CELL_SHIFT: u32 = MANTISSA_BITS - 1 - SCALE as u32;

/// Upper bounds of the buckets of an octave, as mantissas. Nothing reaches the last: it ends with the octave.
const UP: [u64; BUCKETS_PER_OCTAVE] = [
    0x0001_72b8_3c7d_517a,
    0x0003_06fe_0a31_b715,
    0x0004_bfda_d536_2a27,
    0x0006_a09e_667f_3bcc,
    0x0008_ace5_422a_a0db,
    0x000a_e89f_995a_d3ad,
    0x000d_5818_dcfb_a487,
    u64::MAX,
];

/// The bucket in which each of the 16 cells of an octave begins.
const START: [u8; 2 * BUCKETS_PER_OCTAVE] = {
    let mut start = [0; 2 * BUCKETS_PER_OCTAVE];
    let mut cell = 0;
    while cell < start.len() {
        while UP[start[cell] as usize] <= (cell as u64) << CELL_SHIFT {
            start[cell] += 1;
        }
        cell += 1;
    }
    start
};

/// The OpenTelemetry bucket index of `value` at scale 3.
///
/// Exact for every positive normal double. Zero, which no such histogram has a bucket for, and subnormal numbers get
/// an index below that of every normal one; negative numbers, infinities and NaN are not to be asked for.
#[inline]
#[must_use]
pub fn bucket_index(value: f64) -> i32 {
    let below = value.to_bits().wrapping_sub(1);
    let mantissa = below & MANTISSA_MASK;
    // An arithmetic shift: of the all-ones that zero becomes, −1 remains, which is below every exponent.
    let exponent = (below.cast_signed() >> MANTISSA_BITS) - EXPONENT_BIAS;
    let first = START[(mantissa >> CELL_SHIFT) as usize];
    let within = first + u8::from(mantissa >= UP[first as usize % BUCKETS_PER_OCTAVE]);
    ((exponent as i32) << SCALE) + i32::from(within)
}

/// The upper bound, inclusive, of bucket `index` at `scale`; the lower bound is that of the bucket before.
#[must_use]
pub fn upper_bound(scale: u8, index: i32) -> f64 {
    power_of_base(scale, f64::from(index) + 1.0)
}

/// The geometric middle of bucket `index` at `scale`: the value that is off by the same factor from both bounds.
#[must_use]
pub fn middle(scale: u8, index: i32) -> f64 {
    power_of_base(scale, f64::from(index) + 0.5)
}

/// The whole part of a figure that is not negative; the greatest number there is if it does not fit.
#[expect(clippy::cast_sign_loss, reason = "never negative here, and it would become 0")]
pub(crate) fn whole(value: f64) -> u64 {
    value as u64
}

fn power_of_base(scale: u8, exponent: f64) -> f64 {
    (exponent / f64::from(1_u32 << scale)).exp2()
}
