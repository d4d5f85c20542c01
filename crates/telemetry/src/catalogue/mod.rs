//! The catalogue: every metric described once.
//!
//! A component's metrics are a `#[repr(C)]` struct and a table of [`Row`]s beside it, one a metric, in the order in
//! which people read them. Everything that leaves the crate is made from the rows: snapshots, dumps, collected
//! samples, the byte protocol. The offsets in them make the table a description of the memory as well.

mod descriptor;
mod naming;

pub use descriptor::{Descriptor, Section};
pub use naming::{Dialect, legacy, open_telemetry, prometheus};
pub(crate) use naming::{OWN_LABELS, SeriesKind};

use crate::kinds::{Kind, Recorded};

/// One metric of the component `M`: what it is, and where.
#[derive(Debug)]
pub struct Row<M: 'static> {
    /// What it is.
    pub descriptor: Descriptor,
    /// Where it lies: bytes from the beginning of the struct.
    pub offset: usize,
    /// Copies its words out of the struct.
    pub(crate) copy_words: fn(&M, &mut Vec<u64>),
}

/// The kind of the field that `_field` borrows: the catalogue cannot say one kind and the struct another.
pub(crate) const fn kind_of<M, K: Recorded>(_field: fn(&M) -> &K) -> Kind {
    K::KIND
}

/// Describes the metrics of a component, in the order in which a dump prints them. A row reads
///
/// ```text
/// field [as "name"] [["attribute" = "value"]], "unit", "Label" [under "Group"] [legacy "stem"] => "Help.";
/// ```
///
/// Name and stem are the field's unless said otherwise.
macro_rules! catalogue {
    ($component:ident: $section:ident; $(
        $($field:ident).+ $(as $name:literal)? $([$($key:literal = $value:literal),+])?,
        $unit:literal, $label:literal $(under $group:literal)? $(legacy $stem:literal)? => $help:literal;
    )+) => {
        impl $crate::Component for $component {
            const SECTION: $crate::catalogue::Section = $section;

            fn rows() -> &'static [$crate::catalogue::Row<Self>] {
                use std::borrow::Cow::Borrowed;
                static ROWS: &[$crate::catalogue::Row<$component>] = &[$(
                    $crate::catalogue::Row {
                        descriptor: $crate::catalogue::Descriptor {
                            section: $section,
                            name: Borrowed($crate::catalogue::first!($($name)?, stringify!($($field).+))),
                            kind: $crate::catalogue::kind_of(|metrics: &$component| &metrics.$($field).+),
                            unit: Borrowed($unit),
                            help: Borrowed($help),
                            attributes: Borrowed(&[$($((Borrowed($key), Borrowed($value))),+)?]),
                            group: Borrowed($crate::catalogue::first!($($group)?, "")),
                            label: Borrowed($label),
                            stem: Borrowed($crate::catalogue::first!($($stem)?, stringify!($($field).+))),
                        },
                        offset: std::mem::offset_of!($component, $($field).+),
                        copy_words: |metrics, words| {
                            $crate::kinds::Recorded::copy_words(&metrics.$($field).+, words);
                        },
                    }
                ),+];
                ROWS
            }
        }
    };
}
pub(crate) use catalogue;

/// The first of one or two expressions.
macro_rules! first {
    ($first:expr, $default:expr) => {
        $first
    };
    (, $default:expr) => {
        $default
    };
}
pub(crate) use first;
