//! The independent reference of the format, a Python program that lies outside the project.

use std::io::{BufRead, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::skip::skipped;

/// Where the golden logs and the reference are: `FLASHSTRIKE_VECTORS`, or next to the project. `None`, loudly, if they
/// are not there.
pub fn vectors() -> Option<PathBuf> {
    let directory = std::env::var_os("FLASHSTRIKE_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"), PathBuf::from);
    if directory.join("walref.py").is_file() {
        return Some(directory);
    }
    eprintln!("SKIPPED: no golden logs in {} (set FLASHSTRIKE_VECTORS)", directory.display());
    None
}

/// The reference's opinion of logs.
#[derive(Debug)]
pub struct Walref(PathBuf);

impl Walref {
    /// The reference, if it is there and Python can run it; says so loudly if not.
    pub fn find() -> Option<Self> {
        let program = vectors()?.join("walref.py");
        match Command::new("python3").args(["-c", "import xxhash, zstandard"]).output() {
            Ok(output) if output.status.success() => Some(Self(program)),
            _ => {
                skipped("python3 with xxhash and zstandard, for the reference of the format");
                None
            }
        }
    }

    /// What it says of a log in which nobody appends: state, ids, SHA-256 of all events.
    ///
    /// # Panics
    /// If it ends without an answer.
    pub fn verify(&self, log: &Path, boot_id: &[u8; 16]) -> Value {
        let boot_id = crate::hex::hex(boot_id);
        let output = Command::new("python3")
            .arg("-B")
            .arg(&self.0)
            .args(["verify", "--json", "--boot-id", &boot_id])
            .arg(log)
            .output()
            .expect("python3 can be run");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("no answer: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// The reference as one process that is asked about many logs: starting it takes longer than its answer.
#[derive(Debug)]
pub struct WalrefAtWork {
    process: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl WalrefAtWork {
    /// Starts it, if it is there and Python can run it; says so loudly if not. `boot_id` is what the machine's boot id is
    /// taken for.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(boot_id: &[u8; 16]) -> Option<Self> {
        let Walref(program) = Walref::find()?;
        let mut process = Command::new("python3")
            .arg("-B")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../segment/tests/oracle.py"))
            .arg(program.parent()?)
            .arg(crate::hex::hex(boot_id))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 can be run");
        let answers = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        Some(Self { process, answers })
    }

    /// What it says of a log in which nobody appends: `state`, `bad` (segment and offset), `events`, `first`, `last`,
    /// `staged`, `proof`, `alone`, `sha256`; or `unsupported`.
    ///
    /// # Panics
    /// If it ends without an answer.
    pub fn ask(&mut self, log: &Path) -> Value {
        let question = json!({ "log": log });
        writeln!(self.process.stdin.as_mut().expect("a pipe"), "{question}").expect("it listens");
        let answer = self.answers.next().expect("it answers").expect("text");
        serde_json::from_str(&answer).expect("JSON")
    }
}

impl Drop for WalrefAtWork {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
