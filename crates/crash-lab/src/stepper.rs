//! Lets a thread of another process execute one instruction at a time.
//!
//! While it stands still, its files hold exactly what they would hold if it were killed there.

use std::io;

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Holds one thread of a child process. All calls have to come from the thread that has attached it; dropping it lets
/// the thread run on.
#[derive(Debug)]
pub struct Stepper {
    thread: Pid,
    is_there: bool,
    // The kernel takes requests of the tracing thread only.
    _of_this_thread: std::marker::PhantomData<*const ()>,
}

impl Stepper {
    /// Stops this thread, by its thread id.
    ///
    /// # Errors
    /// Where tracing is not allowed, or there is no such thread.
    pub fn attach(thread: i32) -> io::Result<Self> {
        let thread = Pid::from_raw(thread);
        ptrace::attach(thread)?;
        let stepper = Self { thread, is_there: true, _of_this_thread: std::marker::PhantomData };
        waitpid(thread, Some(WaitPidFlag::__WALL))?;
        Ok(stepper)
    }

    /// Executes one instruction; of one that copies many bytes, one round. False if the process has ended.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn step(&mut self) -> io::Result<bool> {
        ptrace::step(self.thread, None)?;
        match waitpid(self.thread, Some(WaitPidFlag::__WALL))? {
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => {
                self.is_there = false;
                Ok(false)
            }
            _ => Ok(true),
        }
    }
}

impl Drop for Stepper {
    fn drop(&mut self) {
        if self.is_there {
            // It may have been killed meanwhile.
            let _ = ptrace::detach(self.thread, None);
        }
    }
}
