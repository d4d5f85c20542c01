//! Metrics for people to read.
//!
//! ```text
//! [Segment Writer Metrics] Snapshot:
//! -----------------------------------------------------------------
//!  Open new segment      : 12 calls, 0 failed · avg 48.1 µs · p50 44.0 µs · … · max 88.3 µs
//!  Verify segment:
//!   - Header checksum failures  : 0
//!  Write block           : …
//! -----------------------------------------------------------------
//! ```

use std::fmt::{Result, Write};

use crate::catalogue::Descriptor;
use crate::histogram::HistogramSnapshot;
use crate::human;
use crate::snapshot::{Metric, Snapshot};
use crate::value::{LifeCycleSnapshot, Value};

const RULE: &str = "-----------------------------------------------------------------";

/// The quantiles that a dump shows.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// Writes every component, an empty line between them.
pub(crate) fn snapshot(snapshot: &Snapshot, out: &mut impl Write) -> Result {
    let mut source = String::new();
    for (name, value) in &snapshot.labels {
        // Escaped, because a label may come from a path, and a path may hold anything, line ends included.
        write!(source, ", {}={}", name.escape_debug(), value.escape_debug())?;
    }
    for (place, (section, metrics)) in snapshot.sections().enumerate() {
        if place > 0 {
            writeln!(out)?;
        }
        block(&format!("{} Metrics{source}", section.title), metrics, out)?;
    }
    Ok(())
}

/// Writes one component.
pub(crate) fn section(label: &str, metrics: &[Metric], out: &mut impl Write) -> Result {
    block(&format!("{label} Metrics"), metrics, out)
}

fn block(heading: &str, metrics: &[Metric], out: &mut impl Write) -> Result {
    writeln!(out, "[{heading}] Snapshot:\n{RULE}")?;
    let width = widest(metrics.iter().filter(|metric| metric.descriptor.group.is_empty()));
    for members in metrics.chunk_by(|a, b| a.descriptor.group == b.descriptor.group) {
        let group = &members[0].descriptor.group;
        if group.is_empty() {
            lines(" ", width, members, out)?;
        } else {
            writeln!(out, " {group}:")?;
            lines("  - ", widest(members), members, out)?;
        }
    }
    writeln!(out, "{RULE}")
}

fn widest<'a>(metrics: impl IntoIterator<Item = &'a Metric>) -> usize {
    metrics.into_iter().map(|metric| metric.descriptor.label.chars().count()).max().unwrap_or(0)
}

fn lines(indent: &str, width: usize, metrics: &[Metric], out: &mut impl Write) -> Result {
    for Metric { descriptor, value } in metrics {
        write!(out, "{indent}{:width$} : ", descriptor.label)?;
        figures(descriptor, value, out)?;
        writeln!(out)?;
    }
    Ok(())
}

fn figures(descriptor: &Descriptor, value: &Value, out: &mut impl Write) -> Result {
    match value {
        Value::Operation { ok, failed, latency } => {
            let calls = human::count(ok.saturating_add(*failed));
            write!(out, "{calls} calls, {} failed", human::count(*failed))?;
            spread(latency, human::duration, human::duration, out)
        }
        Value::Duration(latency) => {
            write!(out, "{} calls", human::count(latency.count()))?;
            spread(latency, human::duration, human::duration, out)
        }
        Value::Distribution(values) => {
            write!(out, "{} samples", human::count(values.count()))?;
            let figure = |value| human::figure(value, &descriptor.unit);
            // Only whole numbers are recorded, so no quantile is a fraction; a mean may well be one.
            spread(values, figure, |value| figure(value.round()), out)
        }
        unset if unset.is_unset() => out.write_str("none"),
        Value::Counter(number) | Value::Gauge(number) | Value::ConstantGauge(number) => {
            out.write_str(&single(descriptor, *number))
        }
        Value::LifeCycle(cycle) => life_cycle(*cycle, out),
    }
}

/// Mean, quantiles and greatest; nothing at all if nothing was recorded, rather than figures nobody measured.
fn spread(
    histogram: &HistogramSnapshot,
    mean_figure: impl Fn(f64) -> String,
    figure: impl Fn(f64) -> String,
    out: &mut impl Write,
) -> Result {
    let (Some(mean), Some(max)) = (histogram.mean(), histogram.max()) else { return Ok(()) };
    write!(out, " · avg {}", mean_figure(mean))?;
    for (name, q) in QUANTILES {
        if let Some(value) = histogram.quantile(q) {
            write!(out, " · {name} {}", figure(value))?;
        }
    }
    write!(out, " · max {}", figure(max as f64))
}

fn single(descriptor: &Descriptor, number: u64) -> String {
    match descriptor.unit.as_ref() {
        "By" => human::bytes(number as f64),
        // An id is a name, to be copied as it stands.
        "{event_id}" => number.to_string(),
        _ => human::count(number),
    }
}

fn life_cycle(cycle: LifeCycleSnapshot, out: &mut impl Write) -> Result {
    let LifeCycleSnapshot { active_cycles, idle_cycles, active_ns, idle_ns } = cycle;
    let cycles = human::count(active_cycles.saturating_add(idle_cycles));
    write!(out, "{cycles} cycles, {} active", human::count(active_cycles))?;
    let (busy_ns, total_ns) = (active_ns as f64, active_ns as f64 + idle_ns as f64);
    if total_ns > 0.0 {
        let (busy, total) = (human::duration(busy_ns), human::duration(total_ns));
        write!(out, " · busy {busy} of {total} ({:.1} %)", busy_ns / total_ns * 100.0)?;
    }
    Ok(())
}
