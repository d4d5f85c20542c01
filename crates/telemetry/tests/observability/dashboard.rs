//! The Grafana dashboard: an overview, and behind it a row for each component with every metric it has.

use flashstrike_telemetry::Kind;
use flashstrike_telemetry::catalogue::{Descriptor, Section};
use serde_json::{Value, json};

use crate::names::{CATALOGUE, Part, metric, name};

/// What is chosen at the top of the dashboard.
const CHOSEN: &str = r#"job=~"$job",log=~"$log""#;
/// Labels of what is measured. All others tell one log, or one of several readers of it, from another: those that its
/// owner gave it too.
const OF_METRICS: [&str; 6] = ["direction", "kind", "outcome", "state", "subsystem", "system"];
const WINDOW: &str = "[$__rate_interval]";
const PANEL_HEIGHT: u32 = 8;
const PANELS_A_LINE: u32 = 3;

struct Panel {
    title: String,
    help: String,
    /// As Grafana calls it.
    unit: &'static str,
    /// Expressions, and what the legend calls them.
    targets: Vec<(String, String)>,
}

pub(crate) fn dashboard() -> Value {
    let mut panels = Vec::new();
    let mut y = 0;
    push_row(&mut panels, &mut y, "Overview", overview(), false);
    for members in CATALOGUE.chunk_by(|a, b| a.section == b.section) {
        let Section { side, title, .. } = &members[0].section;
        let title = if title.to_lowercase().starts_with(side.as_ref()) {
            title.to_string()
        } else {
            format!("{} · {title}", capitalized(side))
        };
        push_row(&mut panels, &mut y, &title, of_component(members), true);
    }
    json!({
        "title": "FlashStrike write-ahead log",
        "uid": "flashstrike-wal",
        "description": "Made from the catalogue of metrics; works with classic and with native histograms.",
        "tags": ["flashstrike", "wal"],
        "schemaVersion": 39,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": { "from": "now-1h", "to": "now" },
        "templating": { "list": [
            { "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus" },
            variable("job", "Job", "label_values(wal_telemetry_sources, job)"),
            variable(
                "log",
                "Log",
                &format!(
                    "label_values({{__name__=~\"{}|{}\",job=~\"$job\"}}, log)",
                    number("recorder.manager.events"),
                    number("recovery.manager.events")
                ),
            ),
        ] },
        "panels": panels,
    })
}

fn variable(name: &str, label: &str, query: &str) -> Value {
    json!({
        "name": name,
        "label": label,
        "type": "query",
        "datasource": datasource(),
        "query": { "query": query, "refId": name },
        "refresh": 2,
        "multi": true,
        "includeAll": true,
        // Also what has no such label.
        "allValue": ".*",
        "current": { "text": "All", "value": "$__all" },
        "sort": 1,
    })
}

fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn push_row(panels: &mut Vec<Value>, y: &mut u32, title: &str, members: Vec<Panel>, is_collapsed: bool) {
    let row_at = *y;
    *y += 1;
    let width = 24 / PANELS_A_LINE;
    let members: Vec<Value> = (0..)
        .zip(members)
        .map(|(at, panel): (u32, Panel)| {
            let (x, line) = (at % PANELS_A_LINE * width, at / PANELS_A_LINE);
            timeseries(
                panel,
                &json!({ "h": PANEL_HEIGHT, "w": width, "x": x, "y": *y + line * PANEL_HEIGHT }),
            )
        })
        .collect();
    *y += (members.len() as u32).div_ceil(PANELS_A_LINE) * PANEL_HEIGHT;
    let place = json!({ "h": 1, "w": 24, "x": 0, "y": row_at });
    let (inside, below) = if is_collapsed { (members, Vec::new()) } else { (Vec::new(), members) };
    panels.push(json!({
        "type": "row",
        "title": title,
        "collapsed": is_collapsed,
        "gridPos": place,
        "panels": inside,
    }));
    panels.extend(below);
}

fn timeseries(Panel { title, help, unit, targets }: Panel, place: &Value) -> Value {
    let targets: Vec<Value> = ('A'..='Z')
        .zip(targets)
        .map(|(id, (expression, legend))| {
            json!({
                "refId": id.to_string(),
                "datasource": datasource(),
                "expr": expression,
                "legendFormat": legend,
            })
        })
        .collect();
    json!({
        "type": "timeseries",
        "title": title,
        "description": help,
        "datasource": datasource(),
        "gridPos": place,
        "fieldConfig": { "defaults": { "unit": unit, "min": 0 }, "overrides": [] },
        "options": {
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
            "tooltip": { "mode": "multi", "sort": "desc" },
        },
        "targets": targets,
    })
}

fn overview() -> Vec<Panel> {
    let panel = |title: &str, help: &str, unit, targets| Panel {
        title: title.to_owned(),
        help: help.to_owned(),
        unit,
        targets,
    };
    let gauge = |name: &str| max("", &number(name));
    let one = |expression, what: &str| vec![(expression, legend(what))];
    vec![
        panel(
            "Events appended",
            &metric("recorder.manager.events").help,
            "eps",
            one(rate(&number("recorder.manager.events"), ""), ""),
        ),
        panel(
            "Bytes appended",
            &metric("recorder.manager.bytes").help,
            "Bps",
            one(rate(&number("recorder.manager.bytes"), ""), ""),
        ),
        panel(
            "Events that a power cut would take",
            "The last id minus the last durable one.",
            "short",
            one(
                format!(
                    "{} - {}",
                    gauge("recorder.manager.last_event_id"),
                    gauge("recorder.manager.durable_event_id")
                ),
                "",
            ),
        ),
        panel("Sync latency", "The price of durable().", "s", quantiles(metric("recorder.committer.sync"))),
        panel(
            "Waiters a sync",
            &metric("recorder.committer.sync.waiters").help,
            "short",
            quantiles(metric("recorder.committer.sync.waiters")),
        ),
        panel(
            "Segments ready",
            "0 for long: the disk does not keep up with preparing segments.",
            "short",
            one(gauge("recorder.segment_preparer.queue_depth"), ""),
        ),
        panel(
            "Events read",
            &metric("recovery.manager.events").help,
            "eps",
            one(rate(&number("recovery.manager.events"), ""), ""),
        ),
        panel("Failed operations", "All of a component together.", "ops", failures()),
        panel("What did not verify", "By kind of check.", "cps", integrity()),
        panel(
            "Dead sources",
            "1: its process has ended without closing it, and what is shown of it are its last values.",
            "short",
            ["recorder", "recovery"]
                .map(|side| {
                    let name = number(&format!("{side}.source.state"));
                    let expression =
                        format!("max without ({}) ({name}{{{CHOSEN},state=\"dead\"}})", labels_but(""));
                    (expression, legend(side))
                })
                .to_vec(),
        ),
        panel(
            "Sources of metrics that cannot be read",
            "Above 0: something is missing here.",
            "short",
            vec![(
                "max by (job, instance) (wal_telemetry_source_errors{job=~\"$job\"})".to_owned(),
                "{{job}} {{instance}}".to_owned(),
            )],
        ),
    ]
}

/// The failed operations of each component added up. Each of them is always there, at 0 or above.
fn failures() -> Vec<(String, String)> {
    CATALOGUE
        .chunk_by(|a, b| a.section == b.section)
        .filter_map(|members| {
            let Section { side, subsystem, .. } = &members[0].section;
            let operations = members.iter().filter(|metric| metric.kind == Kind::Operation);
            let rates: Vec<_> = operations
                .map(|metric| rate(&name(metric, Part::Operations), ",outcome=\"failed\""))
                .collect();
            (!rates.is_empty()).then(|| (rates.join(" + "), legend(&format!("{side} {subsystem}"))))
        })
        .collect()
}

fn integrity() -> Vec<(String, String)> {
    let mut names: Vec<_> = CATALOGUE
        .iter()
        .filter(|metric| metric.name == "integrity.failures")
        .map(|metric| (name(metric, Part::Number), metric.section.side.as_ref()))
        .collect();
    names.dedup();
    names
        .into_iter()
        .map(|(name, side)| (by("kind", &name), legend(&format!("{side} {{{{kind}}}}"))))
        .collect()
}

/// A panel for each metric, two for an operation and for a loop; metrics of one name share theirs.
fn of_component(members: &[&Descriptor]) -> Vec<Panel> {
    members.chunk_by(|a, b| a.name == b.name).flat_map(|same| of_metric(same[0])).collect()
}

fn of_metric(metric: &Descriptor) -> Vec<Panel> {
    let panel = |ending: &str, unit, targets| Panel {
        title: format!("{}{ending}", metric.name.replace(['_', '.'], " ")),
        help: metric.help.to_string(),
        unit,
        targets,
    };
    let is_bytes = metric.unit == "By";
    let key = metric.attributes.first().map_or("", |(key, _)| key.as_ref());
    let told = if key.is_empty() { String::new() } else { format!("{{{{{key}}}}}") };
    let own = || name(metric, Part::Number);
    match metric.kind {
        Kind::Operation => vec![
            panel(": latency", "s", quantiles(metric)),
            panel(
                ": calls",
                "ops",
                vec![(by("outcome", &name(metric, Part::Operations)), legend("{{outcome}}"))],
            ),
        ],
        Kind::Duration => vec![panel(": latency", "s", quantiles(metric))],
        Kind::Distribution => vec![panel("", if is_bytes { "bytes" } else { "short" }, quantiles(metric))],
        Kind::Counter => {
            let unit = match metric.unit.as_ref() {
                "By" => "Bps",
                "{event}" => "eps",
                _ => "cps",
            };
            vec![panel("", unit, vec![(by(key, &own()), legend(&told))])]
        }
        Kind::Gauge | Kind::ConstantGauge => {
            // Of an id every digit counts.
            let unit = if metric.unit == "{event_id}" { "locale" } else { "short" };
            vec![panel("", unit, vec![(max(key, &own()), legend(&told))])]
        }
        Kind::LifeCycle => {
            let time = name(metric, Part::Time);
            let busy = format!("{} / {}", rate(&time, ",state=\"active\""), rate(&time, ""));
            vec![
                panel(": busy", "percentunit", vec![(busy, legend(""))]),
                panel(
                    ": turns",
                    "cps",
                    vec![(by("state", &name(metric, Part::Cycles)), legend("{{state}}"))],
                ),
            ]
        }
    }
}

/// Quantiles of a histogram, whichever of its two forms Prometheus has.
fn quantiles(metric: &Descriptor) -> Vec<(String, String)> {
    let name = name(metric, Part::Histogram);
    let one = |q: &str, label: &str| {
        let classic = rate(&format!("{name}_bucket"), "");
        let native = rate(&name, "");
        let expression = format!("histogram_quantile({q}, {classic}) or histogram_quantile({q}, {native})");
        (expression, legend(label))
    };
    vec![one("0.5", "p50"), one("0.99", "p99"), one("0.999", "p99.9")]
}

fn number(metric_name: &str) -> String {
    name(metric(metric_name), Part::Number)
}

fn rate(name: &str, and: &str) -> String {
    format!("sum without ({}) (rate({name}{{{CHOSEN}{and}}}{WINDOW}))", labels_but(""))
}

fn max(kept: &str, name: &str) -> String {
    format!("max without ({}) ({name}{{{CHOSEN}}})", labels_but(kept))
}

fn labels_but(kept: &str) -> String {
    OF_METRICS.into_iter().filter(|label| *label != kept).collect::<Vec<_>>().join(", ")
}

fn by(label: &str, name: &str) -> String {
    format!("sum without ({}) (rate({name}{{{CHOSEN}}}{WINDOW}))", labels_but(label))
}

fn legend(what: &str) -> String {
    format!("{{{{instance}}}} {{{{log}}}} {{{{source}}}} {what}").trim_end().to_owned()
}

fn capitalized(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}
