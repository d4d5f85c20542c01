//! Both text formats. They differ in what stands above the samples, in when a source began, and in the last line.

use std::fmt::Write as _;

use super::number::{push_float, push_number};
use super::{Scrape, bounds};
use crate::catalogue::SeriesKind;
use crate::collect::Number;
use crate::families::{Encoding, Family, Point, push_escaped};
use crate::histogram::HistogramSnapshot;

pub(super) struct Text {
    is_open_metrics: bool,
}

impl Text {
    /// Version 0.0.4.
    pub(super) const CLASSIC: Self = Self { is_open_metrics: false };
    /// Version 1.0.0.
    pub(super) const OPEN_METRICS: Self = Self { is_open_metrics: true };

    /// What the family is called above its samples: OpenMetrics knows a counter without its ending.
    fn title<'a>(&self, family: &'a Family) -> &'a str {
        match family.name.strip_suffix("_total") {
            Some(base) if self.is_open_metrics && family.kind == SeriesKind::Counter => base,
            _ => &family.name,
        }
    }

    fn push_header(&self, out: &mut String, family: &Family) {
        let title = self.title(family);
        let kind = match family.kind {
            SeriesKind::Counter => "counter",
            SeriesKind::Gauge => "gauge",
            SeriesKind::Histogram => "histogram",
        };
        let _ = write!(out, "# HELP {title} ");
        push_escaped(out, &family.help, self.is_open_metrics);
        let _ = writeln!(out, "\n# TYPE {title} {kind}");
        if let Some(unit) = unit_word(&family.unit).filter(|_| self.is_open_metrics) {
            let _ = writeln!(out, "# UNIT {title} {unit}");
        }
    }

    fn push_created(&self, out: &mut String, point: &Point<'_>) {
        if !self.is_open_metrics || point.family.kind == SeriesKind::Gauge {
            return;
        }
        if let Some(created) = point.created_unix_ns {
            push_series(out, self.title(point.family), "_created", point.labels.text());
            let _ = writeln!(out, "{}.{:09}", created / 1_000_000_000, created % 1_000_000_000);
        }
    }
}

impl Encoding for Text {
    type Samples = String;

    fn number(&self, samples: &mut String, point: &Point<'_>, value: Number) {
        push_series(samples, &point.family.name, "", point.labels.text());
        push_number(samples, value);
        samples.push('\n');
        self.push_created(samples, point);
    }

    fn histogram(&self, samples: &mut String, point: &Point<'_>, histogram: &HistogramSnapshot) {
        let Point { family: Family { name, unit, .. }, labels, .. } = point;
        let labels = labels.text();
        let comma = if labels.is_empty() { "" } else { "," };
        let count = histogram.count();
        for (bound, (_, count)) in bounds::labels(unit).iter().zip(histogram.classic(unit)) {
            let _ = writeln!(samples, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(samples, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}");
        push_series(samples, name, "_sum", labels);
        push_float(samples, histogram.sum() as f64 / f64::from(histogram.buckets().recorded_per_unit));
        samples.push('\n');
        push_series(samples, name, "_count", labels);
        let _ = writeln!(samples, "{count}");
        self.push_created(samples, point);
    }
}

impl Scrape for Text {
    fn finish(&self, families: Vec<(Family, String)>, missing: &[String]) -> Vec<u8> {
        let length: usize = families.iter().map(|(_, samples)| samples.len() + 512).sum();
        let mut out = String::with_capacity(length);
        // OpenMetrics has no comments.
        for reason in missing.iter().filter(|_| !self.is_open_metrics) {
            let line: String = reason.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
            let _ = writeln!(out, "# Metrics missing: {line}");
        }
        for (family, samples) in &families {
            if !samples.is_empty() {
                self.push_header(&mut out, family);
                out.push_str(samples);
            }
        }
        if self.is_open_metrics {
            out.push_str("# EOF\n");
        }
        out.into_bytes()
    }
}

/// A unit of measurement as it stands in names; none for what is counted.
pub(super) fn unit_word(unit: &str) -> Option<&'static str> {
    match unit {
        "s" => Some("seconds"),
        "By" => Some("bytes"),
        _ => None,
    }
}

fn push_series(out: &mut String, name: &str, ending: &str, labels: &str) {
    let _ = match labels {
        "" => write!(out, "{name}{ending} "),
        _ => write!(out, "{name}{ending}{{{labels}}} "),
    };
}
