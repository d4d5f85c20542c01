//! Node.js binding of the recorder: arguments in, results and error codes out. No rule of the log lives here.
//!
//! JavaScript stores events into the staging memory itself and counts them; it calls `publish` once a block. That call
//! and those that sync are registered by hand (in `hot.rs`): a `#[napi]` method costs ten times as much.

#![expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "JavaScript has one kind of number; the casts saturate, and what is out of range is refused by the recorder"
)]

// Both addons take these options and give errors alike, and neither is a library to the other.
#[path = "../../recovery-node/src/errors.rs"]
mod errors;
mod external;
mod hot;
mod instance;
mod native_recorder;
mod notifier;
mod open;
#[path = "../../recovery-node/src/telemetry_options.rs"]
mod telemetry_options;

use napi_derive::napi;

pub use errors::error_codes;
pub use native_recorder::NativeRecorder;
pub use open::{OpenOptions, open};
pub use telemetry_options::{Label, TelemetryOptions};

/// By this the package knows that the file is its own addon, of its own version.
#[napi]
pub const BUILD: &str = concat!("wal-recorder ", env!("CARGO_PKG_VERSION"));
