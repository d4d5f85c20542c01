//! The machine, as Windows shows it.

use std::io;
use std::mem::size_of;

use windows_sys::Wdk::System::SystemInformation::{NtQuerySystemInformation, SystemTimeOfDayInformation};
use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_FILE_NOT_FOUND, ERROR_SUCCESS, ERROR_TOO_MANY_OPEN_FILES, FILETIME, STILL_ACTIVE,
};
use windows_sys::Win32::System::Registry::{
    HKEY_LOCAL_MACHINE, RRF_RT_REG_SZ, RRF_SUBKEY_WOW6464KEY, RegGetValueW,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentThread, GetExitCodeProcess, GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION,
    SetThreadPriority, THREAD_PRIORITY_LOWEST,
};
use windows_sys::w;

pub(super) const WEAKER: &[&str] = &[
    "Windows: that the name of a file is durable rests on the journal of NTFS, of which Windows promises nothing",
    "Windows: fileMode is nothing; files have the permissions that the log's directory hands down",
    "Windows: where a file is mapped or held, the one that takes its place comes after it was moved aside (NAME.old0)",
    "Windows: wal.lock alone keeps a second writer out; nobody may remove it while a writer lives",
];

pub(super) const BOOT_ID: &str = "MachineGuid in the registry, and the number of the boot";

pub(super) const TOO_MANY_FILES: i32 = ERROR_TOO_MANY_OPEN_FILES.cast_signed();

/// The id of this installation of Windows, made that of one boot by what is different with each.
pub(super) fn boot_id() -> io::Result<Option<[u8; 16]>> {
    let Some(mut id) = machine_id()? else { return Ok(None) };
    for (byte, of_boot) in id.iter_mut().zip(boot_number().to_le_bytes()) {
        *byte ^= of_boot;
    }
    Ok(Some(id))
}

/// What the loader counts up at each boot. Where that is not done, as by Wine, the moment of the boot.
fn boot_number() -> u64 {
    /// `BootId` of `KUSER_SHARED_DATA` in `ntddk.h`, a structure that is at this address in every process and has only
    /// ever grown at its end.
    const PLACE: usize = 0x7FFE_0000 + 0x2C4;
    // SAFETY: every process has this page mapped for reading at this address, as long as it runs, and the word does not
    // change in that time.
    let boots = unsafe { (PLACE as *const u32).read_volatile() };
    if boots != 0 { boots.into() } else { boot_time() }
}

fn boot_time() -> u64 {
    /// The first word of what is said: units of 100 ns since 1601.
    type TimeOfDay = [u64; 6];
    let mut found: TimeOfDay = [0; 6];
    let length = size_of::<TimeOfDay>() as u32;
    // SAFETY: a buffer of the length that is said, which lives until the call returns; how much of it was filled is not
    // asked for.
    unsafe {
        NtQuerySystemInformation(
            SystemTimeOfDayInformation,
            (&raw mut found).cast(),
            length,
            std::ptr::null_mut(),
        )
    };
    found[0]
}

/// `None` where the registry has none.
fn machine_id() -> io::Result<Option<[u8; 16]>> {
    let mut text = [0_u16; 64];
    let mut bytes = size_of_val(&text) as u32;
    // SAFETY: names with a 0 at their ends, a buffer and its length, all of which live until the call returns.
    let answer = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            w!("SOFTWARE\\Microsoft\\Cryptography"),
            w!("MachineGuid"),
            RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY,
            std::ptr::null_mut(),
            text.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    match answer {
        ERROR_SUCCESS => {}
        ERROR_FILE_NOT_FOUND => return Ok(None),
        error => return Err(io::Error::from_raw_os_error(error.cast_signed())),
    }
    let length = text.iter().position(|&unit| unit == 0).unwrap_or(text.len());
    Ok(super::parse_uuid(&String::from_utf16_lossy(&text[..length])))
}

pub(super) fn process_started(process_id: u32) -> Option<u64> {
    // SAFETY: takes no memory.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, process_id) };
    if process.is_null() {
        return None;
    }
    let none = || FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    let (mut created, mut exited, mut kernel, mut user) = (none(), none(), none(), none());
    let mut code = 0;
    // SAFETY: the handle is open, and what the calls fill lives until they return.
    let answers = unsafe {
        let times =
            GetProcessTimes(process, &raw mut created, &raw mut exited, &raw mut kernel, &raw mut user);
        let ended = GetExitCodeProcess(process, &raw mut code);
        // From here on nobody has the handle.
        CloseHandle(process);
        (times, ended)
    };
    // A process that has ended can be asked as long as somebody has a handle on it.
    let is_there = answers.0 != 0 && answers.1 != 0 && code == STILL_ACTIVE.cast_unsigned();
    is_there.then(|| u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime))
}

pub(super) fn lower_priority_of_thread() {
    // SAFETY: takes no memory, and this handle is always that of the calling thread.
    unsafe { SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_LOWEST) };
}
