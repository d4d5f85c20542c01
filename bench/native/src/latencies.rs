//! Latencies of a round, kept one by one: no bucket rounds a percentile.

use std::time::{Duration, Instant};

use crate::Figures;

pub(crate) struct Latencies {
    ns: Vec<u64>,
    began: Instant,
}

impl Latencies {
    /// Room for `count` of them; the round begins now.
    pub(crate) fn with_capacity(count: u64) -> Self {
        let ns = Vec::with_capacity(count as usize);
        Self { ns, began: Instant::now() }
    }

    pub(crate) fn add(&mut self, latency: Duration) {
        self.ns.push(latency.as_nanos() as u64);
    }

    pub(crate) fn count(&self) -> u64 {
        self.ns.len() as u64
    }

    /// Median and 99th percentile in microseconds, and how many there were a second.
    pub(crate) fn figures(mut self) -> Figures {
        let seconds = self.began.elapsed().as_secs_f64();
        let count = self.ns.len();
        self.ns.sort_unstable();
        let percentile =
            |percent: usize| self.ns.get(count * percent / 100).map_or(0.0, |ns| *ns as f64 / 1e3);
        Figures::from([
            ("p50Us", percentile(50)),
            ("p99Us", percentile(99)),
            ("perSecond", count as f64 / seconds),
        ])
    }
}

/// The percentiles that matter to whoever cannot wait, of latencies in nanoseconds.
pub(crate) fn percentiles_ns(mut ns: Vec<u32>) -> Figures {
    ns.sort_unstable();
    let last = ns.len().saturating_sub(1);
    let at = |per_100_000: usize| {
        let rank = ns.len() * per_100_000 / 100_000;
        ns.get(rank.min(last)).map_or(0.0, |ns| f64::from(*ns))
    };
    Figures::from([
        ("p50Ns", at(50_000)),
        ("p90Ns", at(90_000)),
        ("p99Ns", at(99_000)),
        ("p999Ns", at(99_900)),
        ("p9999Ns", at(99_990)),
        ("p99999Ns", at(99_999)),
        ("maxNs", at(100_000)),
    ])
}
