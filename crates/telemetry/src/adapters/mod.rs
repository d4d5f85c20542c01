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

/// The upper bounds of classic buckets as powers of two, in halves: bounds of the log's own buckets at every scale from 1 on.
#[cfg(any(feature = "opentelemetry", feature = "prometheus-client"))]
fn classic_half_octaves(unit: &str) -> impl Iterator<Item = i32> {
    let (bounds, step) = if unit == "s" { (-48..=6, 1) } else { (0..=64, 2) };
    bounds.step_by(step)
}
