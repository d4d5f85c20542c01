//! What is written for Prometheus is read back by a reader that knows the formats' specifications and nothing of the
//! writer, and is the snapshot.
#![cfg(not(loom))]
#![expect(clippy::float_cmp, reason = "what is written is read back to the last bit")]

mod expected;
mod native;
mod sources;
mod text;
mod text_reader;
