//! `[metrics]`: figures for Prometheus.

use std::net::SocketAddr;

use serde::Deserialize;

/// `[metrics]`: figures for Prometheus.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Where `GET /metrics` is answered: an address of the loopback. Default nowhere; `branchline metrics` works always.
    pub listen: Option<SocketAddr>,
}
