//! Writing the bytes of a snapshot.

use super::{HEADER_BYTES, MAGIC, VERSION, WORD_BYTES};
use crate::HistogramSnapshot;
use crate::catalogue::Descriptor;
use crate::histogram::Buckets;
use crate::snapshot::Snapshot;

/// The snapshot as bytes, see [`protocol`](crate::protocol). Some 70 KiB for a recorder.
///
/// A string of more than 65 535 bytes, which nothing in the catalogue comes near but a label may be, is cut at the
/// last whole character before that.
pub fn encode_snapshot(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    let labels = &snapshot.labels[..snapshot.labels.len().min(usize::from(u16::MAX))];
    for (name, value) in labels {
        push_string(&mut bytes, name);
        push_string(&mut bytes, value);
    }
    let mut words = Vec::with_capacity(snapshot.metrics.len() * 256);
    for metric in &snapshot.metrics {
        let words_before = words.len();
        metric.value.push_words(&mut words);
        let buckets = metric.value.histogram().map(HistogramSnapshot::buckets);
        push_entry(&mut bytes, &metric.descriptor, buckets, words.len() - words_before);
    }
    bytes.resize(bytes.len().next_multiple_of(WORD_BYTES), 0);
    let data = bytes.len();
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    let length = bytes.len() as u64;

    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend(MAGIC);
    header.extend(VERSION.to_le_bytes());
    header.extend((labels.len() as u16).to_le_bytes());
    header.extend((snapshot.metrics.len() as u32).to_le_bytes());
    header.extend(length.to_le_bytes());
    header.extend(snapshot.taken_unix_ns.to_le_bytes());
    header.extend(snapshot.started_unix_ns.to_le_bytes());
    header.extend(snapshot.process_id.to_le_bytes());
    header.extend((data as u32).to_le_bytes());
    bytes[..HEADER_BYTES].copy_from_slice(&header);
    bytes
}

/// Appends what a metric is: an entry of the catalogue.
pub(crate) fn push_entry(
    bytes: &mut Vec<u8>,
    descriptor: &Descriptor,
    buckets: Option<Buckets>,
    word_count: usize,
) {
    let length_at = bytes.len();
    bytes.extend([0; 4]);
    bytes.push(descriptor.kind as u8);
    bytes.push(buckets.map_or(0, |buckets| buckets.scale));
    bytes.extend(buckets.map_or(0, |buckets| buckets.count).to_le_bytes());
    bytes.extend(buckets.map_or(0, |buckets| buckets.min_index).to_le_bytes());
    bytes.extend(buckets.map_or(0, |buckets| buckets.recorded_per_unit).to_le_bytes());
    bytes.extend((word_count as u32).to_le_bytes());
    bytes.extend((descriptor.attributes.len() as u16).to_le_bytes());
    for text in descriptor.texts() {
        push_string(bytes, text);
    }
    for (name, value) in descriptor.attributes.iter() {
        push_string(bytes, name);
        push_string(bytes, value);
    }
    let length = (bytes.len() - length_at - 4) as u32;
    bytes[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

/// Appends a string, cut where it is longer than its length can say.
pub(crate) fn push_string(bytes: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::push_string;

    #[test]
    fn a_string_too_long_for_its_length_is_cut_at_a_character() {
        let mut bytes = Vec::new();
        push_string(&mut bytes, &"ü".repeat(40_000));
        assert_eq!(bytes[..2], 65_534_u16.to_le_bytes());
        assert_eq!(bytes[2..], *"ü".repeat(32_767).as_bytes());
    }
}
