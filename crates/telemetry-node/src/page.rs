//! The page of another process.

use std::cell::RefCell;

use flashstrike_telemetry::encode_snapshot;
use flashstrike_telemetry::page::{PageError, TelemetryPage};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use serde_json::json;

use crate::Code;

/// Opens a page for reading.
///
/// @throws an error with the code `WAL_NOT_FOUND`, `WAL_METRICS`, `WAL_UNSUPPORTED` or `WAL_IO`
#[napi(catch_unwind)]
#[allow(clippy::needless_pass_by_value, reason = "Node hands the text over by value")]
pub fn attach_page(file: String) -> Result<NativePage, napi::Error<Code>> {
    let page = TelemetryPage::attach(file).map_err(|error| refused(&error))?;
    Ok(NativePage(RefCell::new(Some(page))))
}

/// An attached page. Internal: use `TelemetryPage` of the package.
#[napi]
pub struct NativePage(RefCell<Option<TelemetryPage>>);

#[napi]
impl NativePage {
    /// Its metrics in the byte protocol of `flashstrike.metrics`.
    ///
    /// @throws as `attachPage`, and `WAL_CLOSED`
    #[napi(catch_unwind)]
    pub fn metrics(&self) -> Result<Uint8Array, napi::Error<Code>> {
        self.with(|page| Ok(encode_snapshot(&page.snapshot()?).into()))
    }

    /// State, process, begin and generation, as JSON.
    ///
    /// @throws as `metrics`
    #[napi(catch_unwind)]
    pub fn look_json(&self) -> Result<String, napi::Error<Code>> {
        self.with(|page| {
            let look = json!({
                // First, since this is what looks.
                "state": page.state()?.name(),
                "pid": page.process_id(),
                "startedAtMs": page.started_unix_ns() as f64 / 1e6,
                "generation": page.generation(),
            });
            Ok(look.to_string())
        })
    }

    /// Closes the file.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.borrow_mut().take();
    }

    fn with<T>(
        &self,
        look: impl FnOnce(&mut TelemetryPage) -> Result<T, PageError>,
    ) -> Result<T, napi::Error<Code>> {
        let mut page = self.0.borrow_mut();
        let page = page.as_mut().ok_or_else(|| {
            let message = "this TelemetryPage was closed: attach again to read";
            napi::Error::new(Code("WAL_CLOSED"), message.to_owned())
        })?;
        look(page).map_err(|error| refused(&error))
    }
}

fn refused(error: &PageError) -> napi::Error<Code> {
    napi::Error::new(Code(error.code()), error.to_string())
}
