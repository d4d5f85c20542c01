//! Node.js binding of telemetry: arguments in, results and error codes out.
//!
//! Metrics come from other addons as bytes, see [`flashstrike_telemetry::protocol`]; what is done with them here is
//! what the crate does. A snapshot goes to JavaScript as one JSON text: parsing that is several times cheaper than to
//! make each object of it through Node-API.

mod exposition;
mod json;
mod page;
mod series;

use flashstrike_telemetry::{ProtocolError, Snapshot, decode_snapshot};
use napi_derive::napi;
pub use page::{NativePage, attach_page};

/// By this the package knows that the file is its own addon, of its own version.
#[napi]
pub const BUILD: &str = concat!("telemetry ", env!("CARGO_PKG_VERSION"));

/// Why bytes could not be read, as a code for JavaScript.
///
/// The wrapper exists because an error's code has to be made from this crate's own type.
#[derive(Debug)]
pub struct Code(&'static str);

impl AsRef<str> for Code {
    fn as_ref(&self) -> &str {
        self.0
    }
}

fn read(bytes: &[u8]) -> Result<Snapshot, napi::Error<Code>> {
    decode_snapshot(bytes).map_err(|error| {
        let code = match error {
            ProtocolError::Version { .. } => "WAL_UNSUPPORTED",
            _ => "WAL_METRICS",
        };
        napi::Error::new(Code(code), error.to_string())
    })
}

/// The snapshot in `bytes` as JSON, see `SourceSnapshot` in the package's `snapshot.ts`.
///
/// @throws an error with the code `WAL_UNSUPPORTED` if the bytes are of a newer version, `WAL_METRICS` if they are no
/// metrics snapshot
#[napi(catch_unwind)]
pub fn snapshot_json(bytes: &[u8]) -> Result<String, napi::Error<Code>> {
    Ok(json::to_json(&read(bytes)?))
}

/// The snapshot in `bytes` for people to read.
///
/// @throws as `snapshotJson`
#[napi(catch_unwind)]
pub fn dump(bytes: &[u8]) -> Result<String, napi::Error<Code>> {
    Ok(read(bytes)?.to_string())
}

/// A value in the unit of a metric as `dump` writes it.
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value, reason = "Node hands the text over by value")]
pub fn figure(value: f64, unit: String) -> String {
    flashstrike_telemetry::figure(value, &unit)
}
