//! Reading the bytes of a snapshot, whoever they come from.

use std::borrow::Cow;

use super::{HEADER_BYTES, MAGIC, VERSION, WORD_BYTES};
use crate::catalogue::{Descriptor, Section};
use crate::histogram::Buckets;
use crate::page::labels_fit;
use crate::snapshot::{Metric, Snapshot};
use crate::{Kind, Value};

/// The most metrics of one source: those of the largest page, and its state.
const MOST_METRICS: u32 = 512;

/// Why bytes are no snapshot. `at` is an offset in the bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// They do not begin with the magic.
    #[error(
        "these {length} bytes are no metrics snapshot (no magic at the beginning); pass what the source's flashstrike.metrics function returned, unchanged"
    )]
    NotMetrics {
        /// How many bytes there are.
        length: usize,
    },
    /// They are of a version that this crate does not know.
    #[error(
        "the metrics snapshot has version {found}, this reader knows {VERSION}; update the telemetry package to that of the source"
    )]
    Version {
        /// The version they say they have.
        found: u16,
    },
    /// They are more or fewer than they say themselves.
    #[error(
        "the metrics snapshot says that it has {stated} bytes and has {length}; it was cut or added to on the way"
    )]
    Length {
        /// The length they state.
        stated: u64,
        /// The length they have.
        length: usize,
    },
    /// They end, or a part of them does, before what should be there.
    #[error("the metrics snapshot ends too early: {what} at byte {at} does not fit; it is damaged")]
    Truncated {
        /// What does not fit.
        what: &'static str,
        /// Where it begins.
        at: usize,
    },
    /// There is more of it than can be written out.
    #[error(
        "the metrics snapshot has {labels} labels and {metrics} metrics, more or longer ones than any source has; it is damaged"
    )]
    TooMuch {
        /// How many labels it has.
        labels: usize,
        /// How many metrics it says it has.
        metrics: u32,
    },
    /// A string is not UTF-8.
    #[error("the metrics snapshot has a string at byte {at} that is not UTF-8; it is damaged")]
    Text {
        /// Where the string begins.
        at: usize,
    },
    /// A metric says things about itself that cannot be.
    #[error("the metrics snapshot has a metric at byte {at} with {what}; it is damaged")]
    Metric {
        /// What cannot be.
        what: &'static str,
        /// Where its entry begins.
        at: usize,
    },
}

/// Reads what [`encode_snapshot`](super::encode_snapshot) wrote. Never panics, whatever the bytes are.
pub fn decode_snapshot(bytes: &[u8]) -> Result<Snapshot, ProtocolError> {
    if !bytes.starts_with(&MAGIC) {
        return Err(ProtocolError::NotMetrics { length: bytes.len() });
    }
    let mut header = Reader::new(bytes, MAGIC.len());
    let version = u16::from_le_bytes(header.take("the version")?);
    if version != VERSION {
        return Err(ProtocolError::Version { found: version });
    }
    let label_count = u16::from_le_bytes(header.take("the header")?);
    let metric_count = u32::from_le_bytes(header.take("the header")?);
    let stated = u64::from_le_bytes(header.take("the header")?);
    let taken_unix_ns = u64::from_le_bytes(header.take("the header")?);
    let started_unix_ns = u64::from_le_bytes(header.take("the header")?);
    let process_id = u32::from_le_bytes(header.take("the header")?);
    let data_at = u32::from_le_bytes(header.take("the header")?) as usize;
    if stated != bytes.len() as u64 {
        return Err(ProtocolError::Length { stated, length: bytes.len() });
    }
    if data_at < HEADER_BYTES || !data_at.is_multiple_of(WORD_BYTES) || data_at > bytes.len() {
        return Err(ProtocolError::Truncated { what: "the data", at: data_at });
    }

    let mut catalogue = Reader::new(&bytes[..data_at], HEADER_BYTES);
    let mut data = Words { bytes: &bytes[data_at..] };
    let labels = (0..label_count).map(|_| catalogue.label()).collect::<Result<Vec<_>, _>>()?;
    if !labels_fit(&labels) || metric_count > MOST_METRICS {
        return Err(ProtocolError::TooMuch { labels: labels.len(), metrics: metric_count });
    }
    let mut metrics = Vec::new();
    for _ in 0..metric_count {
        metrics.extend(metric(&mut catalogue, &mut data)?);
    }
    if !data.bytes.is_empty() {
        return Err(ProtocolError::Metric { what: "data behind it that belong to none", at: data_at });
    }
    Ok(Snapshot { taken_unix_ns, started_unix_ns, process_id, labels, metrics })
}

/// Reads the next entry and its words; `None` for a metric of a kind that is not known here.
fn metric(catalogue: &mut Reader<'_>, data: &mut Words<'_>) -> Result<Option<Metric>, ProtocolError> {
    let entry = catalogue.entry()?;
    let at = entry.at;
    let words = data
        .take(entry.word_count)
        .ok_or(ProtocolError::Metric { what: "more words than there are data", at })?;
    let Some(described) = entry.described()? else { return Ok(None) };
    let value = Value::from_words(described.descriptor.kind, described.buckets, &words)
        .expect("an entry was read whose number of words is that of its kind");
    Ok(Some(Metric { descriptor: Cow::Owned(described.descriptor), value }))
}

/// An entry of the catalogue, as far as every kind of metric has it.
pub(crate) struct RawEntry<'a> {
    /// Where it begins.
    pub(crate) at: usize,
    /// How many words it has.
    pub(crate) word_count: usize,
    kind: u8,
    buckets: Buckets,
    attribute_count: u16,
    strings: Reader<'a>,
}

/// What an entry of the catalogue describes. It has as many words as its kind and buckets call for.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) descriptor: Descriptor,
    pub(crate) buckets: Option<Buckets>,
}

impl RawEntry<'_> {
    /// What it describes; `None` for a metric of a kind that is not known here.
    pub(crate) fn described(mut self) -> Result<Option<Described>, ProtocolError> {
        let at = self.at;
        let Some(kind) = Kind::from_number(self.kind) else { return Ok(None) };
        let buckets = kind.buckets().map(|_| self.buckets);
        if buckets.is_some_and(|buckets| !buckets.are_sound()) {
            return Err(ProtocolError::Metric { what: "impossible buckets", at });
        }
        if self.word_count != Value::word_count(kind, buckets) {
            return Err(ProtocolError::Metric { what: "a number of words that its kind does not have", at });
        }
        let descriptor = self.strings.descriptor(kind, self.attribute_count)?;
        Ok(Some(Described { descriptor, buckets }))
    }
}

/// Takes bytes from the front, never beyond the end.
pub(crate) struct Reader<'a> {
    /// From the beginning of the snapshot to where this part of it ends.
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Begins at `at`.
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where it is.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The next entry of the catalogue.
    pub(crate) fn entry(&mut self) -> Result<RawEntry<'a>, ProtocolError> {
        let at = self.at;
        let length = u32::from_le_bytes(self.take("a metric")?);
        let mut entry = self.part(length as usize, "a metric")?;
        let [kind, scale] = entry.take("a metric's kind")?;
        let count = u16::from_le_bytes(entry.take("a metric's buckets")?);
        let min_index = i32::from_le_bytes(entry.take("a metric's buckets")?);
        let recorded_per_unit = u32::from_le_bytes(entry.take("a metric's buckets")?);
        let word_count = u32::from_le_bytes(entry.take("a metric's words")?) as usize;
        let attribute_count = u16::from_le_bytes(entry.take("a metric's attributes")?);
        let buckets = Buckets { scale, min_index, count, recorded_per_unit };
        Ok(RawEntry { at, word_count, kind, buckets, attribute_count, strings: entry })
    }

    /// A label: name and value.
    pub(crate) fn label(&mut self) -> Result<(String, String), ProtocolError> {
        Ok((self.string("a label")?.to_owned(), self.string("a label")?.to_owned()))
    }

    pub(crate) fn take<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ProtocolError> {
        let at = self.at;
        let rest = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        self.at += N;
        rest.copied().ok_or(ProtocolError::Truncated { what, at })
    }

    /// The next `length` bytes as a part of their own.
    fn part(&mut self, length: usize, what: &'static str) -> Result<Reader<'a>, ProtocolError> {
        let at = self.at;
        let end = at.checked_add(length).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or(ProtocolError::Truncated { what, at })?;
        self.at = end;
        Ok(Reader { bytes: &self.bytes[..end], at })
    }

    fn string(&mut self, what: &'static str) -> Result<&'a str, ProtocolError> {
        let length = u16::from_le_bytes(self.take(what)?);
        let part = self.part(usize::from(length), what)?;
        std::str::from_utf8(&part.bytes[part.at..]).map_err(|_| ProtocolError::Text { at: part.at })
    }

    fn owned(&mut self, what: &'static str) -> Result<Cow<'static, str>, ProtocolError> {
        Ok(Cow::Owned(self.string(what)?.to_owned()))
    }

    fn descriptor(&mut self, kind: Kind, attribute_count: u16) -> Result<Descriptor, ProtocolError> {
        // In the order in which they stand in the bytes.
        Ok(Descriptor {
            section: Section {
                side: self.owned("a metric's side")?,
                subsystem: self.owned("a metric's subsystem")?,
                title: self.owned("a metric's title")?,
                legacy_subsystem: self.owned("a metric's legacy subsystem")?,
            },
            kind,
            name: self.owned("a metric's name")?,
            unit: self.owned("a metric's unit")?,
            help: self.owned("a metric's help")?,
            group: self.owned("a metric's group")?,
            label: self.owned("a metric's label")?,
            stem: self.owned("a metric's stem")?,
            attributes: (0..attribute_count)
                .map(|_| Ok((self.owned("an attribute")?, self.owned("an attribute")?)))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
        })
    }
}

/// Takes words from the front.
struct Words<'a> {
    bytes: &'a [u8],
}

impl Words<'_> {
    fn take(&mut self, count: usize) -> Option<Vec<u64>> {
        let (words, rest) = self.bytes.split_at_checked(count.checked_mul(WORD_BYTES)?)?;
        self.bytes = rest;
        let (words, _) = words.as_chunks();
        Some(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
    }
}
