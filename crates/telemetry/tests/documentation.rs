//! The list of metrics in docs/telemetry.md is made from the catalogue, so that it cannot say anything else.
#![cfg(not(loom))]

use std::fmt::Write as _;
use std::path::Path;

use flashstrike_telemetry::catalogue::Descriptor;
use flashstrike_telemetry::{Entry, Kind, RecorderTelemetry, RecoveryTelemetry};

const BEGIN: &str = "<!-- metrics: made by crates/telemetry/tests/documentation.rs -->\n";
const END: &str = "<!-- metrics: end -->\n";

#[test]
fn the_documentation_lists_every_metric_as_the_catalogue_has_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/telemetry.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) =
        text.split_once(BEGIN).expect("docs/telemetry.md has the mark where the list begins");
    let (listed, after) = rest.split_once(END).expect("docs/telemetry.md has the mark where the list ends");
    let expected = list();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        return;
    }
    assert!(
        plain(listed) == plain(&expected),
        "docs/telemetry.md differs from the catalogue; write it anew with\n  \
         UPDATE_DOCS=1 cargo test -p flashstrike-telemetry --test documentation"
    );
}

fn list() -> String {
    let entries: Vec<Entry> =
        RecorderTelemetry::catalogue().into_iter().chain(RecoveryTelemetry::catalogue()).collect();
    let mut text = String::new();
    for members in entries.chunk_by(|a, b| a.descriptor.section == b.descriptor.section) {
        let section = &members[0].descriptor.section;
        writeln!(text, "\n### `wal.{}.{}`\n", section.side, section.subsystem).unwrap();
        text.push_str("| metric | kind | unit | what |\n|---|---|---|---|\n");
        for Entry { descriptor, .. } in members {
            let Descriptor { kind, unit, help, .. } = descriptor;
            writeln!(text, "| {} | {} | `{unit}` | {help} |", name(descriptor), words(*kind)).unwrap();
        }
    }
    text.push('\n');
    text
}

/// Without the spaces and dashes by which the formatter makes columns line up.
fn plain(table: &str) -> String {
    let cell =
        |cell: &str| if cell.trim().trim_matches('-').is_empty() { "" } else { cell.trim() }.to_owned();
    table.lines().map(|line| line.split('|').map(cell).collect::<Vec<_>>().join("|") + "\n").collect()
}

fn name(Descriptor { name, attributes, .. }: &Descriptor) -> String {
    let mut text = format!("`{name}`");
    for (key, value) in attributes.iter() {
        write!(text, " `{key}={value}`").unwrap();
    }
    text
}

fn words(kind: Kind) -> String {
    kind.name().replace('_', " ")
}
