//! A test's other half, in a process of its own.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Set for every child.
const VARIABLE: &str = "FLASHSTRIKE_CHILD";

/// Whether this process was started by [`Child::spawn`]. A test that is a child's work returns at once if not: `cargo
/// test -- --ignored` runs it too.
pub fn is_child() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// What a child was given under this name: a path, or anything else that can be written as one.
///
/// # Panics
/// If it was given nothing.
#[track_caller]
pub fn given(name: &str) -> PathBuf {
    std::env::var_os(name).unwrap_or_else(|| panic!("the child was given no {name}")).into()
}

/// Whether a process was killed, by itself or by another, and has not come to its end.
pub fn was_killed(status: ExitStatus) -> bool {
    #[cfg(unix)]
    return std::os::unix::process::ExitStatusExt::signal(&status) == Some(9);
    // Who is killed has the code that was given for it, and a test that fails this one.
    #[cfg(not(unix))]
    return !matches!(status.code(), Some(0 | 101));
}

/// A process that runs one `#[ignore]`d test of this binary. It is killed when it is dropped.
#[derive(Debug)]
pub struct Child(std::process::Child);

impl Child {
    /// Starts this test binary once more, for the test of this name alone.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn<V: AsRef<OsStr>>(test: &str, variables: &[(&str, V)]) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this binary has a path"));
        command.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        Self::start(command, variables)
    }

    /// As [`spawn`](Self::spawn), under another program (strace) that takes the command behind its own arguments.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn_under<V: AsRef<OsStr>>(wrapper: &mut Command, test: &str, variables: &[(&str, V)]) -> Self {
        let mut command = Command::new(wrapper.get_program());
        command.args(wrapper.get_args()).arg(std::env::current_exe().expect("this binary has a path"));
        command.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        Self::start(command, variables)
    }

    fn start<V: AsRef<OsStr>>(mut command: Command, variables: &[(&str, V)]) -> Self {
        command.env(VARIABLE, "1").stdin(Stdio::null()).stdout(Stdio::null());
        for (name, value) in variables {
            command.env(name, value);
        }
        Self(command.spawn().expect("a process can be started"))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// `kill -9`, and waits for its end.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn kill(&mut self) -> ExitStatus {
        // It may have ended by itself.
        let _ = self.0.kill();
        self.0.wait().expect("a child can be waited for")
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// If it does not within this time: then it hangs.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        self.ends_within(patience).unwrap_or_else(|| {
            let id = self.id();
            self.kill();
            panic!("process {id} has not ended within {patience:?}: it hangs");
        })
    }

    /// Waits until it ends by itself, at most so long.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn ends_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.0.try_wait().expect("a child can be waited for") {
                return Some(status);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            std::thread::sleep(left.min(Duration::from_micros(200)));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}
