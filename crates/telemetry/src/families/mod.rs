//! Gathers samples by family over all sources, for whoever wants to hear of each name once.
//!
//! A source may be of another version, or be a page that somebody has made up. What would be in the way of the rest is
//! left out, because one such line costs a whole scrape: the first one to have a name says what it is of.

mod labels;

use std::collections::{HashMap, HashSet};

use crate::catalogue::{Dialect, SeriesKind};
use crate::collect::{Collector, Number, Series, sections};
use crate::histogram::HistogramSnapshot;
use crate::snapshot::Snapshot;

#[cfg(feature = "prometheus")]
pub(crate) use labels::push_escaped;
use labels::{EXPORTED, safe_name};
pub(crate) use labels::{Label, Labels, own_labels};

/// What all series of one name have in common.
pub(crate) struct Family {
    /// A counter's with `_total`, but for the legacy names.
    pub(crate) name: String,
    pub(crate) kind: SeriesKind,
    /// `s`, `By`, or something that is no unit of measurement.
    pub(crate) unit: String,
    pub(crate) help: String,
}

impl Family {
    /// Every name that it has in what is written of it, in whatever format.
    fn names(&self, dialect: Dialect) -> Vec<String> {
        let (base, endings): (&str, &[&str]) = match self.kind {
            SeriesKind::Histogram => (self.name.as_str(), &["_bucket", "_sum", "_count", "_created"]),
            // OpenMetrics knows it without its ending.
            SeriesKind::Counter if dialect != Dialect::Legacy => {
                (self.name.strip_suffix("_total").unwrap_or(&self.name), &["", "_created"])
            }
            SeriesKind::Counter | SeriesKind::Gauge => (self.name.as_str(), &[]),
        };
        let with_endings = endings.iter().map(|ending| format!("{base}{ending}"));
        with_endings.chain([self.name.clone()]).collect()
    }
}

/// Whose value a sample is.
pub(crate) struct Point<'a> {
    pub(crate) family: &'a Family,
    pub(crate) labels: &'a Labels,
    /// Since when it counts, in nanoseconds since 1970, if that is known.
    #[cfg_attr(not(feature = "prometheus"), expect(dead_code, reason = "adapters have no place for it"))]
    pub(crate) created_unix_ns: Option<u64>,
}

/// One way to write samples.
pub(crate) trait Encoding {
    /// The samples of one family.
    type Samples: Default;

    fn number(&self, samples: &mut Self::Samples, point: &Point<'_>, value: Number);

    fn histogram(&self, samples: &mut Self::Samples, point: &Point<'_>, histogram: &HistogramSnapshot);
}

/// Takes one source after the other.
pub(crate) struct Families<'e, E: Encoding> {
    encoding: &'e E,
    dialect: Dialect,
    /// Where the family of this name is; `None` for one that is left out.
    by_name: HashMap<String, Option<usize>>,
    /// Every name that one of the families has in what is written.
    taken: HashSet<String>,
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

impl<'e, E: Encoding> Families<'e, E> {
    pub(crate) fn new(encoding: &'e E, dialect: Dialect) -> Self {
        Self {
            encoding,
            dialect,
            by_name: HashMap::new(),
            taken: HashSet::new(),
            gathered: Vec::new(),
            labels: Labels::default(),
            created_unix_ns: None,
        }
    }

    /// Every metric of a source, under these labels instead of its own.
    pub(crate) fn source(&mut self, snapshot: &Snapshot, labels: &[Label]) {
        for (name, value) in labels {
            self.labels.push(name, value);
        }
        self.created_unix_ns = Some(snapshot.started_unix_ns()).filter(|&started| started > 0);
        sections(snapshot, self);
        for _ in labels {
            self.labels.pop();
        }
    }

    /// Each family with its samples.
    pub(crate) fn finish(self) -> impl Iterator<Item = (Family, E::Samples)> {
        self.gathered.into_iter().map(|gathered| (gathered.family, gathered.samples))
    }

    fn take(
        &mut self,
        kind: SeriesKind,
        series: &Series<'_>,
        write: impl FnOnce(&E, &mut E::Samples, &Point<'_>),
    ) {
        let name = safe_name(series.name);
        let known = self.by_name.get(name.as_ref()).copied();
        let Some(at) = known.unwrap_or_else(|| self.add(name.into_owned(), kind, series)) else { return };
        let Gathered { family, samples, series } = &mut self.gathered[at];
        if family.kind == kind && !series.contains(self.labels.text()) {
            series.insert(self.labels.text().to_owned());
            let point = Point { family, labels: &self.labels, created_unix_ns: self.created_unix_ns };
            write(self.encoding, samples, &point);
        }
    }

    /// `None` if it would have a name in what is written that another family has.
    fn add(&mut self, name: String, kind: SeriesKind, series: &Series<'_>) -> Option<usize> {
        let family = Family { name, kind, unit: series.unit.to_owned(), help: series.help.to_owned() };
        let names = family.names(self.dialect);
        let is_free = !names.iter().any(|name| self.taken.contains(name));
        let at = is_free.then_some(self.gathered.len());
        self.by_name.insert(family.name.clone(), at);
        if is_free {
            self.taken.extend(names);
            self.gathered.push(Gathered { family, samples: E::Samples::default(), series: HashSet::new() });
        }
        at
    }
}

impl<E: Encoding> Collector for Families<'_, E> {
    fn push_label(&mut self, name: &str, value: &str) {
        match safe_name(name) {
            // A bucket has one of its own.
            name if name == "le" => self.labels.push(&format!("{EXPORTED}{name}"), value),
            name => self.labels.push(&name, value),
        }
    }

    fn pop_label(&mut self) {
        self.labels.pop();
    }

    fn counter(&mut self, series: &Series<'_>, value: Number) {
        self.take(SeriesKind::Counter, series, |encoding, samples, point| {
            encoding.number(samples, point, value);
        });
    }

    fn gauge(&mut self, series: &Series<'_>, value: Number) {
        self.take(SeriesKind::Gauge, series, |encoding, samples, point| {
            encoding.number(samples, point, value);
        });
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
