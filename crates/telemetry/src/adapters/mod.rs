//! The log's metrics in the libraries that a Rust program has its own ones in, each behind a feature of its name.
//!
//! | library | feature | how |
//! |---|---|---|
//! | `prometheus-client` | `prometheus-client` | [`WalCollector`](prometheus_client::WalCollector) goes into a `Registry` |
//! | `metrics` | `metrics` | [`Publisher`](metrics::Publisher) hands a snapshot to the installed recorder, as often as it is asked to |
//! | `opentelemetry` | `opentelemetry` | [`Publisher`](opentelemetry::Publisher) hands a snapshot to the instruments of a meter, as often as it is asked to |

#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "opentelemetry")]
pub mod opentelemetry;
#[cfg(feature = "prometheus-client")]
pub mod prometheus_client;
#[cfg(any(feature = "metrics", feature = "opentelemetry"))]
mod told;
