//! The dashboard, the alert rules and the registry of names that the telemetry package brings are made from the catalogue, so that they cannot
//! name anything that is not there.
#![cfg(not(loom))]

mod alerts;
mod dashboard;
mod names;
mod registry;
mod rules;

use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packages/telemetry/observability")
}

/// Compares what is made with what is committed, as `read` understands it; or commits it, if that is asked for.
fn check<T: PartialEq>(name: &str, made: &str, read: impl Fn(&str) -> T) {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, made).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        read(&committed) == read(made),
        "packages/telemetry/observability/{name} differs from the catalogue; write it anew with\n  \
         UPDATE_DOCS=1 cargo test -p flashstrike-telemetry --test observability && npm run format"
    );
}

#[test]
fn the_dashboard_is_made_from_the_catalogue() {
    let made = serde_json::to_string_pretty(&dashboard::dashboard()).unwrap();
    check("grafana-dashboard.json", &(made + "\n"), |text| {
        serde_json::from_str::<serde_json::Value>(text).unwrap()
    });
}

#[test]
fn the_alert_rules_and_their_tests_are_made_from_the_catalogue() {
    let alerts = alerts::alerts();
    check("prometheus-alerts.yml", &rules::rules(&alerts), str::to_owned);
    check("prometheus-alerts.test.yml", &rules::tests(&alerts), str::to_owned);
}

#[test]
fn the_registry_for_weaver_is_made_from_the_catalogue() {
    check("registry/manifest.yaml", &registry::manifest(), str::to_owned);
    check("registry/attributes.yaml", &registry::attributes(), str::to_owned);
    check("registry/metrics.yaml", &registry::metrics(), str::to_owned);
}
