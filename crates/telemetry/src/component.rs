//! What every struct of metrics can do.

use std::borrow::Cow;
use std::fmt;

use crate::catalogue::{Row, Section};
use crate::collect::Collector;
use crate::snapshot::{Metric, Snapshot};
use crate::{Value, dump};

/// The metrics of one component of the log, described by its [`rows`](Self::rows).
pub trait Component: Sized + 'static {
    /// What the component is called.
    const SECTION: Section;

    /// Its part of the catalogue, in the order in which a dump prints it.
    fn rows() -> &'static [Row<Self>];

    /// Appends a copy of each of its metrics.
    fn copy_to(&self, snapshot: &mut Snapshot) {
        snapshot.metrics.extend(
            self.values().map(|(row, value)| Metric { descriptor: Cow::Borrowed(&row.descriptor), value }),
        );
    }

    /// Writes its metrics for people to read, under the heading `[label Metrics] Snapshot:`.
    fn dump(&self, label: &str, out: &mut impl fmt::Write) -> fmt::Result {
        let mut snapshot = Snapshot::empty();
        self.copy_to(&mut snapshot);
        dump::section(label, &snapshot.metrics, out)
    }

    /// Hands its metrics to a collector, names beginning with `prefix` as it is, such as
    /// `wal.recorder.segment_writer` or, in the legacy dialect, `mc_wal_segment_writer`.
    fn collect(&self, prefix: &str, collector: &mut impl Collector) {
        let mut snapshot = Snapshot::empty();
        self.copy_to(&mut snapshot);
        crate::collect::section(prefix, &Self::SECTION, &snapshot.metrics, collector);
    }

    /// Adds its metrics to those of another instance, which are these, in the order of the rows.
    #[doc(hidden)]
    fn add_to(&self, metrics: &mut [Metric]) {
        for ((row, value), metric) in self.values().zip(metrics) {
            debug_assert_eq!(row.descriptor, *metric.descriptor);
            metric.value.add(&value);
        }
    }

    /// Each row with a copy of its metric.
    #[doc(hidden)]
    fn values(&self) -> impl Iterator<Item = (&'static Row<Self>, Value)> {
        let mut words = Vec::new();
        Self::rows().iter().map(move |row| {
            words.clear();
            (row.copy_words)(self, &mut words);
            let kind = row.descriptor.kind;
            let value = Value::from_words(kind, kind.buckets(), &words)
                .expect("a row copies as many words as its kind has");
            (row, value)
        })
    }
}
