//! Figures as people write them.

use crate::histogram::whole;

/// A value in the unit of a metric (`s`, `By`, or what is counted in braces) as people write it.
///
/// ```
/// use flashstrike_telemetry::figure;
///
/// assert_eq!(figure(48.1e-6, "s"), "48.1 µs");
/// assert_eq!(figure(16384.0, "By"), "16.0 KiB");
/// assert_eq!(figure(1234567.0, "{event}"), "1,234,567");
/// ```
pub fn figure(value: f64, unit: &str) -> String {
    match unit {
        "s" => duration(value * 1e9),
        "By" => bytes(value),
        // An id is a name, to be copied as it stands.
        "{event_id}" => whole(value).to_string(),
        _ => plain(value),
    }
}

/// Nanoseconds with three significant digits: `850 ns`, `48.1 µs`, `1.20 s`, `2.50 h`.
pub(crate) fn duration(ns: f64) -> String {
    const UNITS: [(&str, f64); 6] =
        [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("min", 60e9), ("h", 3600e9)];
    if ns < 999.5 {
        return format!("{ns:.0} ns");
    }
    scaled(ns, &UNITS)
}

/// Bytes with three significant digits: `850 B`, `16.0 KiB`, `1.25 GiB`.
pub(crate) fn bytes(bytes: f64) -> String {
    const KIB: f64 = 1024.0;
    const UNITS: [(&str, f64); 5] = [
        ("KiB", KIB),
        ("MiB", KIB * KIB),
        ("GiB", KIB * KIB * KIB),
        ("TiB", KIB * KIB * KIB * KIB),
        ("PiB", KIB * KIB * KIB * KIB * KIB),
    ];
    if bytes < KIB - 0.5 {
        return format!("{bytes:.0} B");
    }
    scaled(bytes, &UNITS)
}

/// A count with its thousands set apart: `1,234,567`.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A value of a distribution: whole, because only whole numbers are recorded, with one digit more for a mean.
pub(crate) fn plain(value: f64) -> String {
    if value.fract() == 0.0 { count(whole(value)) } else { format!("{value:.1}") }
}

/// Three significant digits in the largest unit that leaves at least 1 before the point, after rounding.
fn scaled(value: f64, units: &[(&str, f64)]) -> String {
    // What rounds up to the next unit belongs to it: 999.96 µs are 1.00 ms.
    let at = units.iter().rposition(|(_, size)| value >= size * 0.9995).unwrap_or(0);
    let (unit, size) = units[at];
    let scaled = value / size;
    let digits = match scaled {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{scaled:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, duration, plain};

    #[test]
    fn durations_have_three_digits_and_the_largest_unit_that_fits() {
        let check = |ns: f64, text: &str| assert_eq!(duration(ns), text, "{ns} ns");
        check(0.0, "0 ns");
        check(0.4, "0 ns");
        check(850.0, "850 ns");
        check(999.4, "999 ns");
        check(999.5, "1.00 µs");
        check(48_100.0, "48.1 µs");
        check(9_994.0, "9.99 µs");
        check(9_996.0, "10.0 µs");
        check(123_456.0, "123 µs");
        check(999_400.0, "999 µs");
        check(999_960.0, "1.00 ms");
        check(1.2e9, "1.20 s");
        check(59.9e9, "59.9 s");
        check(90e9, "1.50 min");
        check(2.5 * 3600e9, "2.50 h");
        check(5_000.0 * 3600e9, "5000 h");
    }

    #[test]
    fn bytes_have_binary_units() {
        assert_eq!(bytes(0.0), "0 B");
        assert_eq!(bytes(1023.0), "1023 B");
        assert_eq!(bytes(1024.0), "1.00 KiB");
        assert_eq!(bytes(16384.0), "16.0 KiB");
        assert_eq!(bytes(1.25 * 1024.0 * 1024.0 * 1024.0), "1.25 GiB");
        assert_eq!(bytes(1024.0 * 1024.0 - 1.0), "1.00 MiB");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(plain(256.0), "256");
        assert_eq!(plain(254.25), "254.2");
    }
}
