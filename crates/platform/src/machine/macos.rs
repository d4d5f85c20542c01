//! The machine, as macOS shows it.

use std::ffi::CStr;
use std::io;
use std::mem::size_of;

pub(super) const WEAKER: &[&str] = &[
    "macOS: APFS may need new blocks to write what is stored into allocated ones (after a snapshot, as Time Machine makes \
     them), so a full disk can show itself at a sync and poison the log",
];

pub(super) const BOOT_ID: &str = "sysctl kern.bootsessionuuid";

pub(super) const TOO_MANY_FILES: i32 = libc::EMFILE;

pub(super) fn boot_id() -> io::Result<Option<[u8; 16]>> {
    let mut text = [0_u8; 64];
    let mut length = text.len();
    let name = c"kern.bootsessionuuid".as_ptr();
    // SAFETY: a name with a 0 at its end and a buffer of the length that is said, both of which live until the call
    // returns; nothing is set.
    let answer = unsafe {
        libc::sysctlbyname(name, text.as_mut_ptr().cast(), &raw mut length, std::ptr::null_mut(), 0)
    };
    if answer != 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) };
    }
    let text = CStr::from_bytes_until_nul(&text).unwrap_or_default().to_string_lossy();
    Ok(super::parse_uuid(&text))
}

pub(super) fn process_started(process_id: u32) -> Option<u64> {
    // SAFETY: a structure of integers, for which zeros are values.
    let mut found: libc::proc_bsdinfo = unsafe { std::mem::zeroed() };
    let length = libc::c_int::try_from(size_of::<libc::proc_bsdinfo>()).ok()?;
    let process_id = process_id.try_into().ok()?;
    // SAFETY: the structure lives until the call returns and is as long as the call is told.
    let filled =
        unsafe { libc::proc_pidinfo(process_id, libc::PROC_PIDTBSDINFO, 0, (&raw mut found).cast(), length) };
    let started = found.pbi_start_tvsec.saturating_mul(1_000_000).saturating_add(found.pbi_start_tvusec);
    (filled == length).then_some(started)
}

/// `setpriority` would be of the whole process here. The lowest class of all may not run for long.
pub(super) fn lower_priority_of_thread() {
    // SAFETY: of the calling thread, and takes no memory.
    unsafe { libc::pthread_set_qos_class_self_np(libc::qos_class_t::QOS_CLASS_UTILITY, 0) };
}
