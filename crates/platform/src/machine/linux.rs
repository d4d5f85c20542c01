//! The machine, as Linux shows it.

use std::io::{self, ErrorKind};

/// The lowest priority there is for a thread that shall run at all.
const NICEST: i32 = 19;

pub(super) const WEAKER: &[&str] = &[];

pub(super) const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

pub(super) const TOO_MANY_FILES: i32 = libc::EMFILE;

pub(super) fn boot_id() -> io::Result<Option<[u8; 16]>> {
    match std::fs::read_to_string(BOOT_ID) {
        Ok(text) => Ok(super::parse_uuid(&text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Field 22 of `/proc/PID/stat`.
pub(super) fn process_started(process_id: u32) -> Option<u64> {
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

/// On Linux, and only there, this is of the calling thread alone.
pub(super) fn lower_priority_of_thread() {
    let _ = rustix::process::setpriority_process(None, NICEST);
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
