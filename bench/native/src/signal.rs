//! The least that one process needs to tell another one something: a number in memory that both have mapped, which the other
//! one looks at without a pause, or eight bytes through a pipe, which wake it.

use std::fs::File;
use std::hint::spin_loop;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use memmap2::MmapRaw;

use crate::latencies::Latencies;
use crate::other_process::{self, OtherProcess, now_ns};
use crate::scratch::Scratch;
use crate::{Contest, Failure, Figures};

/// The first ones are for the machine.
const WARM_UP_SIGNALS: u64 = 200;
const PAGE_BYTES: u64 = 4096;
/// Behind the last one. A reader that was not given the processor has missed some.
const OVER: u64 = u64::MAX;

/// Waits for the moments that another process tells as they come.
pub(crate) fn round(directory: &Path, events: u64, spin: bool) -> Result<Figures, Failure> {
    let scratch = Scratch::new(directory, "signal")?;
    let dir = scratch.path().to_path_buf();
    File::create_new(page_in(&dir))?.set_len(PAGE_BYTES)?;
    let page = Page::map(&dir)?;
    let contest = Contest::WriteSignals { dir, events: WARM_UP_SIGNALS + events, spin };
    let mut writer = OtherProcess::start(&contest)?;
    writer.begin()?;
    let mut latencies = Latencies::with_capacity(events);
    let (mut number, mut last) = (0, 0);
    loop {
        let sent = if spin { page.wait_for_another(last) } else { u64::from_le_bytes(writer.read()?) };
        let now = now_ns();
        if sent == OVER {
            break;
        }
        if number >= WARM_UP_SIGNALS {
            latencies.add(Duration::from_nanos(now.saturating_sub(sent)));
        }
        (number, last) = (number + 1, sent);
    }
    writer.end()?;
    Ok(latencies.figures())
}

/// The other process: tells what time it is, with pauses as those of a writer of events.
pub(crate) fn write(directory: &Path, events: u64, spin: bool) -> Result<Figures, Failure> {
    let page = Page::map(directory)?;
    let mut output = std::io::stdout().lock();
    other_process::ready()?;
    let mut tell = |sent: u64| -> Result<(), Failure> {
        if spin {
            page.number().store(sent, Ordering::Release);
            return Ok(());
        }
        output.write_all(&sent.to_le_bytes())?;
        Ok(output.flush()?)
    };
    for number in 0..events {
        other_process::pause(number);
        tell(now_ns())?;
    }
    other_process::pause(events);
    tell(OVER)?;
    Ok(Figures::new())
}

/// Memory that both processes have mapped.
struct Page(MmapRaw);

impl Page {
    fn map(directory: &Path) -> Result<Self, Failure> {
        let file = File::options().read(true).write(true).open(page_in(directory))?;
        Ok(Self(MmapRaw::map_raw(&file)?))
    }

    fn number(&self) -> &AtomicU64 {
        // SAFETY: a page is mapped for as long as this is there, aligned for any number, and whoever else has it mapped
        // uses it in the same way.
        unsafe { AtomicU64::from_ptr(self.0.as_mut_ptr().cast()) }
    }

    fn wait_for_another(&self, last: u64) -> u64 {
        loop {
            let number = self.number().load(Ordering::Acquire);
            if number != last {
                return number;
            }
            spin_loop();
        }
    }
}

fn page_in(directory: &Path) -> PathBuf {
    directory.join("page")
}
