//! A few small logs that are kept with the crate: what the encoders make today is what they made then, and reads the
//! same. `UPDATE_VECTORS=1 cargo test -p flashstrike-segment --test own_vectors` writes them anew, which is right only
//! while no log of anybody's exists.

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::build::LogBuilder;
use common::{MemoryLog, json};
use flashstrike_segment::names::hot_name;
use serde_json::{Value, json};

fn dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn logs() -> BTreeMap<&'static str, MemoryLog> {
    let mut staged = LogBuilder::variable();
    staged.append_many(30).flush();
    let entries = staged.entries(&[31, 32]);

    let mut cold = LogBuilder::fixed();
    let mut compressed = cold.append_many(80).finish();
    let last = cold.placed.iter().rfind(|block| block.segment == 0).unwrap();
    compressed.compress(0, last.offset + last.len, false);

    let mut torn = LogBuilder::fixed();
    let mut hole = torn.append_many(20).finish();
    let block = torn.placed[3].clone();
    hole.patch(&hot_name(0), block.offset, &vec![0; block.len]);

    let mut durable = LogBuilder::fixed();
    durable.append_many(12).flush();
    durable.durable = 12;
    let mut corrupt = durable.append_many(8).finish();
    corrupt.flip(&hot_name(0), block.offset + 70, 4);

    BTreeMap::from([
        ("fixed", LogBuilder::fixed().append_many(90).with_meta(|meta| meta.clean = true).finish()),
        ("variable-staged", staged.with_staging(30, false, &entries).finish()),
        ("cold", compressed),
        ("torn", hole),
        ("corrupt", corrupt),
    ])
}

fn facts(log: &MemoryLog) -> Value {
    let outcome = log.verify().unwrap();
    json!({
        "state": outcome.verdict.state.to_string(),
        "bad": outcome.bad(),
        "events": outcome.events.len(),
        "first_id": outcome.verdict.first_event_id,
        "last_id": outcome.verdict.last_event_id,
        "staged": outcome.verdict.staged,
        "events_on_their_own": outcome.verdict.events_on_their_own,
        "durable_proof": outcome.verdict.durable_proof,
        "payload_sha256": outcome.sha256(),
    })
}

#[test]
fn logs_of_old_are_written_and_read_as_ever() {
    let logs = logs();
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        let _ = std::fs::remove_dir_all(dir());
        for (name, log) in &logs {
            log.write(&dir().join(name));
        }
        let facts: BTreeMap<_, _> = logs.iter().map(|(name, log)| (name, facts(log))).collect();
        std::fs::write(dir().join("expected.json"), serde_json::to_string_pretty(&facts).unwrap() + "\n")
            .unwrap();
    }
    let expected = json(&dir().join("expected.json"));
    assert_eq!(expected.as_object().unwrap().len(), logs.len());
    for (name, log) in logs {
        let kept = MemoryLog::read(&dir().join(name));
        assert_eq!(facts(&kept), expected[name], "{name}");
        assert_eq!(kept.files.keys().collect::<Vec<_>>(), log.files.keys().collect::<Vec<_>>(), "{name}");
        for (file, bytes) in &log.files {
            // A later zstd may compress better.
            assert!(kept.files[file] == *bytes || kept.has_cold(), "{name}/{file} is written differently");
        }
    }
}
