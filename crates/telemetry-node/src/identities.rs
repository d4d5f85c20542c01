//! Telling like sources apart where JavaScript has the format.

use std::collections::HashMap;

use flashstrike_telemetry::exposition::Identities;
use napi_derive::napi;

/// Remembers which of several sources with the same labels was the first.
#[napi]
#[derive(Default)]
pub struct NativeIdentities(Identities);

#[napi]
impl NativeIdentities {
    /// One that has seen no source yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// The label `source` of each that needs one.
    ///
    /// @param places which source each of them is, the same number each time
    /// @param labels what each says of itself
    #[napi(catch_unwind)]
    pub fn sources(&mut self, places: Vec<u32>, labels: Vec<HashMap<String, String>>) -> Vec<Option<String>> {
        let sources = places.into_iter().zip(labels);
        self.0.sources(sources.map(|(place, labels)| (place as usize, labels.into_iter().collect())))
    }

    /// Only the sources at these places are left.
    #[napi(catch_unwind)]
    pub fn keep(&mut self, places: Vec<u32>) {
        self.0.keep(&places.into_iter().map(|place| place as usize).collect());
    }
}
