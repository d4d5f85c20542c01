//! What exporters see of a metric: for each kind the instruments it becomes, in three dialects.
//!
//! | kind | OpenTelemetry | Prometheus | legacy |
//! |---|---|---|---|
//! | operation | `X.duration` (s), `X.operations` with `outcome` | `X_duration_seconds`, `X_operations_total` | `X_samples_total`, `X_success_total`, `X_total_ns`, `X_min_ns` … |
//! | duration | `X.duration` (s) | `X_duration_seconds` | `X_ns_samples_total`, `X_ns_total_ns`, … |
//! | counter | `X` | `X_total` | `X` |
//! | gauges | `X` | `X` | `X` |
//! | life cycle | `X.cycles`, `X.time` (s) with `state` | `X_cycles_total`, `X_time_seconds_total` | `X_cycles`, `X_did_work_total`, `X_total_cycle_time_ns`, … |
//! | distribution | `X` | `X` and its unit | `X_samples_total`, `X_total`, `X_min`, … |

use crate::kinds::Kind;

/// A family of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `wal.recorder.segment_writer.write_block.duration`, unit beside the name.
    #[default]
    OpenTelemetry,
    /// `wal_recorder_segment_writer_write_block_duration_seconds`.
    Prometheus,
    /// The flat names of the original: `mc_wal_segment_writer_write_block_ns_total_ns`, times in nanoseconds.
    Legacy,
}

/// What an exported series is to an exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SeriesKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Has buckets.
    Histogram,
}

/// Names of labels that series have of themselves in one format or another: of which component they are, the attributes
/// of metrics, what a kind of metric is split by, and what a format knows buckets and quantiles by.
pub(crate) const OWN_LABELS: [&str; 8] =
    ["system", "subsystem", "outcome", "state", "kind", "direction", "le", "quantile"];

/// The OpenTelemetry name of the part of a metric that ends in `ending` (empty, or with its dot).
///
/// ```
/// use flashstrike_telemetry::catalogue::open_telemetry;
///
/// let name = open_telemetry("wal.recorder.segment_writer", "write_block", ".duration");
/// assert_eq!(name, "wal.recorder.segment_writer.write_block.duration");
/// ```
pub fn open_telemetry(prefix: &str, name: &str, ending: &str) -> String {
    format!("{prefix}.{name}{ending}")
}

/// The Prometheus name: dots become underscores, then the unit, then `_total` for a counter.
///
/// ```
/// use flashstrike_telemetry::catalogue::prometheus;
///
/// let name = "wal.recorder.manager.bytes";
/// assert_eq!(prometheus(name, "By", true), "wal_recorder_manager_bytes_total");
/// ```
pub fn prometheus(open_telemetry_name: &str, unit: &str, is_counter: bool) -> String {
    let mut name = open_telemetry_name.replace('.', "_");
    let unit = match unit {
        "s" => "_seconds",
        "By" => "_bytes",
        _ => "", // what is counted stands in the name already
    };
    if !name.ends_with(unit) {
        name.push_str(unit);
    }
    if is_counter {
        name.push_str("_total");
    }
    name
}

/// The beginning of a metric's legacy names. Durations have their unit in it.
///
/// ```
/// use flashstrike_telemetry::{Kind, catalogue::legacy};
///
/// assert_eq!(legacy("mc_wal_segment_writer", "write_block", Kind::Duration), "mc_wal_segment_writer_write_block_ns");
/// ```
pub fn legacy(prefix: &str, stem: &str, kind: Kind) -> String {
    let unit = if kind == Kind::Duration { "_ns" } else { "" };
    format!("{prefix}_{stem}{unit}")
}
