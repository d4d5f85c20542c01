//! Events whose contents follow from their ids, so that every one read back can be checked without a record of what was
//! appended.

use flashstrike_segment::{Field, FieldType, Schema};

/// Well mixed 64 bits (`SplitMix64`).
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

/// Fills a fixed-size event, id included.
///
/// # Panics
/// If it has fewer than 8 bytes.
pub fn fill(event_id: u64, event: &mut [u8]) {
    event[..8].copy_from_slice(&event_id.to_le_bytes());
    fill_body(event_id, &mut event[8..]);
}

fn fill_body(event_id: u64, body: &mut [u8]) {
    for (n, chunk) in (0..).zip(body.chunks_mut(8)) {
        let word = mixed(event_id ^ n << 54).to_le_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
}

/// A fixed-size event, id included.
pub fn fixed(event_id: u64, size: usize) -> Vec<u8> {
    let mut event = vec![0; size];
    fill(event_id, &mut event);
    event
}

/// A variable-length event. Most have up to 120 bytes, one in 16 has none, one in 128 up to 20 000.
pub fn variable(event_id: u64) -> Vec<u8> {
    let dice = mixed(!event_id);
    let length = match dice % 128 {
        0 => dice >> 8 & 0x3FFF | 0x1000,
        1..=8 => 0,
        _ => (dice >> 8) % 121,
    };
    let mut event = vec![0; length as usize];
    fill_body(event_id, &mut event);
    event
}

/// The event with this id in a log of events of this size; 0: variable-length ones.
pub fn event(event_id: u64, event_size: u16) -> Vec<u8> {
    if event_size == 0 { variable(event_id) } else { fixed(event_id, usize::from(event_size)) }
}

/// A schema of events of this size.
///
/// # Panics
/// Unless the size is a multiple of 8, at least 16.
pub fn schema(size: u16) -> Schema {
    let field = |name: &str, field_type, offset| Field { name: name.to_owned(), field_type, offset };
    let schema = Schema {
        name: "Test".to_owned(),
        size,
        fields: vec![field("event_id", FieldType::U64, 0), field("body", FieldType::Bytes(size - 8), 8)],
    };
    schema.check().expect("a schema that can be");
    schema
}
