//! Every kind of damage × every mode × fixed-size and variable-length events: the verdict, the events, the place that is
//! named, what is kept in `quarantine/`, and that a refusal touches nothing. No damage is ever answered with other
//! events, a hang, a panic or a deletion.
//!
//! What a damage comes to is said by the verifier of the format, with which the independent reference has to agree where
//! it is there; and whatever both say, only what was written may be read.
//!
//! Bytes and draws are sampled anew in each run. `FLASHSTRIKE_MATRIX=all` takes all of them, `FLASHSTRIKE_MATRIX=KIND`
//! only damages whose name contains this, `FLASHSTRIKE_MATRIX="all KIND"` all of those.

mod common;
mod matrix;
#[path = "../../segment/tests/common/mod.rs"]
mod memory;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};

use common::PATIENCE;
use flashstrike_crash_lab::Seed;
use matrix::case::{Case, Damager};
use matrix::damage::KINDS;
use matrix::expected::Oracle;
use matrix::shapes::{Shape, shapes};
use matrix::{appending, by_hand, files, reading};

/// How many failures are told in full.
const TOLD: usize = 8;

fn check(case: &Case, oracle: &mut Oracle) {
    let directory = files::written(&case.log);
    let expected = oracle.expected(case, directory.path());
    if let Some(expected) = &expected {
        reading::assert_is_part_of_a_history(case, &expected.events, &case.what);
    }
    reading::check(case, directory.path(), expected.as_ref());
    drop(directory);
    by_hand::check(case, expected.as_ref(), oracle);
    appending::check(case, expected.as_ref(), oracle);
}

/// Makes and checks every damage to one log.
fn check_shape(shape: &Shape) {
    let seed = Seed::of_this_run(shape.name);
    let asked = std::env::var("FLASHSTRIKE_MATRIX").unwrap_or_default();
    let is_exhaustive = asked.starts_with("all");
    let asked_kind = asked.strip_prefix("all").unwrap_or(&asked).trim();
    let mut oracle = Oracle::start();
    let mut failures = Vec::new();
    let mut cases = 0_usize;
    let (begin, begun) = channel();
    let watchdog = std::thread::spawn(move || {
        let mut current = String::new();
        loop {
            match begun.recv_timeout(PATIENCE) {
                Ok(next) => current = next,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("HANG: {current} did not end within {PATIENCE:?}");
                    std::process::abort();
                }
            }
        }
    });
    for (part, (kind, damage)) in KINDS.iter().enumerate() {
        if !kind.contains(asked_kind) {
            continue;
        }
        let mut check_case = |case: Case| {
            cases += 1;
            begin.send(case.what.clone()).expect("the watchdog is there");
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&case, &mut oracle))) {
                failures.push(format!("{}\n{}", case.what, told(&*panic)));
                oracle = Oracle::start();
            }
        };
        damage(&mut Damager {
            shape,
            kind,
            rng: seed.rng(part as u64),
            is_exhaustive,
            check: &mut check_case,
        });
    }
    drop(begin);
    watchdog.join().expect("the watchdog");
    eprintln!("{}, events of {}: {cases} damaged logs", shape.name, shape.own.event_size);
    let count = failures.len();
    failures.truncate(TOLD);
    assert!(count == 0, "{count} of {cases} failed, among them:\n{}", failures.join("\n\n"));
}

fn told(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

fn check_shape_named(name: &str, event_size: u16) {
    let shape = shapes(event_size).into_iter().find(|shape| shape.name == name).expect("a shape");
    check_shape(&shape);
}

#[test]
fn an_active_segment_of_fixed_size_events() {
    check_shape_named("active", 32);
}

#[test]
fn an_active_segment_of_variable_length_events() {
    check_shape_named("active", 0);
}

#[test]
fn sealed_segments_of_fixed_size_events() {
    check_shape_named("rotated", 32);
}

#[test]
fn sealed_segments_of_variable_length_events() {
    check_shape_named("rotated", 0);
}

#[test]
fn unsealed_segments_of_fixed_size_events() {
    check_shape_named("unsealed", 32);
}

#[test]
fn unsealed_segments_of_variable_length_events() {
    check_shape_named("unsealed", 0);
}

#[test]
fn a_log_with_everything_of_fixed_size_events() {
    check_shape_named("kept", 32);
}

#[test]
fn a_log_with_everything_of_variable_length_events() {
    check_shape_named("kept", 0);
}
