//! Alert rules for Prometheus, and a test of each of them for `promtool test rules`.

use std::fmt::Write as _;

use crate::alerts::Alert;

const MADE: &str =
    "# Made from the catalogue of metrics by crates/telemetry/tests/observability; do not edit.\n";

/// What becomes of a source after ten minutes: it is no longer live, and in another state.
const ENDS: &str = "1+0x10 0+0x30";
const BEGINS: &str = "0+0x10 1+0x30";

/// A process whose first scrape finds that something was counted, and that counts no more.
const APPEARS: &str = "_x11 3+0x30";

pub(crate) fn rules(alerts: &[Alert]) -> String {
    let mut out = format!("{MADE}groups:\n  - name: flashstrike-wal\n    rules:\n");
    for alert in alerts {
        let Alert { name, expression, hold, severity, summary, description, .. } = alert;
        writeln!(out, "      - alert: {name}").unwrap();
        writeln!(out, "        expr: {}", quoted(expression)).unwrap();
        if *hold > 0 {
            writeln!(out, "        for: {hold}m").unwrap();
        }
        writeln!(out, "        labels:\n          severity: {severity}").unwrap();
        writeln!(out, "        annotations:\n          summary: {}", quoted(summary)).unwrap();
        writeln!(out, "          description: {}", quoted(description)).unwrap();
    }
    out
}

/// Each alert is silent as long as nothing is wrong, and fires when something is. One that tells of what was counted does so, for ten minutes,
/// of what the first scrape finds too. One that tells of a level does not of a source that has ended.
pub(crate) fn tests(alerts: &[Alert]) -> String {
    let mut out = format!("{MADE}rule_files: [prometheus-alerts.yml]\nevaluation_interval: 1m\ntests:\n");
    for alert in alerts {
        out.push_str(&alert.test(&alert.name, |_, own| own, &[(10, false), (30, true)]));
        if alert.expression.starts_with("increase(") {
            let name = format!("{} at the first scrape", alert.name);
            out.push_str(&alert.test(
                &name,
                |_, _| APPEARS,
                &[(10, false), (11, true), (20, true), (21, false)],
            ));
        }
        if alert.expression.contains(" unless ignoring ") {
            for state in ["closed", "dead"] {
                let ended = format!("state=\"{state}\"");
                let values = |series: &str, own| match series {
                    live if live.contains("state=\"live\"") => ENDS,
                    other if other.contains(&ended) => BEGINS,
                    _ => own,
                };
                let title = format!("{} of a {state} source", alert.name);
                out.push_str(&alert.test(&title, values, &[(10, false), (30, false)]));
            }
        }
    }
    out
}

impl Alert {
    /// A test with these values of each series, of which the second are those that make it fire, and whether it fires after so
    /// many minutes.
    fn test(
        &self,
        title: &str,
        values: impl Fn(&str, &'static str) -> &'static str,
        fires: &[(u32, bool)],
    ) -> String {
        let mut out = format!("  - name: {title}\n    interval: 1m\n    input_series:\n");
        for (series, own) in &self.series {
            let values = values(series, own);
            writeln!(out, "      - series: {}\n        values: \"{values}\"", quoted(series)).unwrap();
        }
        out.push_str("    alert_rule_test:\n");
        for (minute, fires) in fires {
            writeln!(out, "      - eval_time: {minute}m\n        alertname: {}", self.name).unwrap();
            out.push_str(&if *fires { self.fired() } else { "        exp_alerts: []\n".to_owned() });
        }
        out
    }

    /// What is expected of it when it fires.
    fn fired(&self) -> String {
        let Self { name, severity, summary, description, labels, .. } = self;
        let mut out =
            format!("        exp_alerts:\n          - exp_labels:\n              severity: {severity}\n");
        // Of a whole process, whatever its logs are.
        if !["WalMetricsMissing", "WalTargetDown"].contains(&name.as_str()) {
            out.push_str("              log: orders\n");
        }
        for (label, value) in labels {
            writeln!(out, "              {label}: {value}").unwrap();
        }
        let expand = |text: &str| {
            let text = text.replace("{{ $labels.log }}", "orders").replace("{{ $labels.kind }}", "block");
            quoted(&text.replace("{{ $labels.instance }}", "engine").replace("{{ $value }}", "1"))
        };
        writeln!(out, "            exp_annotations:\n              summary: {}", expand(summary)).unwrap();
        writeln!(out, "              description: {}", expand(description)).unwrap();
        out
    }
}

/// Quoted as the formatter wants it: every JSON string is one of YAML, and single quotes save escaping double ones.
fn quoted(text: &str) -> String {
    if text.contains('"') && !text.contains('\'') {
        format!("'{text}'")
    } else {
        serde_json::to_string(text).unwrap()
    }
}
