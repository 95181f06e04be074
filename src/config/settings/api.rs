//! `[api]`: where the API is served, and who may run the box over it.

use std::net::SocketAddr;

use serde::Deserialize;

/// `[api]`: where the API is served, and who may run the box over it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// Addresses of its own; beside the phones' configuration at those of `[http]` when there are none. Default none.
    pub listen: Vec<SocketAddr>,
    /// Networks that are served there. Default: those of `[http]`.
    pub networks: Vec<String>,
    /// Networks from which somebody may act as an admin. Default: all that are served.
    pub admin_networks: Vec<String>,
}
