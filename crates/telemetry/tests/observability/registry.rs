//! The catalogue as OpenTelemetry's weaver reads semantic conventions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use flashstrike_telemetry::{
    Collector, HistogramSnapshot, Number, RecorderTelemetry, RecoveryTelemetry, Series,
};

/// What says which registry it is: its name and version are taken from the URL, which need not lead anywhere.
pub(crate) fn manifest() -> String {
    let (version, repository) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_REPOSITORY"));
    format!(
        "{NOTE}schema_url: {repository}/metrics/{version}\n\
         description: Metrics of FlashStrike's write-ahead log.\n\
         stability: development\n"
    )
}

const NOTE: &str =
    "# Made from the catalogue of metrics by crates/telemetry/tests/observability; do not edit.\n";

/// Attributes that are free text: what they are, and an example.
const FREE: [(&str, &str, &str, &str); 2] = [
    ("log", "recommended", "Name of the log's directory.", "orders"),
    (
        "source",
        "opt_in",
        "Number of the source among those of the process, where two would be the same in everything else.",
        "1",
    ),
];

/// What attributes of few values say.
const BRIEFS: [(&str, &str); 6] = [
    ("system", "Whether a log is recorded or read."),
    ("subsystem", "The component that measured it."),
    ("outcome", "How calls ended."),
    ("state", "What a worker did, or what became of whoever measures."),
    ("kind", "Which check something did not pass."),
    ("direction", "Whether bytes went into compression or came out of it."),
];

/// All attributes, in a group that metrics refer to.
pub(crate) fn attributes() -> String {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for metric in metrics_of_all() {
        for (name, found) in metric.attributes {
            values.entry(name).or_default().extend(found);
        }
    }
    let mut text = format!(
        "{NOTE}groups:\n  \
           - id: registry.wal\n    \
             type: attribute_group\n    \
             display_name: Write-ahead log\n    \
             brief: What tells the series of a metric apart.\n    \
             attributes:\n"
    );
    for (name, values) in values {
        let (_, brief) =
            BRIEFS.iter().find(|(known, _)| *known == name).expect("every attribute has a brief");
        let _ = write!(text, "      - id: {name}\n        type:\n          members:\n");
        for value in values {
            let _ = write!(
                text,
                "            - id: {value}\n              value: {value}\n              stability: development\n"
            );
        }
        let _ = write!(text, "        stability: development\n        brief: {}\n", quoted(brief));
    }
    for (name, _, brief, example) in FREE {
        let _ = write!(
            text,
            "      - id: {name}\n        type: string\n        stability: development\n        brief: {}\n        \
             examples: [{}]\n",
            quoted(brief),
            quoted(example)
        );
    }
    text
}

/// All metrics, a group each.
pub(crate) fn metrics() -> String {
    let mut text = format!("{NOTE}groups:\n");
    for Metric { name, instrument, unit, brief, attributes } in metrics_of_all() {
        let _ = write!(
            text,
            "  - id: metric.{name}\n    type: metric\n    metric_name: {name}\n    stability: development\n    \
             brief: {}\n    instrument: {instrument}\n    unit: {}\n    attributes:\n",
            quoted(&brief),
            quoted(&unit)
        );
        for name in attributes.keys() {
            let _ = write!(text, "      - ref: {name}\n        requirement_level: required\n");
        }
        for (name, level, ..) in FREE {
            let _ = write!(text, "      - ref: {name}\n        requirement_level: {level}\n");
        }
    }
    text
}

/// A JSON string is one of YAML too.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

struct Metric {
    name: String,
    instrument: &'static str,
    unit: String,
    brief: String,
    attributes: BTreeMap<String, BTreeSet<String>>,
}

/// Every metric by its name, as exporters get it.
fn metrics_of_all() -> Vec<Metric> {
    let mut found = Found::default();
    RecorderTelemetry::new().snapshot().collect(&mut found);
    RecoveryTelemetry::new().snapshot().collect(&mut found);
    found.metrics.into_values().collect()
}

#[derive(Default)]
struct Found {
    labels: Vec<(String, String)>,
    metrics: BTreeMap<String, Metric>,
}

impl Found {
    fn add(&mut self, series: &Series<'_>, instrument: &'static str) {
        let metric = self.metrics.entry(series.name.to_owned()).or_insert_with(|| Metric {
            name: series.name.to_owned(),
            instrument,
            unit: series.unit.to_owned(),
            brief: series.help.to_owned(),
            attributes: BTreeMap::new(),
        });
        assert_eq!((metric.instrument, metric.unit.as_str()), (instrument, series.unit), "{}", series.name);
        for (name, value) in &self.labels {
            metric.attributes.entry(name.clone()).or_default().insert(value.clone());
        }
    }
}

impl Collector for Found {
    fn push_label(&mut self, name: &str, value: &str) {
        self.labels.push((name.to_owned(), value.to_owned()));
    }

    fn pop_label(&mut self) {
        self.labels.pop();
    }

    fn counter(&mut self, series: &Series<'_>, _value: Number) {
        self.add(series, "counter");
    }

    fn gauge(&mut self, series: &Series<'_>, _value: Number) {
        self.add(series, "gauge");
    }

    fn histogram(&mut self, series: &Series<'_>, _histogram: &HistogramSnapshot) {
        self.add(series, "histogram");
    }
}
