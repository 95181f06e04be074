//! `[http]`: where HTTPS listens, and for whom.

use std::net::SocketAddr;

use serde::Deserialize;

/// `[http]`: where HTTPS listens, and for whom. Nowhere by default: what is served there is for the branch alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Addresses. Default none.
    pub listen: Vec<SocketAddr>,
    /// Networks that are served; whoever else connects is cut off before TLS. Default: loopback, private addresses
    /// (RFC 1918, RFC 4193) and link-local ones.
    pub networks: Vec<String>,
    /// Proxies and relays that pass on what others ask: each may have as many connections as all of them together need.
    /// Default none.
    pub relays: Vec<String>,
}

impl Default for Http {
    fn default() -> Self {
        let own = [
            "127.0.0.0/8",
            "::1/128",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ];
        Http { listen: Vec::new(), networks: own.map(str::to_owned).to_vec(), relays: Vec::new() }
    }
}
