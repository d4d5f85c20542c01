//! Bounds of classic buckets as the label `le` has them.

use std::sync::LazyLock;

use super::number;
use crate::histogram::classic_bounds;

static TIMES: LazyLock<Vec<String>> = LazyLock::new(|| classic_bounds("s").map(number::bound).collect());
static PLAIN: LazyLock<Vec<String>> = LazyLock::new(|| classic_bounds("").map(number::bound).collect());

/// The values of the label for the [`classic_bounds`] of this unit.
pub(super) fn labels(unit: &str) -> &'static [String] {
    if unit == "s" { &TIMES } else { &PLAIN }
}

#[cfg(test)]
mod tests {
    use super::labels;
    use crate::histogram::classic_bounds;

    #[test]
    fn bounds_are_those_of_the_documentation() {
        let times = labels("s");
        assert_eq!(times.len(), 55);
        assert_eq!((times[0].as_str(), times[54].as_str()), ("5.960464477539063e-08", "8.0"));
        assert_eq!(times[47], "0.7071067811865476");
        let plain = labels("By");
        assert_eq!(plain.len(), 33);
        assert_eq!((plain[0].as_str(), plain[32].as_str()), ("1.0", "4.294967296e+09"));
        for unit in ["s", "By"] {
            for (label, bound) in labels(unit).iter().zip(classic_bounds(unit)) {
                assert_eq!(label.parse(), Ok(bound));
            }
        }
    }
}
