//! What is asked for of the metrics.

use flashstrike_telemetry::page::PageOptions;
use napi_derive::napi;

/// What the metrics are called, and where they live.
#[napi(object)]
#[derive(Debug)]
pub struct TelemetryOptions {
    /// A file for them; absent: none.
    pub file: Option<String>,
    /// Labels besides the log's name.
    pub labels: Option<Vec<Label>>,
    /// Permission bits of that file.
    pub file_mode: Option<f64>,
    /// File systems besides tmpfs that it may lie on.
    pub allow_file_system: Option<Vec<String>>,
}

/// A label of metrics.
#[napi(object)]
#[derive(Debug)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl TelemetryOptions {
    /// The labels that are given.
    pub(crate) fn labels(&self) -> Vec<(String, String)> {
        let given = self.labels.iter().flatten();
        given.map(|label| (label.name.clone(), label.value.clone())).collect()
    }

    /// The page that is asked for, if there is to be one.
    pub(crate) fn page(&self, file_mode: u32) -> Option<PageOptions> {
        let file = self.file.as_ref()?;
        let mut page = PageOptions::new(file);
        // What is no whole number becomes one that is refused.
        page.file_mode =
            self.file_mode.map_or(file_mode, |mode| if mode.fract() == 0.0 { mode as u32 } else { u32::MAX });
        page.allow_file_system = self.allow_file_system.clone().unwrap_or_default();
        Some(page)
    }
}
