//! Snapshots as bytes, so that they can cross from one native addon to another.
//!
//! The bytes describe themselves: they bring the catalogue of whoever wrote them, so a reader of another version
//! shows metrics it has never heard of. Everything is little-endian.
//!
//! ```text
//! header, 48 bytes
//!    0  magic        "FSMETRIC"
//!    8  version      u16, 1; higher ones are refused
//!   10  labels       u16, number of
//!   12  metrics      u32, number of
//!   16  bytes        u64, the length of the whole
//!   24  taken        u64, ns since 1970
//!   32  started      u64, ns since 1970
//!   40  process      u32
//!   44  data         u32, offset of the words, a multiple of 8
//! labels             name, value (a string is a u16 length and that much UTF-8)
//! catalogue, an entry a metric
//!    0  length       u32 of what follows in this entry; what lies behind the fields known is skipped
//!    4  kind         u8; a metric of an unknown kind is left out
//!    5  scale        u8  ┐
//!    6  buckets      u16 │ of the histogram, all 0 if the kind has none
//!    8  min index    i32 │
//!   12  per unit     u32 ┘
//!   16  words        u32, how many of the data are this metric's
//!   20  attributes   u16, number of
//!   22  strings      side, subsystem, title, legacy subsystem, name, unit, help, group, label, stem,
//!                    then name and value of each attribute
//! data               u64 words, the metrics one after the other, each as it lies in memory:
//!                    operation: ok, failed, sum, min, max, buckets · duration, distribution: sum, min, max, buckets
//!                    life cycle: active cycles, idle cycles, active ns, idle ns · the others: their number
//! ```
//!
//! Decoding believes nothing: every length is checked before it is used, nothing is allocated that the bytes
//! themselves do not fill, and whatever the bytes hold, the result is an error or a snapshot whose invariants hold.

mod decode;
mod encode;

pub(crate) use decode::{Described, Reader};
pub use decode::{ProtocolError, decode_snapshot};
pub use encode::encode_snapshot;
pub(crate) use encode::{push_entry, push_string};

const MAGIC: [u8; 8] = *b"FSMETRIC";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 48;
const WORD_BYTES: usize = 8;
