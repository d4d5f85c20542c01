//! The kinds of metric, as they lie in memory.
//!
//! A kind that is a metric of its own begins on a cache line of its own ([`Operation`], [`Duration`],
//! [`Distribution`], [`LifeCycle`]); single words ([`Counter`], [`Gauge`], [`ConstantGauge`]) are put on one with
//! [`Line`](crate::layout::Line), or share one where they belong together.
//!
//! Every method that records is for one thread at a time (the reason there is no `lock` prefix in it), and wait-free.
//! Reading is for any thread at any time.

use crate::histogram::{Buckets, LATENCY_BUCKETS, LatencyHistogram, PLAIN_BUCKETS, PlainHistogram};
use crate::sync::{AtomicU64, advance, read, write};
use crate::{Status, Value};

/// What a metric holds. The numbers are those of the byte protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Counts of what went well and of what failed, and the latency of both.
    Operation = 1,
    /// A latency.
    Duration = 2,
    /// A number that only grows.
    Counter = 3,
    /// A number that goes up and down.
    Gauge = 4,
    /// A limit that somebody has set.
    ConstantGauge = 5,
    /// How often and how long a worker's loop was busy and idle.
    LifeCycle = 6,
    /// How plain values are spread.
    Distribution = 7,
}

impl Kind {
    /// The kind with this number in the byte protocol, if there is one.
    pub fn from_number(number: u8) -> Option<Self> {
        use Kind::{ConstantGauge, Counter, Distribution, Duration, Gauge, LifeCycle, Operation};
        [Operation, Duration, Counter, Gauge, ConstantGauge, LifeCycle, Distribution]
            .into_iter()
            .find(|&kind| kind as u8 == number)
    }

    /// The name that `snapshot()` of the npm package gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Duration => "duration",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::ConstantGauge => "constant_gauge",
            Self::LifeCycle => "life_cycle",
            Self::Distribution => "distribution",
        }
    }

    /// The buckets of the histogram that a metric of this kind has in this version of the crate.
    pub fn buckets(self) -> Option<Buckets> {
        match self {
            Self::Operation | Self::Duration => Some(LATENCY_BUCKETS),
            Self::Distribution => Some(PLAIN_BUCKETS),
            Self::Counter | Self::Gauge | Self::ConstantGauge | Self::LifeCycle => None,
        }
    }

    /// Words before the histogram's, or in all if there is none.
    pub(crate) fn own_words(self) -> usize {
        match self {
            Self::Operation => 2,
            Self::Duration | Self::Distribution => 0,
            Self::Counter | Self::Gauge | Self::ConstantGauge => 1,
            Self::LifeCycle => 4,
        }
    }
}

/// A metric in memory: the catalogue copies any kind through this.
pub trait Recorded {
    /// Which kind it is.
    const KIND: Kind;

    /// Appends its words in the order in which they lie in memory.
    fn copy_words(&self, words: &mut Vec<u64>);

    /// Copies it.
    fn snapshot(&self) -> Value {
        let mut words = Vec::with_capacity(512);
        self.copy_words(&mut words);
        Value::from_words(Self::KIND, Self::KIND.buckets(), &words)
            .expect("copy_words appends as many words as the kind has")
    }
}

/// Counts and latency of something that can fail.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Operation {
    ok: AtomicU64,
    failed: AtomicU64,
    latency: LatencyHistogram,
}

impl Operation {
    /// Counts one call that took `elapsed_ns` nanoseconds.
    #[inline]
    pub fn record(&self, elapsed_ns: u64, status: Status) {
        self.latency.record_ns(elapsed_ns);
        match status {
            Status::Ok => advance(&self.ok, 1),
            Status::Failed => advance(&self.failed, 1),
        }
    }

    /// Counts calls that went well without a latency: of a call too short to be timed each time.
    #[inline]
    pub fn count_ok(&self, calls: u64) {
        advance(&self.ok, calls);
    }

    /// Counts a call that failed before there was anything to time.
    #[inline]
    pub fn count_failed(&self) {
        advance(&self.failed, 1);
    }

    /// Records the latency of a call that is counted elsewhere, see [`count_ok`](Self::count_ok).
    #[inline]
    pub fn record_sample(&self, elapsed_ns: u64) {
        self.latency.record_ns(elapsed_ns);
    }
}

impl Recorded for Operation {
    const KIND: Kind = Kind::Operation;

    fn copy_words(&self, words: &mut Vec<u64>) {
        // Two counts, each stored by itself: one computed from the other and a total would be wrong by whatever
        // happened between the two loads, and could wrap below zero.
        words.extend([read(&self.ok), read(&self.failed)]);
        self.latency.copy_words(words);
    }
}

/// The latency of something that cannot fail.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Duration {
    latency: LatencyHistogram,
}

impl Duration {
    /// Records one call that took `elapsed_ns` nanoseconds.
    #[inline]
    pub fn record(&self, elapsed_ns: u64) {
        self.latency.record_ns(elapsed_ns);
    }
}

impl Recorded for Duration {
    const KIND: Kind = Kind::Duration;

    fn copy_words(&self, words: &mut Vec<u64>) {
        self.latency.copy_words(words);
    }
}

/// How plain values are spread; the catalogue says what they count.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Distribution {
    values: PlainHistogram,
}

impl Distribution {
    /// Records one value.
    #[inline]
    pub fn record(&self, value: u64) {
        self.values.record_value(value);
    }
}

impl Recorded for Distribution {
    const KIND: Kind = Kind::Distribution;

    fn copy_words(&self, words: &mut Vec<u64>) {
        self.values.copy_words(words);
    }
}

/// A number that only grows.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `by`.
    #[inline]
    pub fn add(&self, by: u64) {
        advance(&self.0, by);
    }
}

impl Recorded for Counter {
    const KIND: Kind = Kind::Counter;

    fn copy_words(&self, words: &mut Vec<u64>) {
        words.push(read(&self.0));
    }
}

/// A number that goes up and down.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Replaces the number.
    #[inline]
    pub fn set(&self, value: u64) {
        write(&self.0, value);
    }
}

impl Recorded for Gauge {
    const KIND: Kind = Kind::Gauge;

    fn copy_words(&self, words: &mut Vec<u64>) {
        words.push(read(&self.0));
    }
}

/// A limit: it changes only when somebody sets another.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct ConstantGauge(AtomicU64);

impl ConstantGauge {
    /// What it holds where there is no limit: no exporter has a sample of it then.
    pub const NO_LIMIT: u64 = (1 << 53) - 1;

    /// Sets the limit.
    #[inline]
    pub fn set(&self, limit: u64) {
        write(&self.0, limit);
    }
}

impl Recorded for ConstantGauge {
    const KIND: Kind = Kind::ConstantGauge;

    fn copy_words(&self, words: &mut Vec<u64>) {
        words.push(read(&self.0));
    }
}

/// How often and how long the loop of a worker was busy and idle.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct LifeCycle {
    active_cycles: AtomicU64,
    idle_cycles: AtomicU64,
    active_ns: AtomicU64,
    idle_ns: AtomicU64,
}

impl LifeCycle {
    /// Counts one turn of the loop that took `elapsed_ns` in all and slept `sleep_ns` of it. A turn that found no
    /// work is idle as a whole. A sleep said to be longer than its turn (one cut short) counts as the whole turn.
    #[inline]
    pub fn record(&self, did_work: bool, elapsed_ns: u64, sleep_ns: u64) {
        let slept_ns = sleep_ns.min(elapsed_ns);
        if did_work {
            advance(&self.active_cycles, 1);
            advance(&self.active_ns, elapsed_ns - slept_ns);
            advance(&self.idle_ns, slept_ns);
        } else {
            advance(&self.idle_cycles, 1);
            advance(&self.idle_ns, elapsed_ns);
        }
    }
}

impl Recorded for LifeCycle {
    const KIND: Kind = Kind::LifeCycle;

    fn copy_words(&self, words: &mut Vec<u64>) {
        words.extend([&self.active_cycles, &self.idle_cycles, &self.active_ns, &self.idle_ns].map(read));
    }
}
