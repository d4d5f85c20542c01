//! Metrics of FlashStrike's write-ahead log: histograms, clock, catalogue, snapshots.
//!
//! # Overview
//!
//! Each part of the log has a struct of metrics ([`recorder`], [`recovery`]) that it fills through an [`Updater`], one
//! method an occurrence. A [`Snapshot`] copies all of them at any time from any thread; it can be printed for people,
//! handed to a [`Collector`] for machines, and turned into bytes ([`protocol`]) to cross into another native addon.
//!
//! ```
//! use flashstrike_telemetry::{RecorderTelemetry, clock::now_ns};
//!
//! let telemetry = RecorderTelemetry::new();
//! let segment_writer = telemetry.segment_writer_updater();
//!
//! let start_ns = now_ns();
//! // … the work …
//! segment_writer.on_write_block(start_ns);
//! segment_writer.on_block_fill(256);
//!
//! println!("{}", telemetry.snapshot());
//! ```
//!
//! # Why it may stand on the append path
//!
//! - A metric has one writer, so recording is a plain load and store, no `lock` prefix; the writer allocates nothing,
//!   waits for nothing, and takes no branch but the one for failure. Where two threads record the same metric, each
//!   has a struct of its own and the snapshot adds them up.
//! - Every metric begins on a cache line of its own, structs of different threads are 128 bytes apart, and all of it
//!   is asserted at compile time.
//! - The clock costs more than the rest together, so it is read from the processor where that is safe, see [`clock`].
//!
//! # What a reader may rely on
//!
//! - A snapshot is consistent in itself: a histogram's count is the sum of the buckets that were copied, and its least
//!   and greatest value agree with them. Failures are stored, not computed from two counts that were read one after
//!   the other.
//! - No number is torn, and no count that one reader sees goes back. Between metrics there is no order: they may
//!   differ by what was in flight.
//! - What is in one export is in all: they are made from the one [`catalogue`].
//!
//! # Other processes
//!
//! The structs may lie in a file that other processes read, see [`page`]; recording is the same.
//!
//! # Buckets
//!
//! Latencies are counted in base-2 exponential buckets of *seconds* at scale 3, see [`histogram`]. That array is, as
//! it stands, an OpenTelemetry exponential histogram and a Prometheus native histogram (index + 1, schema 3), and
//! every coarser classic one can be summed from it without loss.

#[cfg(any(feature = "metrics", feature = "opentelemetry", feature = "prometheus-client"))]
pub mod adapters;
pub mod catalogue;
pub mod clock;
mod collect;
mod component;
mod dump;
#[cfg(feature = "prometheus")]
pub mod exposition;
#[cfg(any(feature = "prometheus", feature = "prometheus-client"))]
mod families;
pub mod histogram;
mod human;
mod integrity;
pub mod kinds;
pub mod layout;
pub mod page;
pub mod protocol;
pub mod recorder;
pub mod recovery;
mod snapshot;
mod source;
mod status;
mod sync;
mod telemetry;
mod updater;
mod value;

pub use collect::{Collector, Number, Series};
pub use component::Component;
pub use histogram::HistogramSnapshot;
pub use human::figure;
pub use integrity::IntegrityFailures;
pub use kinds::Kind;
pub use protocol::{ProtocolError, decode_snapshot, encode_snapshot};
pub use recorder::RecorderTelemetry;
pub use recovery::RecoveryTelemetry;
pub use snapshot::{Metric, Snapshot};
pub use status::{IntegrityFailure, Status};
pub use telemetry::{Entry, Metrics, Telemetry};
pub use updater::Updater;
pub use value::{LifeCycleSnapshot, Value};
