//! What is known about a metric besides its value.

use std::borrow::Cow;

use crate::kinds::Kind;

/// A component: the part of the log whose metrics stand together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Section {
    /// Prefix of its metrics' OpenTelemetry names behind `wal.`: `recorder` or `recovery`.
    pub side: Cow<'static, str>,
    /// Its name in that: `segment_writer`. Also the attribute `subsystem`.
    pub subsystem: Cow<'static, str>,
    /// What a dump calls it: `Segment Writer`.
    pub title: Cow<'static, str>,
    /// The label `subsystem` under the legacy names: `wal_segment_writer`.
    pub legacy_subsystem: Cow<'static, str>,
}

impl Section {
    /// A component that this crate knows.
    pub(crate) const fn new(
        side: &'static str,
        subsystem: &'static str,
        title: &'static str,
        legacy_subsystem: &'static str,
    ) -> Self {
        Self {
            side: Cow::Borrowed(side),
            subsystem: Cow::Borrowed(subsystem),
            title: Cow::Borrowed(title),
            legacy_subsystem: Cow::Borrowed(legacy_subsystem),
        }
    }

    /// The attribute `system`: `wal_recorder` or `wal_recovery`.
    pub fn system(&self) -> String {
        format!("wal_{}", self.side)
    }
}

/// What a metric is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The component it belongs to.
    pub section: Section,
    /// Its name within the component, dots allowed: `write_block`, `integrity.failures`.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub kind: Kind,
    /// Unit in UCUM, `s` for everything that takes time, `By`, or what is counted in braces: `{event}`.
    pub unit: Cow<'static, str>,
    /// One sentence for people who meet it in a dashboard.
    pub help: Cow<'static, str>,
    /// Attributes besides `system` and `subsystem`, where several metrics share a name.
    pub attributes: Cow<'static, [(Cow<'static, str>, Cow<'static, str>)]>,
    /// The heading it stands under in a dump; empty if it stands for itself.
    pub group: Cow<'static, str>,
    /// What a dump calls it: `Write block`.
    pub label: Cow<'static, str>,
    /// The middle of its legacy name, before the ending that the kind adds.
    pub stem: Cow<'static, str>,
}

impl Descriptor {
    /// The full name: `wal.recorder.segment_writer.write_block`. What an exporter sees is made of it by the kind, see
    /// [`open_telemetry`](crate::catalogue::open_telemetry).
    pub fn full_name(&self) -> String {
        format!("wal.{}.{}.{}", self.section.side, self.section.subsystem, self.name)
    }

    /// Every text but the attributes, in the order of the byte protocol.
    pub(crate) fn texts(&self) -> [&str; 10] {
        let section = &self.section;
        [
            &section.side,
            &section.subsystem,
            &section.title,
            &section.legacy_subsystem,
            &self.name,
            &self.unit,
            &self.help,
            &self.group,
            &self.label,
            &self.stem,
        ]
    }
}
