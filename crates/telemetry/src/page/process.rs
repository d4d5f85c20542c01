//! When a process was started: what tells it from a later one that was given its number.

/// Clock ticks between the start of the machine and that of the process: field 22 of `/proc/PID/stat`. `None`: there is
/// no such process, or none that can be seen from here.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// assert!(flashstrike_telemetry::page::started_ticks(std::process::id()).is_some());
/// ```
pub fn started_ticks(process_id: u32) -> Option<u64> {
    let stat = std::fs::read(format!("/proc/{process_id}/stat")).ok()?;
    parse(&stat)
}

fn parse(stat: &[u8]) -> Option<u64> {
    // The second field is the program's name in parentheses, which may hold spaces and parentheses; no other does.
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    let after_name = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
    // Behind it comes the third.
    after_name.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_name_of_a_program_is_no_field() {
        let stat = b"7 (a ) b (c) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21";
        assert_eq!(parse(stat), Some(4242));
        for wrong in [
            &b""[..],
            b"7",
            b"7 (a)",
            b"7 (a) R 1 2 3",
            b"7 (a) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x",
        ] {
            assert_eq!(parse(wrong), None, "{}", wrong.escape_ascii());
        }
    }
}
