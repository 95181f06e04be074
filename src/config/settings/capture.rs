//! `[capture]`: what is remembered of signalling, and who gets a copy.

use serde::Deserialize;

use crate::config::secret::SecretRef;

/// `[capture]`: what is remembered of signalling, and who gets a copy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capture {
    /// Memory for SIP messages of calls, in MB, for `branchline calls show`; 0 to 1,024, default 16; 0 for none.
    pub memory_mb: u16,
    /// A Homer capture server, `host:port` or `tcp:host:port`, which gets a copy of every message. Default none.
    pub hep: Option<String>,
    /// The number under which the server knows us; default 2001.
    pub hep_id: u32,
    /// Where the key stands that the server asks its agents for, 1 to 255 bytes; default none.
    pub hep_key: Option<SecretRef>,
}

impl Default for Capture {
    fn default() -> Self {
        Capture { memory_mb: 16, hep: None, hep_id: 2_001, hep_key: None }
    }
}
