//! Metrics by the names they have in Prometheus.

use std::sync::LazyLock;

use flashstrike_telemetry::catalogue::{Descriptor, open_telemetry, prometheus};
use flashstrike_telemetry::{Kind, RecorderTelemetry, RecoveryTelemetry};

/// Every metric, component by component.
pub(crate) static CATALOGUE: LazyLock<Vec<&'static Descriptor>> = LazyLock::new(|| {
    let all = RecorderTelemetry::catalogue().into_iter().chain(RecoveryTelemetry::catalogue());
    all.map(|entry| entry.descriptor).collect()
});

/// The metric of this name without `wal.`, whatever its attributes.
pub(crate) fn metric(name: &str) -> &'static Descriptor {
    let found =
        CATALOGUE.iter().copied().find(|metric| metric.full_name().strip_prefix("wal.") == Some(name));
    found.unwrap_or_else(|| panic!("no metric {name} in the catalogue"))
}

/// A part of what a metric is in Prometheus.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// How long it took, or how values are spread.
    Histogram,
    /// Calls by outcome.
    Operations,
    /// Turns of a loop by state.
    Cycles,
    /// Seconds of a loop by state.
    Time,
    /// The number itself.
    Number,
}

/// The name of a part, which the metric has to have.
pub(crate) fn name(metric: &Descriptor, part: Part) -> String {
    use Kind::{ConstantGauge, Counter, Distribution, Duration, Gauge, LifeCycle, Operation};
    let (ending, unit, is_counter) = match (part, metric.kind) {
        (Part::Histogram, Operation | Duration) => (".duration", metric.unit.as_ref(), false),
        (Part::Operations, Operation) => (".operations", "{operation}", true),
        (Part::Cycles, LifeCycle) => (".cycles", "{cycle}", true),
        (Part::Time, LifeCycle) => (".time", "s", true),
        (Part::Number, Counter) => ("", metric.unit.as_ref(), true),
        (Part::Histogram, Distribution) | (Part::Number, Gauge | ConstantGauge) => {
            ("", metric.unit.as_ref(), false)
        }
        _ => panic!("{} has no such part", metric.full_name()),
    };
    let prefix = format!("wal.{}.{}", metric.section.side, metric.section.subsystem);
    prometheus(&open_telemetry(&prefix, &metric.name, ending), unit, is_counter)
}
