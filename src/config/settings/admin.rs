//! `[admin]`: how the command line reaches the running gateway.

use std::path::PathBuf;

use serde::Deserialize;

/// `[admin]`: how the command line reaches the running gateway.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Unix socket. Default `/run/branchline/admin.sock`.
    pub socket: PathBuf,
}

impl Default for Admin {
    fn default() -> Self {
        Admin { socket: "/run/branchline/admin.sock".into() }
    }
}
