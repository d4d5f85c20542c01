//! Gathers samples by family over all sources.

use std::collections::{HashMap, HashSet};

use super::labels::{Label, Labels, safe_name};
use crate::catalogue::{Dialect, SeriesKind};
use crate::collect::{Collector, Number, Series, sections};
use crate::histogram::HistogramSnapshot;
use crate::snapshot::Snapshot;

/// What all series of one name have in common.
pub(super) struct Family {
    /// A counter's with `_total`, but for the legacy names.
    pub(super) name: String,
    pub(super) kind: SeriesKind,
    /// `s`, `By`, or something that is no unit of measurement.
    pub(super) unit: String,
    pub(super) help: String,
}

/// Whose value a sample is.
pub(super) struct Point<'a> {
    pub(super) family: &'a Family,
    pub(super) labels: &'a Labels,
    /// Since when it counts, in nanoseconds since 1970, if that is known.
    pub(super) created_unix_ns: Option<u64>,
}

/// One way to write samples and to put them together.
pub(super) trait Encoding {
    /// The samples of one family.
    type Samples: Default;

    fn number(&self, samples: &mut Self::Samples, point: &Point<'_>, value: Number);

    fn histogram(&self, samples: &mut Self::Samples, point: &Point<'_>, histogram: &HistogramSnapshot);

    fn finish(&self, families: Vec<(Family, Self::Samples)>, missing: &[String]) -> Vec<u8>;
}

/// Takes one source after the other.
pub(super) struct Families<E: Encoding> {
    encoding: E,
    dialect: Dialect,
    places: HashMap<String, usize>,
    gathered: Vec<Gathered<E::Samples>>,
    labels: Labels,
    created_unix_ns: Option<u64>,
}

struct Gathered<S> {
    family: Family,
    samples: S,
    /// The labels of every series it has: one that is there twice costs the scrape, so the first one stays.
    series: HashSet<String>,
}

impl<E: Encoding> Families<E> {
    pub(super) fn new(encoding: E, dialect: Dialect) -> Self {
        Self {
            encoding,
            dialect,
            places: HashMap::new(),
            gathered: Vec::new(),
            labels: Labels::default(),
            created_unix_ns: None,
        }
    }

    /// Every metric of a source, under these labels instead of its own.
    pub(super) fn source(&mut self, snapshot: &Snapshot, labels: &[Label]) {
        for (name, value) in labels {
            self.labels.push(name, value);
        }
        self.created_unix_ns = Some(snapshot.started_unix_ns()).filter(|&started| started > 0);
        sections(snapshot, self);
        for _ in labels {
            self.labels.pop();
        }
    }

    /// How many sources were read and how many were not.
    pub(super) fn sources(&mut self, read: usize, missing: usize) {
        let root = if self.dialect == Dialect::Legacy { "mc_wal" } else { "wal" };
        for (name, help, value) in [
            ("sources", "Sources of metrics that are in this scrape.", read),
            (
                "source_errors",
                "Sources of metrics that could not be read for this scrape and are not in it.",
                missing,
            ),
        ] {
            let name = format!("{root}_telemetry_{name}");
            self.gauge(&Series { name: &name, unit: "", help }, Number::Whole(value as u64));
        }
    }

    pub(super) fn finish(self, missing: &[String]) -> Vec<u8> {
        let families = self.gathered.into_iter().map(|gathered| (gathered.family, gathered.samples));
        self.encoding.finish(families.collect(), missing)
    }

    fn take(&mut self, kind: SeriesKind, series: &Series<'_>, write: impl FnOnce(&E, &mut E::Samples, &Point<'_>)) {
        let name = safe_name(series.name);
        let place = match self.places.get(name.as_ref()) {
            Some(&place) => place,
            None => self.add(name.into_owned(), kind, series),
        };
        let Gathered { family, samples, series } = &mut self.gathered[place];
        if family.kind == kind && !series.contains(self.labels.text()) {
            series.insert(self.labels.text().to_owned());
            let point = Point { family, labels: &self.labels, created_unix_ns: self.created_unix_ns };
            write(&self.encoding, samples, &point);
        }
    }

    fn add(&mut self, name: String, kind: SeriesKind, series: &Series<'_>) -> usize {
        let place = self.gathered.len();
        self.places.insert(name.clone(), place);
        let family = Family { name, kind, unit: series.unit.to_owned(), help: series.help.to_owned() };
        self.gathered.push(Gathered { family, samples: E::Samples::default(), series: HashSet::new() });
        place
    }
}

impl<E: Encoding> Collector for Families<E> {
    fn push_label(&mut self, name: &str, value: &str) {
        self.labels.push(&safe_name(name), value);
    }

    fn pop_label(&mut self) {
        self.labels.pop();
    }

    fn counter(&mut self, series: &Series<'_>, value: Number) {
        self.take(SeriesKind::Counter, series, |encoding, samples, point| encoding.number(samples, point, value));
    }

    fn gauge(&mut self, series: &Series<'_>, value: Number) {
        self.take(SeriesKind::Gauge, series, |encoding, samples, point| encoding.number(samples, point, value));
    }

    fn histogram(&mut self, series: &Series<'_>, histogram: &HistogramSnapshot) {
        self.take(SeriesKind::Histogram, series, |encoding, samples, point| {
            encoding.histogram(samples, point, histogram);
        });
    }

    fn dialect(&self) -> Dialect {
        self.dialect
    }
}
