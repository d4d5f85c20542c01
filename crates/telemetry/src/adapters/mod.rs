//! The log's metrics in the libraries that a Rust program has its own ones in, each behind a feature of its name.
//!
//! | library | feature | how |
//! |---|---|---|
//! | `prometheus-client` | `prometheus-client` | [`WalCollector`](prometheus_client::WalCollector) goes into a `Registry` |
//! | `metrics` | `metrics` | [`Publisher`](metrics::Publisher) hands a snapshot to the installed recorder, as often as it is asked to |
//! | `opentelemetry_sdk` | none | its metrics cannot come from elsewhere: see below |
//!
//! # OpenTelemetry
//!
//! The Rust SDK has had no `MetricProducer` since 0.26, its readers are not public, and a histogram can only be made by
//! recording values one by one. A program that pushes OTLP therefore lets its collector scrape what
//! `exposition` writes (the feature `prometheus`; with the protobuf format native histograms arrive as exponential ones,
//! bucket for bucket), or leaves the process alone and has the npm package push a [`page`](crate::page) of it.

#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "prometheus-client")]
pub mod prometheus_client;
