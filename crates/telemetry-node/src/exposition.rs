//! Scrapes for Prometheus.

use flashstrike_telemetry::exposition::{Exposition, Format};
use flashstrike_telemetry::{Snapshot, decode_snapshot};
use napi::bindgen_prelude::{Buffer, Uint8Array};
use napi_derive::napi;

use crate::{Code, read, series};

/// Writes the metrics of several sources as exporters take them, and remembers what each of them is called.
#[napi]
#[derive(Default)]
pub struct NativeExposition(Exposition);

#[napi]
impl NativeExposition {
    /// One that has seen no source yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// A scrape.
    ///
    /// @param format `text`, `openmetrics`, `protobuf` or `legacy`
    /// @param sources the bytes of each source; one that cannot be read counts as missing and fails no other
    /// @param places which source each of them is, the same number each time
    /// @param missing why others could not be read, a text each
    /// @throws an error with the code `WAL_UNSUPPORTED` for another format
    #[napi(catch_unwind)]
    #[allow(clippy::needless_pass_by_value, reason = "Node hands them over by value")]
    pub fn write(
        &mut self,
        format: String,
        sources: Vec<Uint8Array>,
        places: Vec<u32>,
        mut missing: Vec<String>,
    ) -> Result<Buffer, napi::Error<Code>> {
        let format = match format.as_str() {
            "text" => Format::Text,
            "openmetrics" => Format::OpenMetrics,
            "protobuf" => Format::Protobuf,
            "legacy" => Format::LegacyText,
            other => return Err(napi::Error::new(Code("WAL_UNSUPPORTED"), format!("no format {other}"))),
        };
        let mut read: Vec<(usize, Snapshot)> = Vec::with_capacity(sources.len());
        for (bytes, &place) in sources.iter().zip(&places) {
            match decode_snapshot(bytes) {
                Ok(snapshot) => read.push((place as usize, snapshot)),
                Err(error) => missing.push(format!("source {place}: {error}")),
            }
        }
        let sources: Vec<_> = read.iter().map(|(place, snapshot)| (*place, snapshot)).collect();
        Ok(self.0.write(format, &sources, &missing).into())
    }

    /// The snapshot in `bytes` as JSON of one series after the other, see `SourceSeries` in the package's `series.ts`.
    ///
    /// @param place which source it is of
    /// @throws as `snapshotJson`
    #[napi(catch_unwind)]
    pub fn series_json(&mut self, bytes: &[u8], place: u32) -> Result<String, napi::Error<Code>> {
        let snapshot = read(bytes)?;
        Ok(series::to_json(&snapshot, self.0.source_of(place as usize, &snapshot)))
    }

    /// Only the sources at these places are left: the next new one like another goes on in its series.
    #[napi(catch_unwind)]
    pub fn keep(&mut self, places: Vec<u32>) {
        let places: Vec<_> = places.into_iter().map(|place| place as usize).collect();
        self.0.keep(&places);
    }
}
