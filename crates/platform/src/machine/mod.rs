//! The machine: which boot this is, when a process was started, how urgent a thread is, what an error means.

use std::io;

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(target_os = "macos", path = "macos.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod os;

pub(crate) const WEAKER: &[&str] = os::WEAKER;

/// Where the boot id comes from, for people.
pub const BOOT_ID: &str = os::BOOT_ID;

/// The boot id of the machine: what was in memory under another one is gone. `None` where it gives none.
///
/// # Errors
/// Those of the operating system, but for there being none.
pub fn boot_id() -> io::Result<Option<[u8; 16]>> {
    os::boot_id()
}

/// When a process was started: what tells it from a later one that was given its number. `None`: there is no such process,
/// or none that can be seen from here.
///
/// Linux: clock ticks since the machine was started. macOS: microseconds since 1970. Windows: units of 100 ns since 1601.
pub fn process_started(process_id: u32) -> Option<u64> {
    os::process_started(process_id)
}

/// Gives this thread the lowest priority, or one as low as a thread can have that shall run at all. Where it is refused
/// nothing happens.
pub fn lower_priority_of_thread() {
    os::lower_priority_of_thread();
}

/// Whether an operation has failed because this process has as many files open as it may.
pub fn is_out_of_files(error: &io::Error) -> bool {
    error.raw_os_error() == Some(os::TOO_MANY_FILES)
}

/// The 16 bytes of a UUID in its usual form.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text.trim().bytes().filter(|&byte| byte != b'-').collect();
    let digits: &[u8; 32] = digits.as_slice().try_into().ok()?;
    let mut id = [0; 16];
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(hex_digit(pair[0])? << 4 | hex_digit(pair[1])?).ok()?;
    }
    Some(id)
}

fn hex_digit(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_sixteen_bytes_in_the_order_written() {
        let id = parse_uuid("00010203-0405-0607-0809-0a0b0c0d0eFF\n").unwrap();
        assert_eq!(id, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        for wrong in
            ["", "0", "00010203-0405-0607-0809-0a0b0c0d0eFG", "00010203-0405-0607-0809-0a0b0c0d0eFF00"]
        {
            assert_eq!(parse_uuid(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_boot_id_does_not_change() {
        let id = boot_id().unwrap().unwrap_or_else(|| panic!("no boot id from {BOOT_ID}"));
        assert_ne!(id, [0; 16]);
        assert_eq!(boot_id().unwrap(), Some(id));
    }

    #[test]
    fn a_process_was_started_at_one_time_and_one_that_is_not_there_at_none() {
        let own = process_started(std::process::id());
        assert!(own.is_some_and(|started| started > 0), "{own:?}");
        assert_eq!(process_started(std::process::id()), own);
        assert_eq!(process_started(u32::MAX - 6), None);
    }

    #[test]
    fn a_thread_of_low_priority_still_runs() {
        assert_eq!(std::thread::spawn(|| (lower_priority_of_thread(), 7).1).join().unwrap(), 7);
    }
}
