//! The independent reference of the format, a Python program that lies outside the project.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

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
