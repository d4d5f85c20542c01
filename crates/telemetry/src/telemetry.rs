//! What the telemetry of recorders and recoveries have in common.

use crate::Component;
use crate::catalogue::Descriptor;

/// A metric with where it lies in memory.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is.
    pub descriptor: &'static Descriptor,
    /// Where it lies, in bytes from the beginning of the struct of all metrics. More than one place if several
    /// threads record it, each at its own: what it holds is the sum.
    pub offsets: Vec<usize>,
}

/// The metrics of a component that lies at each of `places`.
pub(crate) fn entries<C: Component>(places: &[usize]) -> impl Iterator<Item = Entry> {
    C::rows().iter().map(move |row| Entry {
        descriptor: &row.descriptor,
        offsets: places.iter().map(|place| place + row.offset).collect(),
    })
}
