//! What a metric held at one moment.

use crate::histogram::{Buckets, HistogramSnapshot};
use crate::kinds::{ConstantGauge, Kind};

/// A copy of one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of [`Kind::Operation`]. There may be fewer latencies than calls, where only some are timed.
    Operation {
        /// Calls that went well.
        ok: u64,
        /// Calls that did not.
        failed: u64,
        /// Latency of both, in nanoseconds.
        latency: HistogramSnapshot,
    },
    /// Of [`Kind::Duration`], in nanoseconds.
    Duration(HistogramSnapshot),
    /// Of [`Kind::Counter`].
    Counter(u64),
    /// Of [`Kind::Gauge`].
    Gauge(u64),
    /// Of [`Kind::ConstantGauge`]; from [`ConstantGauge::NO_LIMIT`] on there is no limit.
    ConstantGauge(u64),
    /// Of [`Kind::LifeCycle`].
    LifeCycle(LifeCycleSnapshot),
    /// Of [`Kind::Distribution`], in the unit of the metric.
    Distribution(HistogramSnapshot),
}

/// How often and how long a worker's loop was busy and idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LifeCycleSnapshot {
    /// Turns of the loop that found work.
    pub active_cycles: u64,
    /// Turns that found none.
    pub idle_cycles: u64,
    /// Nanoseconds spent working.
    pub active_ns: u64,
    /// Nanoseconds spent sleeping or finding nothing to do.
    pub idle_ns: u64,
}

impl Value {
    /// Makes a value of words as the kind has them in memory.
    ///
    /// `None` if there are not exactly as many words as the kind and the buckets call for.
    pub(crate) fn from_words(kind: Kind, buckets: Option<Buckets>, words: &[u64]) -> Option<Self> {
        if words.len() != Self::word_count(kind, buckets) {
            return None;
        }
        let (own, rest) = words.split_at(kind.own_words());
        let histogram = || buckets.map(|buckets| HistogramSnapshot::from_words(buckets, rest));
        Some(match (kind, own) {
            (Kind::Operation, &[ok, failed]) => Self::Operation { ok, failed, latency: histogram()? },
            (Kind::Duration, _) => Self::Duration(histogram()?),
            (Kind::Distribution, _) => Self::Distribution(histogram()?),
            (Kind::Counter, &[count]) => Self::Counter(count),
            (Kind::Gauge, &[value]) => Self::Gauge(value),
            (Kind::ConstantGauge, &[limit]) => Self::ConstantGauge(limit),
            (Kind::LifeCycle, &[active_cycles, idle_cycles, active_ns, idle_ns]) => {
                Self::LifeCycle(LifeCycleSnapshot { active_cycles, idle_cycles, active_ns, idle_ns })
            }
            _ => return None,
        })
    }

    /// How many words a metric of this kind, with a histogram of these buckets, has in memory.
    pub(crate) fn word_count(kind: Kind, buckets: Option<Buckets>) -> usize {
        kind.own_words() + buckets.map_or(0, |buckets| 3 + usize::from(buckets.count))
    }

    /// Appends the words that [`from_words`](Self::from_words) takes.
    pub(crate) fn push_words(&self, words: &mut Vec<u64>) {
        match self {
            Self::Operation { ok, failed, latency } => {
                words.extend([*ok, *failed]);
                words.extend(latency.words());
            }
            Self::Duration(histogram) | Self::Distribution(histogram) => words.extend(histogram.words()),
            Self::Counter(word) | Self::Gauge(word) | Self::ConstantGauge(word) => words.push(*word),
            Self::LifeCycle(cycle) => {
                words.extend([cycle.active_cycles, cycle.idle_cycles, cycle.active_ns, cycle.idle_ns]);
            }
        }
    }

    /// Which kind of metric it is of.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Operation { .. } => Kind::Operation,
            Self::Duration(_) => Kind::Duration,
            Self::Counter(_) => Kind::Counter,
            Self::Gauge(_) => Kind::Gauge,
            Self::ConstantGauge(_) => Kind::ConstantGauge,
            Self::LifeCycle(_) => Kind::LifeCycle,
            Self::Distribution(_) => Kind::Distribution,
        }
    }

    /// Whether it is a limit that nobody has set: there is no number to say of it, and nothing to export.
    pub fn is_unset(&self) -> bool {
        matches!(self, Self::ConstantGauge(ConstantGauge::NO_LIMIT..))
    }

    /// The histogram, if the kind has one.
    pub fn histogram(&self) -> Option<&HistogramSnapshot> {
        match self {
            Self::Operation { latency: histogram, .. }
            | Self::Duration(histogram)
            | Self::Distribution(histogram) => Some(histogram),
            Self::Counter(_) | Self::Gauge(_) | Self::ConstantGauge(_) | Self::LifeCycle(_) => None,
        }
    }

    /// Adds what another thread has recorded of the same metric.
    pub(crate) fn add(&mut self, other: &Self) {
        match (self, other) {
            (
                Self::Operation { ok, failed, latency },
                Self::Operation { ok: more_ok, failed: more_failed, latency: more },
            ) => {
                *ok = ok.wrapping_add(*more_ok);
                *failed = failed.wrapping_add(*more_failed);
                latency.add(more);
            }
            (Self::Duration(mine), Self::Duration(more))
            | (Self::Distribution(mine), Self::Distribution(more)) => mine.add(more),
            (Self::Counter(mine), Self::Counter(more))
            | (Self::Gauge(mine), Self::Gauge(more))
            | (Self::ConstantGauge(mine), Self::ConstantGauge(more)) => *mine = mine.wrapping_add(*more),
            (Self::LifeCycle(mine), Self::LifeCycle(more)) => {
                mine.active_cycles = mine.active_cycles.wrapping_add(more.active_cycles);
                mine.idle_cycles = mine.idle_cycles.wrapping_add(more.idle_cycles);
                mine.active_ns = mine.active_ns.wrapping_add(more.active_ns);
                mine.idle_ns = mine.idle_ns.wrapping_add(more.idle_ns);
            }
            (mine, other) => debug_assert_eq!(mine.kind(), other.kind(), "not the same metric"),
        }
    }
}
