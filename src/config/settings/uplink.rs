//! `[uplink]`: the line to head office.

use serde::Deserialize;

use super::leaving::{Budget, Policy};
use crate::context::asked::Erasures;

/// `[uplink]`: the line to head office, to which `branchline enroll` lets the box in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Uplink {
    /// The hub's addresses, `name:port`, in the order in which they are tried. Default none: nothing leaves the premises.
    pub hub: Vec<String>,
    /// The site's name at the hub. Default the one that it was enrolled as.
    pub site: Option<String>,
    /// Whether TLS over TCP is tried where UDP does not pass; default yes.
    pub tls_fallback: bool,
    /// Kilobits a second at most; 16 to 10000000. Default as many as the line carries.
    pub ceiling_kbps: Option<u32>,
    /// The class of traffic that packets are marked with (RFC 2474); 0 to 63, default 8, which goes behind everything else.
    pub dscp: u8,
    /// Milliseconds that the hub may take to say who somebody is; 50 to 5000, default 800. No ring waits for it.
    pub ask_ms: u16,
    /// What becomes of erasures that other branches ask for: `ask`, a person of this branch says yes or no, or `obey`; default
    /// `ask`.
    pub erasures_from_others: Erasures,
    /// `[uplink.policy]`.
    pub policy: Policy,
    /// `[uplink.budget]`.
    pub budget: Budget,
}

impl Default for Uplink {
    fn default() -> Self {
        Uplink {
            hub: Vec::new(),
            site: None,
            tls_fallback: true,
            ceiling_kbps: None,
            dscp: 8,
            ask_ms: 800,
            erasures_from_others: Erasures::default(),
            policy: Policy::default(),
            budget: Budget::default(),
        }
    }
}

impl Uplink {
    /// Octets a second at most.
    pub fn ceiling(&self) -> Option<u64> {
        self.ceiling_kbps.map(|kbps| u64::from(kbps) * 1_000 / 8)
    }
}
