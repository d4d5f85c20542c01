//! Numbers as Prometheus itself writes them, so that a bound is the same text in every format.

use std::fmt::Write as _;

use crate::collect::Number;

pub(super) fn push_number(out: &mut String, number: Number) {
    match number {
        Number::Whole(whole) => {
            let _ = write!(out, "{whole}");
        }
        Number::Fraction(fraction) => push_float(out, fraction),
    }
}

/// The shortest digits that give the number again, in the layout of Go's `%g`: with an exponent of two digits or more
/// below 10⁻⁴ and from 10⁶.
pub(super) fn push_float(out: &mut String, value: f64) {
    if !value.is_finite() {
        out.push_str(match value {
            f64::INFINITY => "+Inf",
            f64::NEG_INFINITY => "-Inf",
            _ => "NaN",
        });
        return;
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').expect("a finite number has an exponent");
    let exponent: i32 = exponent.parse().expect("a small whole number");
    if (-4..6).contains(&exponent) {
        let _ = write!(out, "{value}");
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "{digits}e{sign}{:02}", exponent.unsigned_abs());
    }
}

/// A histogram's bound: as any number, and with `.0` where it would look like a whole one, which is how OpenMetrics
/// and Prometheus' reader of protobuf write it.
pub(super) fn bound(value: f64) -> String {
    let mut text = String::new();
    push_float(&mut text, value);
    if !text.contains(['.', 'e', 'I', 'N']) {
        text.push_str(".0");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{bound, push_float};

    #[test]
    fn numbers_look_as_in_go() {
        let check = |value: f64, expected: &str| {
            let mut text = String::new();
            push_float(&mut text, value);
            assert_eq!(text, expected);
        };
        check(0.0, "0");
        check(1.0, "1");
        check(0.1, "0.1");
        check(1.5, "1.5");
        check(0.0001, "0.0001");
        check(0.00001, "1e-05");
        check(5.960_464_477_539_063e-8, "5.960464477539063e-08");
        check(123_456.0, "123456");
        check(1_048_576.0, "1.048576e+06");
        check(1e21, "1e+21");
        check(1e-100, "1e-100");
        check(f64::INFINITY, "+Inf");
        check(f64::NAN, "NaN");
        assert_eq!(bound(1.0), "1.0");
        assert_eq!(bound(0.5), "0.5");
        assert_eq!(bound(1e6), "1e+06");
    }
}
