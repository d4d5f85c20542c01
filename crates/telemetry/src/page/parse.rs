//! What a page says of itself: labels, and every metric with where it lies.

use std::borrow::Cow;
use std::path::Path;

use super::header::{HEADER_BYTES, Header, MAGIC};
use super::{MOST_PLACES, PageError, PageState, labels_fit};
use crate::protocol::{Described, Reader};
use crate::snapshot::{Metric, Snapshot};
use crate::{ProtocolError, Value, clock};

/// Bytes of a word.
pub(crate) const WORD: usize = 8;

/// A page's description of itself, checked: each place of each metric lies within the values.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) header: Header,
    labels: Vec<(String, String)>,
    metrics: Vec<Placed>,
}

#[derive(Debug)]
struct Placed {
    described: Described,
    /// Where its words begin, counted in words from the first of the values.
    places: Vec<usize>,
    words: usize,
}

impl Layout {
    /// Reads labels and catalogue, which are `catalogue`: the bytes behind the header.
    pub(crate) fn parse(header: Header, catalogue: &[u8], path: &Path) -> Result<Self, PageError> {
        let begin = u64::from(header.catalogue_at);
        let damaged = |error: &ProtocolError| {
            let (at, what) = match error {
                ProtocolError::Truncated { what, at } => (*at, format!("{what} that does not fit")),
                ProtocolError::Text { at } => (*at, "a string that is not UTF-8".to_owned()),
                ProtocolError::Metric { what, at } => (*at, format!("a metric with {what}")),
                other => (0, other.to_string()),
            };
            PageError::damaged(path, begin + at as u64, what)
        };
        let mut reader = Reader::new(catalogue, 0);
        let labels = (0..header.labels).map(|_| reader.label()).collect::<Result<_, _>>();
        let labels: Vec<_> = labels.map_err(|error| damaged(&error))?;
        if !labels_fit(&labels) {
            return Err(PageError::damaged(path, begin, "labels that are too long"));
        }
        let mut metrics = Vec::new();
        let mut total_words = 0;
        for _ in 0..header.metrics {
            let at = begin + reader.at() as u64;
            let places = places(&mut reader).map_err(|error| damaged(&error))?;
            let entry = reader.entry().map_err(|error| damaged(&error))?;
            let words = entry.word_count;
            for &place in &places {
                let end = (words as u64).checked_mul(WORD as u64).and_then(|bytes| place.checked_add(bytes));
                if !place.is_multiple_of(WORD as u64) || end.is_none_or(|end| end > header.values_bytes) {
                    let what =
                        format!("a metric of {words} words at {place} of {} bytes", header.values_bytes);
                    return Err(PageError::damaged(path, at, what));
                }
            }
            // No word belongs to two metrics, so that all of them together cannot be made to take more than they are.
            total_words += words as u64 * places.len() as u64;
            if total_words > header.values_bytes / WORD as u64 {
                return Err(PageError::damaged(path, at, "metrics of more words than there are"));
            }
            let Some(described) = entry.described().map_err(|error| damaged(&error))? else { continue };
            if has_control_characters(&described) {
                return Err(PageError::damaged(path, at, "control characters in what a metric is called"));
            }
            let places = places.iter().map(|&place| place as usize / WORD).collect();
            metrics.push(Placed { described, places, words });
        }
        Ok(Self { header, labels, metrics })
    }

    /// Makes a snapshot of a copy of the values, which was made after the state was looked at: so those of a page that
    /// nobody records in are the last ones.
    pub(crate) fn snapshot(&self, values: &[u64], state: PageState) -> Option<Snapshot> {
        let metrics = self.metrics.iter().map(|placed| placed.metric(values)).collect::<Option<_>>()?;
        let snapshot = Snapshot {
            taken_unix_ns: clock::unix_ns(),
            started_unix_ns: self.header.started_unix_ns,
            process_id: self.header.process_id,
            labels: self.labels.clone(),
            metrics,
        };
        Some(snapshot.with_durable_lag().with_state(state))
    }
}

impl Placed {
    /// The metric with the sum of what lies at its places; `None` only if the values are fewer than the header says.
    fn metric(&self, values: &[u64]) -> Option<Metric> {
        let Described { descriptor, buckets } = &self.described;
        let mut sum: Option<Value> = None;
        for &place in &self.places {
            let words = values.get(place..place.checked_add(self.words)?)?;
            let value = Value::from_words(descriptor.kind, *buckets, words)?;
            match &mut sum {
                Some(sum) => sum.add(&value),
                None => sum = Some(value),
            }
        }
        Some(Metric { descriptor: Cow::Owned(descriptor.clone()), value: sum? })
    }
}

/// The places in front of an entry.
fn places(reader: &mut Reader<'_>) -> Result<Vec<u64>, ProtocolError> {
    let at = reader.at();
    let count = u32::from_le_bytes(reader.take("the places of a metric")?);
    if !(1..=MOST_PLACES).contains(&count) {
        return Err(ProtocolError::Metric { what: "a number of places that cannot be", at });
    }
    (0..count).map(|_| Ok(u64::from_le_bytes(reader.take("the places of a metric")?))).collect()
}

/// Whether something that is printed as it stands could do more to a terminal than be read.
fn has_control_characters(Described { descriptor, .. }: &Described) -> bool {
    let attributes = descriptor.attributes.iter().flat_map(|(name, value)| [name.as_ref(), value.as_ref()]);
    descriptor.texts().into_iter().chain(attributes).any(|text| text.contains(char::is_control))
}

/// The header in the first bytes of a file of so many.
pub(crate) fn header_in(bytes: &[u8], file_bytes: u64, path: &Path) -> Result<Header, PageError> {
    let not = |what| PageError::NotAPage { path: path.into(), what };
    if !bytes.starts_with(&MAGIC) {
        return Err(not("it does not begin like one"));
    }
    let first =
        bytes.first_chunk::<HEADER_BYTES>().ok_or_else(|| not("it is shorter than the header of one"))?;
    Header::decode(first, file_bytes, path)
}
