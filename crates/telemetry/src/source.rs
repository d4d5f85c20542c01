//! What became of whoever measures: metrics that lie nowhere, and are made for each snapshot.
//!
//! One for each state there is, 1 for the one that it is in and 0 for the others: so each can be asked for by name, and none
//! vanishes when the state changes.

use std::borrow::Cow;
use std::borrow::Cow::Borrowed;

use crate::catalogue::{Descriptor, Section};
use crate::kinds::Kind;
use crate::page::PageState;
use crate::snapshot::Metric;
use crate::value::Value;

type Attributes = [(Cow<'static, str>, Cow<'static, str>); 1];

static RECORDER: [Descriptor; 3] = descriptors("recorder", "Recorder Source", "wal_source");
static RECOVERY: [Descriptor; 3] = descriptors("recovery", "Recovery Source", "wal_recovery_source");

/// What there is of the recorder, or of the recovery.
pub(crate) fn catalogue(side: &str) -> &'static [Descriptor] {
    match side {
        "recorder" => &RECORDER,
        "recovery" => &RECOVERY,
        _ => &[],
    }
}

/// What these hold in a state.
pub(crate) fn metrics(catalogue: &'static [Descriptor], state: PageState) -> impl Iterator<Item = Metric> {
    catalogue.iter().map(move |descriptor| Metric {
        descriptor: Borrowed(descriptor),
        value: Value::Gauge(u64::from(descriptor.attributes[0].1 == state.name())),
    })
}

const fn descriptors(
    side: &'static str,
    title: &'static str,
    legacy_subsystem: &'static str,
) -> [Descriptor; 3] {
    const LIVE: &Attributes = &[(Borrowed("state"), Borrowed("live"))];
    const CLOSED: &Attributes = &[(Borrowed("state"), Borrowed("closed"))];
    const DEAD: &Attributes = &[(Borrowed("state"), Borrowed("dead"))];
    [
        descriptor(Section::new(side, "source", title, legacy_subsystem), LIVE, "Live", "state_live"),
        descriptor(Section::new(side, "source", title, legacy_subsystem), CLOSED, "Closed", "state_closed"),
        descriptor(Section::new(side, "source", title, legacy_subsystem), DEAD, "Dead", "state_dead"),
    ]
}

const fn descriptor(
    section: Section,
    attributes: &'static Attributes,
    label: &'static str,
    stem: &'static str,
) -> Descriptor {
    Descriptor {
        section,
        name: Borrowed("state"),
        kind: Kind::Gauge,
        unit: Borrowed("{source}"),
        help: Borrowed(
            "1 in the state it is in: live, closed, or dead where its process ended without closing it.",
        ),
        attributes: Borrowed(attributes),
        group: Borrowed("State"),
        label: Borrowed(label),
        stem: Borrowed(stem),
    }
}
