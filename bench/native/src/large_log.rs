//! A large log that the rounds of several benchmarks share, and what a kill leaves of it.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, mpsc};

use flashstrike_recorder::{Code, Event, Recorder, RecorderOptions};
use rustix::process::{Signal, getpid, kill_process};

use crate::append::{PATIENCE, open_prepared};
use crate::events::{Events, options};
use crate::{Contest, Failure};

/// Segments of the log that fill up while the ones before are still to be sealed, and some more.
const PREPARED_FOR_A_BURST: u32 = 12;
/// Where sealing keeps up with so many segments, no more than are unsealed then will be.
const BURST_EVENTS: u64 = 32 << 20;

/// The log of so many bytes, made by the recorder if it is not there yet.
pub(crate) fn large_log(parent: &Path, bytes: u64) -> Result<PathBuf, Failure> {
    let path = parent.join(format!("log-{bytes}"));
    if path.exists() {
        return Ok(path);
    }
    let making = parent.join(format!("making-{bytes}"));
    if making.exists() {
        fs::remove_dir_all(&making)?;
    }
    fs::create_dir_all(parent)?;
    let options = options(&making)?;
    let segments = (bytes / u64::from(options.segment_bytes)).max(1) as u32;
    let mut recorder = open_prepared(&options)?;
    fill(&mut recorder, |index, _| index >= segments)?;
    recorder.close()?;
    fs::rename(&making, &path)?;
    Ok(path)
}

/// Appends to a log in a process of its own that kills itself: with one segment unsealed, half full, or with as many
/// unsealed as the recorder lets there be.
pub(crate) fn append_and_be_killed(log: &Path, many_unsealed: bool) -> Result<(), Failure> {
    let contest = Contest::AppendAndDie { log: log.to_path_buf(), many_unsealed };
    let status = Command::new(std::env::current_exe()?).arg(serde_json::to_string(&contest)?).status()?;
    if status.success() || status.code().is_some() {
        return Err(format!("the process that was to be killed ended with {status}").into());
    }
    Ok(())
}

/// What that process does. It returns only if it fails.
pub(crate) fn append_and_die(log: &Path, many_unsealed: bool) -> Failure {
    let outcome = options(log).and_then(|options| {
        if many_unsealed { fill_until_refused(options) } else { half_fill_a_segment(options) }
    });
    outcome.err().unwrap_or_else(|| "a killed process goes on".into())
}

/// Without any of what closing a log does.
fn die() -> Result<(), Failure> {
    Ok(kill_process(getpid(), Signal::KILL)?)
}

fn half_fill_a_segment(mut options: RecorderOptions) -> Result<(), Failure> {
    let (sealed, seals) = mpsc::channel();
    options.observer = Some(Arc::new(move |event: &Event| {
        if let Event::Sealed { segment } = event {
            let _ = sealed.send(*segment);
        }
    }));
    let half = options.segment_bytes as usize / 2;
    let mut recorder = open_prepared(&options)?;
    fill(&mut recorder, |_, _| true)?;
    recorder.rotate()?;
    fill(&mut recorder, |_, offset| offset >= half)?;
    let last = recorder.manager()?.writer().position().map_or(0, |(index, _)| index);
    while seals.recv_timeout(PATIENCE)? + 1 < last {}
    die()
}

fn fill_until_refused(mut options: RecorderOptions) -> Result<(), Failure> {
    options.prepared_segments = PREPARED_FOR_A_BURST;
    let mut recorder = open_prepared(&options)?;
    let source = Events::new();
    for number in 0..BURST_EVENTS {
        match recorder.append(black_box(source.get(number))) {
            Ok(_) => {}
            Err(error) if error.code() == Code::Backpressure => return die(),
            Err(error) => return Err(error.into()),
        }
    }
    die()
}

/// Appends until `enough` says so of the index of the open segment and the offset in it.
fn fill(recorder: &mut Recorder, enough: impl Fn(u32, usize) -> bool) -> Result<(), Failure> {
    let source = Events::new();
    let mut number = 0;
    loop {
        for _ in 0..1024 {
            match recorder.append(black_box(source.get(number))) {
                Ok(_) => number += 1,
                Err(error) if error.code() == Code::Backpressure => recorder.drain(PATIENCE)?,
                Err(error) => return Err(error.into()),
            }
        }
        if recorder.manager()?.writer().position().is_some_and(|(index, offset)| enough(index, offset)) {
            return Ok(());
        }
    }
}
