//! When a process was started: what tells it from a later one that was given its number.

/// Clock ticks between the start of the machine and that of the process: field 22 of `/proc/PID/stat`; on other systems
/// than Linux what [`process_started`](flashstrike_platform::machine::process_started) says. `None`: there is no such
/// process, or none that can be seen from here.
///
/// ```
/// assert!(flashstrike_telemetry::page::started_ticks(std::process::id()).is_some());
/// ```
pub fn started_ticks(process_id: u32) -> Option<u64> {
    flashstrike_platform::machine::process_started(process_id)
}
