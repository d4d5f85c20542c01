//! A snapshot as series in OpenTelemetry's names: what an exporter sends on.

use std::collections::BTreeMap;

use flashstrike_telemetry::{Collector, HistogramSnapshot, Number, Series, Snapshot};
use serde::Serialize;
use serde_json::Value;

use crate::json::{seconds_and_nanoseconds, spread};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Held<'a> {
    source: Option<&'a str>,
    start_time: [u64; 2],
    time: [u64; 2],
    series: Vec<Described>,
}

#[derive(Serialize)]
struct Described {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    unit: String,
    help: String,
    attributes: BTreeMap<String, String>,
    value: Value,
}

pub(crate) fn to_json(snapshot: &Snapshot, source: Option<&str>) -> String {
    let mut gathered = Gathered::default();
    snapshot.collect(&mut gathered);
    let held = Held {
        source,
        start_time: seconds_and_nanoseconds(snapshot.started_unix_ns()),
        time: seconds_and_nanoseconds(snapshot.taken_unix_ns()),
        series: gathered.series,
    };
    serde_json::to_string(&held).expect("strings, numbers and maps with text keys are always JSON")
}

#[derive(Default)]
struct Gathered {
    labels: Vec<(String, String)>,
    series: Vec<Described>,
}

impl Gathered {
    fn push(&mut self, kind: &'static str, series: &Series<'_>, value: Value) {
        self.series.push(Described {
            kind,
            name: series.name.to_owned(),
            unit: series.unit.to_owned(),
            help: series.help.to_owned(),
            attributes: self.labels.iter().cloned().collect(),
            value,
        });
    }
}

fn number(value: Number) -> Value {
    match value {
        Number::Whole(whole) => whole.into(),
        Number::Fraction(fraction) => fraction.into(),
    }
}

impl Collector for Gathered {
    fn push_label(&mut self, name: &str, value: &str) {
        self.labels.push((name.to_owned(), value.to_owned()));
    }

    fn pop_label(&mut self) {
        self.labels.pop();
    }

    fn counter(&mut self, series: &Series<'_>, value: Number) {
        self.push("sum", series, number(value));
    }

    fn gauge(&mut self, series: &Series<'_>, value: Number) {
        self.push("gauge", series, number(value));
    }

    fn histogram(&mut self, series: &Series<'_>, histogram: &HistogramSnapshot) {
        let value = serde_json::to_value(spread(histogram)).expect("numbers are always JSON");
        self.push("histogram", series, value);
    }
}
