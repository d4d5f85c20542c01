//! The shared page: metrics that live in a file, where another process can read them.
//!
//! A recorder or a recovery that is given a page keeps its metrics in the mapped file instead of on the heap.
//! Recording is the same code on the same structs; who reads takes nothing from it. [`TelemetryPage`] attaches from
//! another process, while the writer runs and after it has died.
//!
//! ```no_run
//! use flashstrike_telemetry::page::{PageOptions, TelemetryPage};
//! use flashstrike_telemetry::RecorderTelemetry;
//!
//! // Where the log is written:
//! let telemetry = RecorderTelemetry::on_page(&PageOptions::new("/dev/shm/orders.page"), Vec::new())?;
//! // Anywhere else:
//! let mut page = TelemetryPage::attach("/dev/shm/orders.page")?;
//! println!("{:?} {}", page.state()?, page.snapshot()?);
//! # Ok::<(), flashstrike_telemetry::page::PageError>(())
//! ```
//!
//! # Life of a page
//!
//! A page is made under the name `.NAME.new` beside its own, locked, filled, marked [`Live`](PageState::Live) by the last
//! store, and renamed: nobody ever finds half a page under its name. It belongs to one run of one writer and is never
//! used again; the next run makes a new file and puts it in the place of the old one, unless the old one's writer lives.
//! What is under that name and is no page is never touched.
//!
//! Its writer holds a lock on it, an open file description lock (`F_OFD_SETLK`) of the whole file for writing, until
//! it closes it or dies. A reader asks with `F_OFD_GETLK` or `F_GETLK` whether somebody has it and takes none itself, so
//! no reader can keep a writer from anything. The lock rather than the process id decides whether the writer lives: ids
//! are given again, a process that is dead may be waiting to be collected, and in a container it has another id. On Windows
//! it is a lock of `LockFileEx` of the byte at 2⁶², which a reader takes shared for a moment to find out.
//!
//! The file stays, whether its writer closes it or is killed: its last values are what one wants to know then.
//!
//! # Layout, version 1
//!
//! Integers are little-endian. Nothing but the state and the values changes once the page has its name.
//!
//! ```text
//! header, 128 bytes
//!    0  magic            "FSTMPAGE"
//!    8  version          u32, 1; others are to be refused
//!   12  catalogue        u32, 128: where the labels begin; fields that are added come before them
//!   16  state            u64, 0 being made, 1 live, 2 closed; stored last, with release
//!   24  length           u64, of the whole file
//!   32  values           u64, where they begin, a multiple of 4096
//!   40  values bytes     u64
//!   48  generation       u64, 1 more than that of the page in whose place it was put, else 1
//!   56  started          u64, ns since 1970: since when the metrics count
//!   64  process started  u64, clock ticks since the machine was booted: field 22 of /proc/PID/stat
//!                       (macOS: microseconds since 1970; Windows: units of 100 ns since 1601)
//!   72  process          u32, its id where it runs
//!   76  labels           u32, number of
//!   80  metrics          u32, number of
//!   84  catalogue bytes  u32, of labels and catalogue together
//!   88  0
//! labels                 name, value (a string is a u16 length and that much UTF-8)
//! catalogue, for each metric
//!       places           u32, number of: more than one where several threads record it; it is the sum of all
//!       place            u64 for each, from where the values begin, a multiple of 8
//!       what it is       an entry as in the catalogue of a snapshot, see `protocol`
//! values                 the structs of metrics as they are in the writer's memory; of a metric at its place as many
//!                        words as its entry says, in the order that `protocol` gives
//! ```
//!
//! A sum of histograms has the sum of the buckets and of the sums, the least of the least (of those with a count) and the
//! greatest of the greatest.
//!
//! A state of 1 with no lock held is that of a dead writer. Ask for the lock first and read the state then: a writer
//! that ends stores the state before it gives the lock back.
//!
//! # Believing nothing
//!
//! A reader takes every byte for one that somebody may have made up: what it needs is copied with `pread`, so that a file
//! that is cut short is an error and no signal, every offset and number is checked against the length of the file
//! before it is used, and nothing is allocated that the file does not fill. How words stay whole is told in
//! `steady.rs`.

mod attach;
mod create;
mod error;
mod header;
mod image;
mod options;
mod parse;
pub(crate) mod place;
mod process;
mod steady;

pub use attach::{PageState, TelemetryPage};
pub(crate) use create::{NewPage, Page};
pub use error::PageError;
pub use image::snapshot_of_bytes;
use options::absolute;
pub(crate) use options::labels_fit;
pub use options::{PageOptions, check_labels};
pub use process::started_ticks;

/// The file that becomes a page is made beside it: `.orders.page.new`.
pub(crate) const NEW_PREFIX: &str = ".";
pub(crate) const NEW_SUFFIX: &str = ".new";

/// Where values may begin: the alignment of every mapping, and so of every struct in one.
pub(crate) const ALIGNMENT: usize = 4096;

/// The largest page that is read. Ours take some 80 KiB.
pub(crate) const MOST_BYTES: u64 = 4 << 20;
/// The largest catalogue that is read.
pub(crate) const MOST_CATALOGUE_BYTES: usize = 1 << 20;
/// The most metrics of one page. Ours have some 120.
pub(crate) const MOST_METRICS: u32 = 500;
/// The most labels of one source, and the most bytes of all their names and values: they stand in every line that is
/// written of it, and of a latency there are dozens.
pub(crate) const MOST_LABELS: u32 = 64;
pub(crate) const MOST_LABELS_BYTES: usize = 4096;
/// The most threads that record one metric.
pub(crate) const MOST_PLACES: u32 = 64;

// A reader of another machine would have to turn every word round.
const _: () =
    assert!(cfg!(target_endian = "little"), "the page is little-endian, and so has to be the machine");
