//! Finding an event without a log: a binary search of files by reads of one event each, and reading a file as a whole.

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::events::EVENT_BYTES;
use crate::large_log::large_log;
use crate::latencies::Latencies;
use crate::seek::Random;
use crate::{Failure, Figures};

const PIECE: usize = 1 << 20;

/// Reads what a search for each of so many random events would read of a file as long as the log, and every file once.
pub(crate) fn round(logs: &Path, bytes: u64, seeks: u64) -> Result<Figures, Failure> {
    let files = Files::open(&large_log(logs, bytes)?)?;
    let mut piece = vec![0; PIECE];
    let mut whole = Latencies::with_capacity(0);
    for file in &files.all {
        let start = Instant::now();
        for at in (0..files.bytes_each).step_by(PIECE) {
            file.read_exact_at(&mut piece, at)?;
        }
        whole.add(start.elapsed());
    }
    // The first time fills the page cache.
    files.search_all(seeks)?;
    let searches = files.search_all(seeks)?.figures();
    Ok(Figures::from([
        ("p50Us", searches["p50Us"]),
        ("p99Us", searches["p99Us"]),
        ("fileP50Us", whole.figures()["p50Us"]),
    ]))
}

/// Files of one size, one behind the other.
struct Files {
    all: Vec<File>,
    bytes_each: u64,
}

impl Files {
    fn open(directory: &Path) -> Result<Self, Failure> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Failure>>()?;
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "wal"));
        paths.sort();
        let all = paths.iter().map(File::open).collect::<Result<Vec<_>, _>>()?;
        let bytes_each = all.first().ok_or("there are no segments")?.metadata()?.len();
        Ok(Self { all, bytes_each })
    }

    /// The same events in every round, each search timed.
    fn search_all(&self, searches: u64) -> Result<Latencies, Failure> {
        let mut random = Random(1);
        let mut latencies = Latencies::with_capacity(searches);
        for _ in 0..searches {
            let sought = random.below(self.events());
            let start = Instant::now();
            self.search(sought)?;
            latencies.add(start.elapsed());
        }
        Ok(latencies)
    }

    fn events(&self) -> u64 {
        self.all.len() as u64 * self.bytes_each / EVENT_BYTES as u64
    }

    /// Reads the event in the middle of what is left until only the one that is sought is.
    fn search(&self, sought: u64) -> Result<(), Failure> {
        let (mut low, mut high) = (0, self.events());
        while low < high {
            let middle = low.midpoint(high);
            let at = middle * EVENT_BYTES as u64;
            let mut event = [0; EVENT_BYTES];
            self.all[(at / self.bytes_each) as usize].read_exact_at(&mut event, at % self.bytes_each)?;
            black_box(event);
            if middle < sought { low = middle + 1 } else { high = middle }
        }
        Ok(())
    }
}
