//! `[trust]`: who is never banned, and how long the others are.

use serde::Deserialize;

/// `[trust]`: who is never banned, and how long the others are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trust {
    /// Whether sources that guess and scan are banned at all. Default true.
    pub bans: bool,
    /// The site's own networks, whose phones are never banned. Default: private addresses (RFC 1918, RFC 4193) and
    /// link-local ones.
    pub networks: Vec<String>,
    /// Seconds of a first ban, each later one twice as long; 60 to 86,400, default 600.
    pub ban_s: u32,
}

impl Default for Trust {
    fn default() -> Self {
        let own = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ];
        Trust { bans: true, networks: own.map(str::to_owned).to_vec(), ban_s: 600 }
    }
}
