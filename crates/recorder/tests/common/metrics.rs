//! Metrics by their names, and which of them were asked for.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use flashstrike_telemetry::{LifeCycleSnapshot, RecorderTelemetry, RecoveryTelemetry, Snapshot, Value};

/// What the tests of this process have asked for.
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The metrics of a recorder or recovery, by `subsystem.name`, with `kind=value` behind it where several share a name.
pub struct Metrics<T>(Arc<T>);

/// What has metrics.
pub trait Measured {
    fn snapshot(&self) -> Snapshot;
}

impl Measured for RecorderTelemetry {
    fn snapshot(&self) -> Snapshot {
        self.snapshot()
    }
}

impl Measured for Snapshot {
    fn snapshot(&self) -> Snapshot {
        self.clone()
    }
}

impl Measured for RecoveryTelemetry {
    fn snapshot(&self) -> Snapshot {
        self.snapshot()
    }
}

impl<T: Measured> Metrics<T> {
    pub fn of(measured: &Arc<T>) -> Self {
        Self(Arc::clone(measured))
    }

    #[track_caller]
    fn value(&self, name: &str) -> Value {
        SEEN.lock().unwrap().insert(name.to_owned());
        let snapshot = self.0.snapshot();
        let found = snapshot.metrics().iter().find(|metric| full_name(&metric.descriptor) == name);
        found.unwrap_or_else(|| panic!("no metric {name}")).value.clone()
    }

    /// Calls that went well, and that did not; and how many of them were timed.
    #[track_caller]
    pub fn operation(&self, name: &str) -> (u64, u64, u64) {
        match self.value(name) {
            Value::Operation { ok, failed, latency } => (ok, failed, latency.count()),
            other => panic!("{name} is {other:?}"),
        }
    }

    /// Values recorded, and their sum.
    #[track_caller]
    pub fn spread(&self, name: &str) -> (u64, u64) {
        match self.value(name) {
            Value::Duration(spread) | Value::Distribution(spread) => (spread.count(), spread.sum()),
            other => panic!("{name} is {other:?}"),
        }
    }

    #[track_caller]
    pub fn number(&self, name: &str) -> u64 {
        match self.value(name) {
            Value::Counter(number) | Value::Gauge(number) | Value::ConstantGauge(number) => number,
            other => panic!("{name} is {other:?}"),
        }
    }

    /// Fails if there is a metric that nobody has asked for.
    #[track_caller]
    pub fn expect_none_left_out(&self) {
        let all: BTreeSet<String> =
            self.0.snapshot().metrics().iter().map(|metric| full_name(&metric.descriptor)).collect();
        let seen = SEEN.lock().unwrap().clone();
        let left_out: Vec<_> = all.difference(&seen).collect();
        assert!(left_out.is_empty(), "not tested: {left_out:?}");
    }

    /// Turns of a loop that did something, and their time in nanoseconds.
    #[track_caller]
    pub fn cycles(&self, name: &str) -> (u64, u64) {
        let life = self.life_cycle(name);
        (life.active_cycles, life.active_ns)
    }

    /// Turns of a loop that found nothing to do, and the nanoseconds that it was idle.
    #[track_caller]
    pub fn idle_cycles(&self, name: &str) -> (u64, u64) {
        let life = self.life_cycle(name);
        (life.idle_cycles, life.idle_ns)
    }

    #[track_caller]
    fn life_cycle(&self, name: &str) -> LifeCycleSnapshot {
        match self.value(name) {
            Value::LifeCycle(life) => life,
            other => panic!("{name} is {other:?}"),
        }
    }
}

fn full_name(descriptor: &flashstrike_telemetry::catalogue::Descriptor) -> String {
    let mut name = format!("{}.{}", descriptor.section.subsystem, descriptor.name);
    for (key, value) in &*descriptor.attributes {
        write!(name, " {key}={value}").unwrap();
    }
    name
}
