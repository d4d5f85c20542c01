//! A process that writes what the one that is measured waits for.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::{Contest, Failure};

/// It is ended when this is dropped.
pub(crate) struct OtherProcess(Child);

impl OtherProcess {
    /// Starts a contest there, until it is [`ready`].
    pub(crate) fn start(contest: &Contest) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(serde_json::to_string(contest)?).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut other = Self(command.spawn()?);
        let output = other.0.stdout.as_mut().ok_or("no pipe")?;
        BufReader::new(output).read_line(&mut String::new())?;
        Ok(other)
    }

    /// Lets it go on.
    pub(crate) fn begin(&mut self) -> Result<(), Failure> {
        Ok(writeln!(self.0.stdin.as_mut().ok_or("no pipe")?)?)
    }

    /// Waits for what it writes to its output.
    pub(crate) fn read(&mut self) -> Result<[u8; 8], Failure> {
        let mut bytes = [0; 8];
        self.0.stdout.as_mut().ok_or("no pipe")?.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Waits until it has ended.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        if self.0.wait()?.success() {
            Ok(())
        } else {
            Err("the other process has failed; what it said stands above".into())
        }
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A clock that all processes of the machine share.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// In that process: says that everything is there, and waits until it may begin.
pub(crate) fn ready() -> Result<(), Failure> {
    writeln!(std::io::stdout(), "ready")?;
    std::io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

/// In that process: lets whoever sleeps fall asleep. Not evenly, so that no reader's timer falls into step.
pub(crate) fn pause(number: u64) {
    thread::sleep(Duration::from_micros(500 + number * 7919 % 1000));
}
